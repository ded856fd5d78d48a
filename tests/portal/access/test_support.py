"""Support sees that things run, and not one word; the database would refuse the rest. The role meets no other."""

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError

from evidence import tenancy
from evidence.errors import DutyConflict
from portal.accounts import services
from portal.accounts.models import Membership
from tests.contracts.test_access_matrix import signed_in
from tests.contracts.world import Marked
from tests.people import actor, join


@pytest.fixture
def sam(org, people):
    return actor(org, join(org, "Sam Support", "support"))


def test_it_sees_states_and_counts_and_no_title(sam, people, org):
    told = Marked(people)
    told.mark = "zzword"
    told.until("worked")
    page = signed_in(sam).get(f"/o/{org.slug}/support")
    assert page.status_code == 200
    assert b"In progress" in page.content and b"zzword" not in page.content and b"How things run" in page.content


@pytest.mark.parametrize(
    "path", ["findings", "evidence/", "jobs/", "ledger/", "settings/people", "profile", "triage", ""]
)
def test_other_pages_do_not_exist_for_it(sam, org, path):
    assert signed_in(sam).get(f"/o/{org.slug}/{path}").status_code == 404


@pytest.mark.parametrize(
    "statement",
    ["SELECT title FROM findings_finding", "SELECT * FROM jobs_job", "SELECT text FROM ledger_eventtext",
     "SELECT filename FROM artifacts_artifactversion", "SELECT wrapped_key FROM vault_blob"],
)  # fmt: skip
def test_the_database_gives_its_connection_no_words(sam, org, statement):
    with (
        tenancy.reading_as_auditor(),
        pytest.raises(DatabaseError),
        transaction.atomic(),
        tenancy.structure_only(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


def test_it_meets_no_other_role(sam, people, org):
    for role in ("engineer", "auditor", "administrator"):
        with pytest.raises(DutyConflict) as refused:
            services.grant_role(person_id=sam.person_id, role=role, actor=people.adam)
        assert refused.value.rule.startswith("N-")
        with pytest.raises(DatabaseError, match=r"\[N-"), transaction.atomic():
            Membership.objects.create(organization=org, person_id=sam.person_id, role=role)
