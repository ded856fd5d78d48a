import pytest
from django.db import DatabaseError, connection, transaction

from evidence import tenancy
from evidence.errors import Invalid, NotAllowed
from evidence.organizations import queries, services
from evidence.organizations.models import Policy


def test_numbers_rise_and_are_never_given_twice(org):
    assert list(services.take_numbers(org.pk, "F", 3)) == [1, 2, 3]
    assert services.take_ref(org.pk, "F") == ("F-004", 4)
    assert services.take_ref(org.pk, "T") == ("T-001", 1)


def test_two_organizations_count_apart(org, other_org):
    services.take_numbers(org.pk, "F", 7)
    with tenancy.entered(other_org.pk):
        assert services.take_ref(other_org.pk, "F") == ("F-001", 1)


def test_a_policy_is_the_default_until_a_version_is_set(org, people):
    assert queries.policy(org.pk, "sla").version == 0
    services.set_policy("uploads", {"limit_bytes": 10}, actor=people.adam)
    value = queries.policy(org.pk, "uploads")
    assert (value.version, value.body["limit_bytes"]) == (1, 10)


def test_only_who_may_set_settings_sets_a_policy(org, people):
    with pytest.raises(NotAllowed):
        services.set_policy("uploads", {"limit_bytes": 10}, actor=people.maya)
    with pytest.raises(Invalid):
        services.set_policy("moods", {}, actor=people.adam)
    assert not Policy.objects.exists()


def test_raw_sql_cannot_change_a_policy_that_was_in_force(org, people):
    services.set_policy("uploads", {"limit_bytes": 10}, actor=people.adam)
    for statement in ("UPDATE organizations_policy SET version = 9", "DELETE FROM organizations_policy"):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_rows_of_another_organization_are_not_there(org, other_org, people):
    services.set_policy("uploads", {"limit_bytes": 10}, actor=people.adam)
    with tenancy.entered(other_org.pk):
        assert not Policy.objects.exists()
    with tenancy.entered(None):
        assert not Policy.objects.exists()


def test_a_row_cannot_be_written_into_another_organization(org, other_org):
    with pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
        services.take_numbers(other_org.pk, "F")
