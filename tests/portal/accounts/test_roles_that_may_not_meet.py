import pytest
from django.db import DatabaseError, connection, transaction

from evidence.errors import DutyConflict, NotAllowed
from evidence.identifiers import uuid7
from portal.accounts import services
from portal.accounts.models import Membership


@pytest.mark.rule("R-01", by="python")
@pytest.mark.parametrize("role", ["manager", "engineer", "reviewer", "approver", "executive", "auditor"])
def test_an_administrator_holds_no_other_role(org, people, role):
    second_admin = _join(org, people, "administrator")
    with pytest.raises(DutyConflict) as refusal:
        services.grant_role(person_id=people.adam.person_id, role=role, actor=second_admin)
    assert refusal.value.rule == "R-01"


@pytest.mark.rule("R-01", by="database")
@pytest.mark.parametrize(("held", "wanted"), [("administrator", "approver"), ("auditor", "engineer")])
def test_the_database_refuses_the_pair_as_well(org, people, held, wanted):
    someone = {"administrator": people.adam, "auditor": people.otto}[held]
    with pytest.raises(DatabaseError, match=r"\[R-01\]"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_membership (id, organization_id, person_id, role, department, starts_at)"
            " VALUES (%s, %s, %s, %s, '', now())",
            [uuid7(), org.pk, someone.person_id, wanted],
        )


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

    return actor(org, join(org, "Anna Second", role))
