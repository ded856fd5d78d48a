"""Who may see what of an audit, and until when."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from evidence import clock
from evidence.controls import services as controls
from evidence.errors import Invalid, NotAllowed, NotFound, Stale, WrongState
from evidence.ledger.models import Event
from portal.engagements import queries, services
from portal.engagements.models import Engagement, EngagementGrant
from tests.people import account_of

pytestmark = pytest.mark.django_db

FACTS = services.Facts("Examination", date(2026, 1, 1), date(2026, 12, 31), auditor_firm="Haas & Partner")


@pytest.fixture
def engagement(people) -> Engagement:
    return services.create(FACTS, actor=people.maya)


@pytest.fixture
def starter(people):
    return controls.adopt_starter_set(actor=people.maya)


def let_in(engagement, people, **changes) -> EngagementGrant:
    options = {"account_id": people.otto.account_id, "valid_until": clock.now() + timedelta(days=30)} | changes
    return services.grant(engagement.pk, actor=people.maya, **options)


def test_a_manager_opens_a_file_and_security_is_always_in_its_scope(people):
    made = services.create(replace(FACTS, categories=("A",)), actor=people.maya)
    assert made.ref == "ENG-1"
    assert made.categories == ["CC", "A"]
    assert Event.objects.filter(kind="engagement.created", object_id=made.pk).exists()


def test_an_engineer_may_not(people):
    with pytest.raises(NotAllowed):
        services.create(FACTS, actor=people.ines)
    assert not Engagement.objects.exists()


def test_a_period_that_ends_before_it_begins_is_refused(people):
    with pytest.raises(Invalid) as refusal:
        services.create(replace(FACTS, period_end=date(2025, 1, 1)), actor=people.maya)
    assert "period_end" in refusal.value.fields


def test_an_edit_of_an_older_version_is_refused(engagement, people):
    services.edit(engagement.pk, replace(FACTS, title="Second"), actor=people.maya, version=1)
    with pytest.raises(Stale):
        services.edit(engagement.pk, replace(FACTS, title="Third"), actor=people.maya, version=1)


def test_states_follow_the_table(engagement, people):
    services.change_state(engagement.pk, "open", actor=people.maya)
    services.change_state(engagement.pk, "closed", actor=people.maya)
    with pytest.raises(WrongState):
        services.change_state(engagement.pk, "planned", actor=people.maya)


def test_an_auditor_sees_an_engagement_only_while_the_grant_runs(engagement, people):
    with pytest.raises(NotFound):
        queries.open_to(people.otto, engagement.ref)
    let_in(engagement, people)
    assert queries.open_to(people.otto, engagement.ref) == engagement
    assert people.otto.may("engagement.read", engagement)
    with clock.at(clock.now() + timedelta(days=31)):
        with pytest.raises(NotFound):
            queries.open_to(people.otto, engagement.ref)
        assert not people.otto.may("engagement.read", engagement)


def test_a_revoked_grant_ends_at_once_and_a_new_one_may_follow(engagement, people):
    held = let_in(engagement, people)
    services.revoke(held.pk, actor=people.maya, reason="Fieldwork is over.")
    with pytest.raises(NotFound):
        queries.open_to(people.otto, engagement.ref)
    let_in(engagement, people)
    assert queries.open_to(people.otto, engagement.ref) == engagement


def test_only_released_rows_reach_an_auditor(engagement, starter, people):
    chosen = [control.pk for control in starter[:3]]
    assert services.scope(engagement.pk, actor=people.maya, controls=chosen) == (3, 0)
    assert services.scope(engagement.pk, actor=people.maya, controls=chosen) == (0, 0)
    assert queries.controls(engagement).count() == 3
    assert not queries.controls(engagement, released_only=True).exists()
    assert services.release(engagement.pk, actor=people.maya, controls=chosen[:1], findings=()) == 1
    assert list(queries.controls(engagement, released_only=True).values_list("pk", flat=True)) == chosen[:1]


def test_what_was_released_cannot_be_taken_back_even_by_raw_sql(engagement, starter, people):
    services.scope(engagement.pk, actor=people.maya, controls=[starter[0].pk])
    services.release(engagement.pk, actor=people.maya)
    assert services.narrow(engagement.pk, actor=people.maya, reason="No", controls=[starter[0].pk]) == 0
    with pytest.raises(DatabaseError) as refusal, transaction.atomic():
        connection.cursor().execute("DELETE FROM engagements_scopedcontrol")
    assert refusal.value.__cause__.sqlstate == "CH001"


def test_members_of_staff_are_not_let_in_as_auditors(engagement, people):
    with pytest.raises(NotFound):
        let_in(engagement, people, account_id=people.ines.account_id)
    assert not EngagementGrant.objects.exists()


def test_the_database_refuses_a_grant_to_staff_or_to_oneself(engagement, people):
    grant = let_in(engagement, people)
    fields = {
        "organization_id": engagement.organization_id,
        "permission_id": grant.permission_id,
        "content_object": engagement,
        "valid_until": clock.now() + timedelta(days=3),
    }
    for user, granter, code in (
        (people.ines, people.maya, "CH005"),
        (people.otto, people.otto, "CH003"),
    ):
        with pytest.raises(DatabaseError) as refusal, transaction.atomic():
            EngagementGrant.objects.create(user=account_of(user), granted_by_id=granter.person_id, **fields)
        assert refusal.value.__cause__.sqlstate == code


def test_a_grant_cannot_be_lengthened(engagement, people):
    grant = let_in(engagement, people)
    with pytest.raises(DatabaseError), transaction.atomic():
        EngagementGrant.objects.filter(pk=grant.pk).update(valid_until=clock.now() + timedelta(days=900))


def test_another_organizations_engagement_is_not_found(engagement, people, other_org):
    stranger = replace(people.maya, organization_id=other_org.pk)
    with pytest.raises(NotFound):
        services.edit(engagement.pk, FACTS, actor=stranger)
