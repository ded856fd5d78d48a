"""To whom a blocked request goes: free, present, least loaded first; an absent person's delegate instead of them."""

from datetime import timedelta

import pytest

from evidence import clock
from evidence.errors import Invalid, NotFound
from evidence.ledger.models import Event, EventText
from remediation.approvals import queries, reminders, services
from remediation.approvals.absences import queries as away
from remediation.approvals.absences import services as absences
from remediation.approvals.models import Absence
from tests.remediation.approvals.test_delegation import lend


def leave(who, days=3, **other):
    now = clock.now()
    return absences.note(starts_at=now, ends_at=now + timedelta(days=days), actor=who, **other)


def test_who_is_away_stands_last_and_their_delegate_is_offered(people, thing):
    lend(people.alba, people.ivan)
    leave(people.alba)
    found = queries.position(thing.ask(people.maya), people.maya).eligible
    assert [one.shown for one in found] == ["Arun Mehta", "Ivan Petrov for Alba Ferrer", "Alba Ferrer"]
    assert found[-1].away_until is not None and found[-1].delegate == "Ivan Petrov"


def test_the_least_loaded_comes_first(people, thing):
    for number in range(2):
        other = type(thing)(ref=f"X-10{number}")
        request = other.ask(people.maya)
        services.ask(request.pk, person_id=people.alba.person_id, message="", actor=people.maya)
    found = queries.position(thing.ask(people.maya), people.maya).eligible
    assert [(one.name, one.load) for one in found] == [("Arun Mehta", 0), ("Alba Ferrer", 2)]


def test_a_delegate_can_be_asked(people, thing):
    lend(people.arun, people.ivan)
    nudge = services.ask(
        thing.ask(people.maya).pk, person_id=people.ivan.person_id, message="Please.", actor=people.maya
    )
    assert nudge.person_id == people.ivan.person_id
    assert queries.queue(people.ivan).can[0].nudge == nudge


def test_an_absence_says_when_and_keeps_why_to_itself(people):
    leave(people.alba, note="A clinic, not for others")
    assert away.away(people.alba.organization_id).keys() == {people.alba.person_id}
    assert Event.objects.get().kind == "absence.noted" and not EventText.objects.exists()
    assert b"clinic" not in bytes(Event.objects.get().body)


def test_it_is_ones_own_to_take_back(people):
    row = leave(people.alba)
    with pytest.raises(NotFound):
        absences.cancel(row.pk, actor=people.maya)
    absences.cancel(row.pk, actor=people.alba)
    assert away.away(people.alba.organization_id) == {}


@pytest.mark.parametrize("days", [0, -2])
def test_an_absence_has_a_length(people, days):
    with pytest.raises(Invalid):
        leave(people.alba, days)
    assert not Absence.objects.exists()


@pytest.mark.parametrize(
    ("share", "step"),
    [(0.0, "wanted"), (0.3, ""), (0.5, "reminder"), (0.75, "manager"), (0.95, "executive")],
    ids=["new", "waiting", "half", "three quarters", "near its end"],
)
def test_reminder_after_half_the_time_then_further_up(people, thing, share, step):
    request = thing.ask(people.maya)
    with clock.at(request.requested_at + share * (request.expires_at - request.requested_at)):
        assert reminders.step_of(request) == step
        found = reminders.due(people.maya.organization_id)
        assert [one.step for one in found] == ([step] if step else [])


def test_only_who_may_decide_and_has_not_is_reminded(people, thing):
    thing.severity = "high"
    request = thing.ask(people.maya)
    services.decide(request.pk, verdict="approve", reason="The retest shows it.", actor=people.arun)
    assert reminders.people_for(reminders.Due(request, "reminder")) == {people.alba.person_id}
    assert reminders.people_for(reminders.Due(request, "manager")) == {people.maya.person_id}
    assert reminders.people_for(reminders.Due(request, "executive")) == {people.edda.person_id}
