"""Not even the owner of the tables edits what was decided: the guards fire for every role."""

import psycopg
import pytest
from django.db import DatabaseError, connections, transaction

from evidence import tenancy
from evidence.organizations.models import Organization
from remediation.approvals import services as approvals
from remediation.sod import services as sod
from tests.people import hire

pytestmark = pytest.mark.slow

STATEMENTS = [
    "UPDATE approvals_decision SET verdict = 'reject'",
    "DELETE FROM approvals_decision",
    "TRUNCATE approvals_decision",
    "UPDATE approvals_request SET needed = 0",
    "UPDATE approvals_request SET content = '\\x00'",
    "UPDATE approvals_request SET state = 'open'",
    "DELETE FROM approvals_request",
    "TRUNCATE approvals_request CASCADE",
    "UPDATE sod_hand SET duty = 'finder'",
    "DELETE FROM sod_hand",
    "TRUNCATE sod_hand",
    "UPDATE sod_rule SET verdict = 'Y'",
    "DELETE FROM sod_rule",
]


def test_history_of_decisions_stands_against_the_owner(own_database, thing):
    with transaction.atomic():
        organization = Organization.objects.create(slug="owned", name="Owned")
        with tenancy.entered(organization.pk):
            people = hire(organization)
            sod.take_duty("uploader", actor=people.ines, **thing.on())
            request = thing.ask(people.maya)
            approvals.decide(request.pk, verdict="approve", reason="Looked at it myself.", actor=people.arun)
    owner = connections["owner"]
    for statement in STATEMENTS:
        with (
            pytest.raises(DatabaseError) as refused,
            transaction.atomic(using="owner"),
            tenancy.entered(organization.pk, using="owner"),
            owner.cursor() as cursor,
        ):
            cursor.execute(statement)
        cause = refused.value.__cause__
        assert isinstance(cause, psycopg.Error), statement
        assert cause.sqlstate in ("CH001", "CH002"), statement
