import pytest
from django.db import DatabaseError, connection, transaction

from evidence.errors import DutyConflict, NotAllowed
from evidence.identifiers import uuid7
from portal.accounts import roles, services
from portal.accounts.models import Membership, Person
from remediation.sod import queries as sod
from remediation.sod.matrix import TOXIC
from tests.people import give
from tests.remediation.policy import in_force
from tests.remediation.subjects import refusal_of

NUMBERS = [pair.number for pair in TOXIC]
GIVEN = [pair for pair in TOXIC if {pair.one, pair.other} <= set(roles.ROLES)]
INSERT = (
    "INSERT INTO accounts_membership (id, organization_id, person_id, role, department, starts_at)"
    " VALUES (%s, %s, %s, %s, '', now())"
)


@pytest.mark.rule(*NUMBERS, by="python")
@pytest.mark.parametrize("turned", [False, True], ids=["", "turned"])
@pytest.mark.parametrize("pair", TOXIC, ids=lambda pair: pair.number)
def test_a_toxic_pair_is_named_by_its_number(org, pair, turned):
    held, wanted = (pair.other, pair.one) if turned else (pair.one, pair.other)
    assert sod.toxic_with(wanted, {held, "observer"}, organization_id=org.pk) == (pair.number, held)


@pytest.mark.parametrize("pair", GIVEN, ids=lambda pair: pair.number)
def test_a_grant_that_makes_a_toxic_pair_is_refused(org, people, pair):
    second_admin = _join(org, people, "administrator")
    held = {"administrator": people.adam, "auditor": people.otto}.get(pair.one) or _join(org, people, pair.one)
    with pytest.raises(DutyConflict) as refusal:
        services.grant_role(person_id=held.person_id, role=pair.other, actor=second_admin)
    assert refusal.value.rule == pair.number


@pytest.mark.rule(*NUMBERS, by="database")
@pytest.mark.parametrize("pair", TOXIC, ids=lambda pair: pair.number)
def test_the_database_refuses_the_pair_as_well(org, pair):
    person = Person.objects.create(name="Somebody")
    give(org, person.pk, pair.one)
    state, message = refusal_of(INSERT, [uuid7(), org.pk, person.pk, pair.other])
    assert (state, message) == ("CH005", f"[{pair.number}] {pair.sentence}")


@pytest.mark.rule("R-01", by="python")
@pytest.mark.rule("R-01", by="database")
def test_a_pair_that_the_organizations_policy_forbids_is_refused_too(org, people):
    in_force(org, people, sod={"toxic_roles": [["engineer", "reviewer"]]})
    with pytest.raises(DutyConflict) as refusal:
        services.grant_role(person_id=people.ines.person_id, role="reviewer", actor=people.adam)
    assert refusal.value.rule == "R-01"
    assert refusal_of(INSERT, [uuid7(), org.pk, people.vera.person_id, "engineer"])[1].startswith("[R-01]")


@pytest.mark.rule("R-02", by="database")
@pytest.mark.rule("R-02", by="python")
def test_nobody_grants_a_role_to_themselves(org, people):
    with pytest.raises(DutyConflict) as refusal:
        services.grant_role(person_id=people.adam.person_id, role="administrator", actor=people.adam)
    assert refusal.value.rule == "R-02"
    with pytest.raises(DatabaseError, match=r"\[R-02\]"), transaction.atomic():
        Membership.objects.create(
            organization=org, person_id=people.maya.person_id, role="executive", granted_by_id=people.maya.person_id
        )


def test_an_engineer_grants_nothing(org, people):
    with pytest.raises(NotAllowed):
        services.grant_role(person_id=people.ivan.person_id, role="approver", actor=people.ines)


def test_an_ended_role_stays_ended_in_raw_sql_too(org, people):
    membership = Membership.objects.get(person_id=people.ines.person_id)
    services.end_role(membership.pk, actor=people.adam, reason="left the company")
    with pytest.raises(DatabaseError, match="can only be ended"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_membership SET ended_at = NULL WHERE id = %s", [membership.pk])
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM accounts_membership WHERE id = %s", [membership.pk])


def test_a_role_ended_is_a_right_lost(org, people):
    assert people.ines.may("tasks.work")
    membership = Membership.objects.get(person_id=people.ines.person_id)
    services.end_role(membership.pk, actor=people.adam, reason="left the company")
    people.ines.rights.__dict__.pop("roles_held", None)
    assert not people.ines.may("tasks.work")


def _join(org, people, role):
    from tests.people import actor, join

    return actor(org, join(org, "Anna Second", role, email=f"anna-{role}@{org.slug}.example"))
