"""Emergency access: asked with a reason, switched on by a second person, barred from decisions, reviewed afterwards."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from evidence import clock
from evidence.errors import DutyConflict, Invalid, NotAllowed, NotFound, ReauthenticationRequired, WrongState
from evidence.ledger.models import Event
from evidence.organizations.models import Policy
from portal.accounts import services as accounts
from portal.accounts.models import Invitation
from remediation.approvals import queries as approvals
from remediation.approvals import services
from remediation.approvals.absences import services as absences
from remediation.approvals.emergencies import bars, queries
from remediation.approvals.emergencies import services as emergencies
from remediation.approvals.models import Bar, Decision, Emergency
from tests.people import stale
from tests.remediation.approvals.test_delegation import VOTE, number_of

ASKED = {
    "role": "administrator",
    "hours": 2,
    "reason": "The identity provider locked everybody out.",
    "ticket": "INC-4711",
}


def ask(who, **other):
    return emergencies.ask(**{**ASKED, **other}, actor=who)


def running(who, by, **other):
    return emergencies.activate(ask(who, **other).pk, actor=by)


def during(who, row):
    """The person as their requests meet the portal while it runs."""
    return replace(who, emergency=row.pk, barred=bars.BARRED)


def away(*people):
    now = clock.now()
    for who in people:
        absences.note(starts_at=now, ends_at=now + timedelta(days=2), actor=who)


def test_asked_activated_ended_and_reviewed_by_three_people(people):
    row = ask(people.ines)
    assert row.state == Emergency.State.ASKED and row.ref == "EM-001"
    row = emergencies.activate(row.pk, actor=people.edda)
    assert row.state == Emergency.State.RUNNING
    assert timedelta(hours=1, minutes=59) < row.ends_at - clock.now() <= timedelta(hours=2)
    row = emergencies.end(row.pk, actor=during(people.ines, row))
    assert row.state == Emergency.State.REVIEWING
    row = emergencies.review(row.pk, verdict="fitting", words="Two accounts unlocked, nothing else.", actor=people.maya)
    assert row.state == Emergency.State.REVIEWED
    kinds = Event.objects.filter(object_id=row.pk).order_by("id").values_list("kind", flat=True)
    assert list(kinds) == ["emergency.asked", "emergency.activated", "emergency.ended", "emergency.reviewed"]


def test_the_review_is_due_after_two_business_days_of_the_organizations_own_calendar(org, people):
    friday = clock.now() + timedelta(days=(4 - clock.now().weekday()) % 7)
    monday = (friday + timedelta(days=3)).date()
    Policy.objects.create(organization=org, kind="sla", version=1, body={"holidays": [monday.isoformat()]})
    due = emergencies.review_due(org.pk, friday)
    assert due.date() == monday + timedelta(days=2)


def test_every_event_of_that_time_is_tagged(people, thing):
    row = running(people.maya, people.edda)
    thing.ask(during(people.maya, row))
    told = json.loads(bytes(Event.objects.get(kind="approval.requested").body))
    assert told["facts"]["data"]["emergency"] == str(row.pk)
    assert [fact.kind for fact in queries.acts(row)] == ["approval.requested"]


def test_an_event_outside_is_not_tagged(people, thing):
    thing.ask(people.maya)
    assert "emergency" not in json.loads(bytes(Event.objects.get().body))["facts"]["data"]


@pytest.mark.rule("B-01", by="python")
def test_asking_needs_a_fresh_proof(people):
    with pytest.raises(ReauthenticationRequired) as refused:
        ask(stale(people.ines))
    assert number_of(refused) == "B-01"
    old = replace(people.ines, authenticated_at=clock.now() - timedelta(minutes=6))
    with pytest.raises(ReauthenticationRequired):
        ask(old)


@pytest.mark.parametrize(
    ("other", "rule"),
    [
        pytest.param({"reason": "Fire."}, "B-02", id="no reason"),
        pytest.param({"ticket": " "}, "B-02", id="no ticket"),
        pytest.param({"role": "auditor"}, "B-03", id="an auditor's role"),
        pytest.param({"role": "king"}, "B-03", id="no role"),
        pytest.param({"hours": 5}, "B-04", id="too long"),
        pytest.param({"hours": 0}, "B-04", id="no time"),
    ],
)
@pytest.mark.rule("B-02", "B-03", "B-04", by="python")
def test_asking_is_whole(people, other, rule):
    with pytest.raises(Invalid) as refused:
        ask(people.ines, **other)
    assert number_of(refused) == rule
    assert not Emergency.objects.exists()


def test_nobody_asks_for_what_they_have(people):
    with pytest.raises(NotAllowed) as refused:
        ask(people.ines, role="engineer")
    assert refused.value.rule == "B-03"


@pytest.mark.rule("B-05", by="python")
def test_a_second_person_with_a_fresh_proof_activates(people):
    row = ask(people.ines)
    with pytest.raises(NotFound):
        emergencies.activate(row.pk, actor=people.ivan)
    for who, kind in ((people.arun, NotAllowed), (stale(people.edda), ReauthenticationRequired)):
        with pytest.raises(kind) as refused:
            emergencies.activate(row.pk, actor=who)
        assert number_of(refused) == "B-05"
    emergencies.activate(row.pk, actor=people.edda)
    with pytest.raises(WrongState) as refused:
        emergencies.activate(row.pk, actor=people.adam)
    assert number_of(refused) == "B-05"


def test_an_asking_holds_for_a_day(people):
    row = ask(people.ines)
    with clock.at(clock.now() + timedelta(hours=25)), pytest.raises(WrongState):
        emergencies.activate(row.pk, actor=replace(people.edda, authenticated_at=clock.now()))


@pytest.mark.rule("B-06", by="python")
def test_one_activates_alone_only_when_nobody_else_who_may_is_here(people):
    row = ask(people.ines)
    with pytest.raises(NotAllowed, match="You are not alone") as refused:
        emergencies.activate(row.pk, actor=people.ines)
    assert number_of(refused) == "B-06"
    away(people.adam, people.edda, people.maya)
    row = emergencies.activate(row.pk, actor=people.ines)
    assert row.state == Emergency.State.RUNNING
    assert row.alarmed == [str(people.edda.person_id), str(people.adam.person_id)]
    assert Event.objects.filter(kind="emergency.activated_alone").exists()


@pytest.mark.rule("B-07", by="python")
def test_one_at_a_time_and_none_while_a_review_is_late(people):
    row = ask(people.ines)
    with pytest.raises(WrongState) as refused:
        ask(people.ines)
    assert number_of(refused) == "B-07"
    emergencies.activate(row.pk, actor=people.edda)
    with pytest.raises(WrongState):
        ask(people.ines)
    later = clock.now() + timedelta(days=9)
    with clock.at(later), pytest.raises(WrongState, match="waits too long"):
        ask(replace(people.ines, authenticated_at=later))


@pytest.mark.rule("B-08", by="python")
def test_each_later_act_leaves_what_was_asked_alone(people):
    row = running(people.ines, people.edda)
    emergencies.end(row.pk, actor=people.edda)
    after = Emergency.objects.get()
    assert (after.role, after.hours, after.ticket, after.activated_by_id) == (
        "administrator", 2, "INC-4711", people.edda.person_id,
    )  # fmt: skip
    with pytest.raises(WrongState, match="over"):
        emergencies.end(row.pk, actor=people.ines)


@pytest.mark.rule("B-09", by="python")
def test_nobody_decides_meanwhile_not_even_with_their_own_role(people, thing):
    row = running(people.arun, people.edda)
    request = thing.ask(people.maya)
    for who in (during(people.arun, row), people.arun):
        with pytest.raises(NotAllowed) as refused:
            services.decide(request.pk, **VOTE, actor=who)
        assert number_of(refused) == "B-09"
    position = approvals.position(request, during(people.arun, row))
    assert not position.may and "B-09" in position.sentences[0]
    assert not Decision.objects.exists()


@pytest.mark.parametrize("permission", [bar.permission for bar in bars.BARS])
@pytest.mark.rule("B-10", "B-12", by="python")
def test_the_table_of_bars_takes_rights_away(people, permission):
    everything = type("Everything", (), {"has_perm": lambda self, perm, obj=None: True})()
    who = replace(during(people.ines, running(people.ines, people.edda)), rights=everything)
    assert not who.may(permission)
    with pytest.raises(NotAllowed) as refused:
        who.require(permission)
    assert number_of(refused) == bars.BARRED[permission]


@pytest.mark.rule("B-11", by="python")
def test_nobody_grants_or_invites_meanwhile(people):
    row = running(people.ines, people.edda)
    who = replace(during(people.adam, row), authenticated_at=clock.now())
    with pytest.raises(NotAllowed) as refused:
        accounts.grant_role(person_id=people.ivan.person_id, role="approver", actor=who)
    assert number_of(refused) == "B-11"
    with pytest.raises(NotAllowed):
        accounts.invite(email="x@lumenroll.example", name="X", role="engineer", actor=who)
    assert not Invitation.objects.exists()


@pytest.mark.rule("B-13", by="python")
def test_the_review_is_by_somebody_uninvolved_and_after_the_end(people):
    row = running(people.arun, people.maya)
    with pytest.raises(WrongState) as refused:
        emergencies.review(row.pk, verdict="fitting", words="It all looks fine.", actor=people.edda)
    assert number_of(refused) == "B-13"
    emergencies.end(row.pk, actor=people.arun)
    for who in (people.arun, people.maya):
        with pytest.raises(DutyConflict) as refused:
            emergencies.review(row.pk, verdict="fitting", words="It all looks fine.", actor=who)
        assert number_of(refused) == "B-13"
    with pytest.raises(Invalid):
        emergencies.review(row.pk, verdict="fitting", words="Fine.", actor=people.edda)
    emergencies.review(row.pk, verdict="objection", words="One export was not needed.", actor=people.edda)
    with pytest.raises(WrongState):
        emergencies.review(row.pk, verdict="fitting", words="It all looks fine.", actor=people.alba)


@pytest.mark.rule("B-14", by="python")
def test_asking_alone_gives_nothing(people):
    row = ask(people.ines)
    assert (row.activated_at, row.ends_at) == (None, None)
    assert queries.running_of(people.ines.person_id, people.ines.organization_id) is None


def test_the_guards_know_the_duties_of_the_table(db):
    assert set(Bar.objects.values_list("duty", flat=True)) == {str(duty) for duty in bars.DUTIES}
