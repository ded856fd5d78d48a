"""Deciding in another's place: what is lent, to whom, for how long, and that both people count as one."""

from datetime import timedelta

import pytest

from evidence import clock
from evidence.errors import DutyConflict, Invalid, NotAllowed, NotFound, WrongState
from evidence.identifiers import uuid7
from evidence.ledger.models import Event
from portal.accounts.models import Account, Membership, Person
from remediation.approvals import queries, services
from remediation.approvals.delegations import queries as lent
from remediation.approvals.delegations import services as delegations
from remediation.approvals.delegations.services import Terms
from remediation.approvals.models import Decision, Delegation
from remediation.sod import services as sod
from remediation.sod.models import Hand
from tests.people import actor, give, join

WHY = "Two weeks of leave in the mountains."
VOTE = {"verdict": "approve", "reason": "The retest shows it works."}


def terms(duty="approver", *, start=None, days=14, **other):
    starts_at = start or clock.now()
    return Terms(duty=duty, starts_at=starts_at, ends_at=starts_at + timedelta(days=days), **other)


def lend(giver, deputy, about=None, *, why=WHY, accepted=True):
    made = delegations.offer(deputy_id=deputy.person_id, terms=about or terms(), reason=why, actor=giver)
    return delegations.accept(made.pk, actor=deputy) if accepted else made


def decide(request, who, loan=None, **vote):
    return services.decide(request.pk, **{**VOTE, **vote}, actor=who, delegation_id=loan.pk if loan else None)


def number_of(refused):
    assert f"(rule {refused.value.rule})" in refused.value.message
    assert refused.value.help
    return refused.value.rule


def test_a_delegate_without_the_role_decides_for_the_delegator(people, thing):
    loan = lend(people.arun, people.ivan)
    request = thing.ask(people.maya)
    outcome = decide(request, people.ivan, loan)
    assert outcome.is_granted
    decision = Decision.objects.select_related("person", "for_person").get()
    assert (decision.person_id, decision.for_person_id) == (people.ivan.person_id, people.arun.person_id)
    assert decision.by == "Ivan Petrov for Arun Mehta"
    assert decision.department == "Security"  # the delegator's
    hands = Hand.objects.filter(duty="approver").values_list("person_id", "account_id")
    assert set(hands) == {
        (people.ivan.person_id, people.ivan.account_id),
        (people.arun.person_id, people.arun.account_id),
    }
    told = Event.objects.get(kind="approval.approved")
    assert str(loan.pk) in bytes(told.body).decode() and str(people.arun.person_id) in bytes(told.body).decode()


def test_offer_acceptance_and_end_are_events_of_the_delegation(people):
    loan = lend(people.arun, people.ivan)
    delegations.end(loan.pk, actor=people.arun, reason="Back early.")
    kinds = Event.objects.filter(object_id=loan.pk).order_by("id").values_list("kind", flat=True)
    assert list(kinds) == ["delegation.offered", "delegation.accepted", "delegation.ended"]
    assert Delegation.objects.get().state == Delegation.State.ENDED


def test_one_who_declines_carries_nothing(people, thing):
    loan = lend(people.arun, people.ivan, accepted=False)
    delegations.end(loan.pk, actor=people.ivan, reason="I am away too.")
    assert Delegation.objects.get().state == Delegation.State.DECLINED
    with pytest.raises(WrongState):
        delegations.accept(loan.pk, actor=people.ivan)


@pytest.mark.parametrize("who", ["arun", "ivan", "adam"])
def test_either_side_or_an_administrator_ends_it(people, thing, who):
    loan = lend(people.arun, people.ivan)
    delegations.end(loan.pk, actor=getattr(people, who), reason="No longer needed.")
    with pytest.raises(WrongState, match="D-15"):
        decide(thing.ask(people.maya), people.ivan, loan)


def test_a_bystander_neither_sees_nor_ends_it(people):
    loan = lend(people.arun, people.ivan)
    with pytest.raises(NotFound):
        delegations.end(loan.pk, actor=people.ines, reason="Because I can.")
    with pytest.raises(NotAllowed):
        delegations.end(loan.pk, actor=people.maya, reason="Because I can.")
    with pytest.raises(NotFound):
        lent.get(loan.pk, actor=people.ines)


def test_leaving_ends_what_a_person_gave_and_received(people):
    lend(people.arun, people.ivan)
    lend(people.edda, people.arun, terms("acceptor"))
    assert services.end_delegations_of(people.arun.person_id, actor=people.adam, why="Arun leaves today.") == 2
    assert services.end_delegations_of(people.arun.person_id, actor=people.adam, why="Arun leaves today.") == 0
    assert {row.state for row in Delegation.objects.all()} == {Delegation.State.ENDED}


def test_the_sweep_ends_what_a_lost_role_left_hanging(people):
    lend(people.arun, people.ivan)
    lend(people.alba, people.ines)
    Membership.objects.filter(person_id=people.arun.person_id).update(ended_at=clock.now())
    system = type(people.arun).system(people.arun.organization_id, "scheduler")
    assert delegations.end_orphaned(actor=system) == 1
    assert Delegation.objects.get(ended_at=None).giver_id == people.alba.person_id


def test_each_natural_person_counts_once_in_a_quorum(people, thing):
    thing.severity = "high"
    loan = lend(people.arun, people.alba)
    request = thing.ask(people.maya)
    decide(request, people.alba, loan)
    assert queries.still_needed(request, queries.decisions_on(request)) == 1
    position = queries.position(request, people.arun)
    assert not position.may and position.sentences == ["You have decided on this already."]


@pytest.mark.rule("D-19", by="python")
def test_who_decided_or_was_decided_for_does_neither_again(people, thing):
    thing.severity = "high"
    loan = lend(people.arun, people.alba)
    request = thing.ask(people.maya)
    decide(request, people.alba, loan)
    for again in (lambda: decide(request, people.arun), lambda: decide(request, people.alba, loan)):
        with pytest.raises(DutyConflict) as refused:
            again()
        assert number_of(refused) == "D-19"
    with pytest.raises(WrongState, match="already"):
        decide(request, people.alba)
    assert Decision.objects.count() == 1


@pytest.mark.parametrize("duty", ["owner", "implementer", "uploader", "verifier"])
@pytest.mark.rule("D-18", by="python")
def test_a_conflict_of_the_delegator_blocks_the_delegate(people, thing, duty):
    loan = lend(people.arun, people.ivan)
    sod.take_duty(duty, actor=people.arun, **thing.on())
    request = thing.ask(people.maya)
    with pytest.raises(DutyConflict, match="Arun Mehta") as refused:
        decide(request, people.ivan, loan)
    assert number_of(refused) == "D-18"
    position = queries.position(request, people.ivan)
    assert [one.rule for one in position.behalf] == ["D-18"] and not position.may_somehow
    assert not Decision.objects.exists()


def test_a_conflict_of_the_delegate_blocks_them_too(people, thing):
    loan = lend(people.arun, people.ivan)
    sod.take_duty("implementer", actor=people.ivan, **thing.on())
    with pytest.raises(DutyConflict) as refused:
        decide(thing.ask(people.maya), people.ivan, loan)
    assert refused.value.rule == "S-05"


def test_a_delegator_who_asked_cannot_have_it_decided_for_them(org, people, thing):
    give(org, people.arun.person_id, "manager", "Security")
    loan = lend(people.arun, people.ivan)
    with pytest.raises(DutyConflict, match="asked for the decision") as refused:
        decide(thing.ask(people.arun), people.ivan, loan)
    assert refused.value.rule == "D-18"


@pytest.mark.rule("D-01", by="python")
def test_the_product_delegates_nothing(people):
    system = type(people.arun).system(people.arun.organization_id, "scheduler")
    with pytest.raises(NotAllowed) as refused:
        delegations.offer(deputy_id=people.ivan.person_id, terms=terms(), reason=WHY, actor=system)
    assert refused.value.rule == "D-01"


@pytest.mark.rule("D-02", by="python")
def test_nobody_delegates_to_themselves_from_a_second_account_either(org, people):
    second = Account.objects.create_account(
        "arun.second@lumenroll.example", None, person=Person.objects.get(pk=people.arun.person_id)
    )
    for who in (people.arun, actor(org, second)):
        with pytest.raises(DutyConflict) as refused:
            lend(who, people.arun, accepted=False)
        assert number_of(refused) == "D-02"


@pytest.mark.rule("D-03", by="python")
def test_only_a_duty_of_ones_own_is_lent(people):
    for who, duty in ((people.ines, "approver"), (people.arun, "acceptor")):
        with pytest.raises(NotAllowed) as refused:
            lend(who, people.ivan, terms(duty), accepted=False)
        assert number_of(refused) == "D-03"


@pytest.mark.rule("D-04", by="python")
def test_an_administrator_an_auditor_and_a_stranger_carry_no_duty(org, people):
    stranger = Person.objects.create(name="Sven")
    for person in (people.adam.person_id, people.otto.person_id, stranger.pk):
        with pytest.raises(DutyConflict) as refused:
            delegations.offer(deputy_id=person, terms=terms(), reason=WHY, actor=people.arun)
        assert number_of(refused) == "D-04"


@pytest.mark.rule("D-05", by="python")
def test_what_was_delegated_is_not_delegated_on(org, people):
    aiko = actor(org, join(org, "Aiko Mori", "approver", "Security"))
    lend(people.arun, people.alba)
    for giver, deputy in ((people.alba, people.ivan), (aiko, people.arun)):
        with pytest.raises(DutyConflict) as refused:
            lend(giver, deputy, accepted=False)
        assert number_of(refused) == "D-05"
    # Another duty, or another time, is no chain.
    lend(people.alba, people.ivan, terms(start=clock.now() + timedelta(days=20), days=5))
    lend(people.edda, people.arun, terms("acceptor"))


@pytest.mark.rule("D-06", by="python")
def test_two_people_do_not_stand_in_for_each_other(people):
    lend(people.arun, people.alba, accepted=False)
    with pytest.raises(DutyConflict) as refused:
        lend(people.alba, people.arun, accepted=False)
    assert number_of(refused) == "D-06"


@pytest.mark.parametrize(
    ("other", "rule", "field"),
    [
        pytest.param({"days": 31}, "D-07", "ends_on", id="too long"),
        pytest.param({"days": 0}, "D-07", "ends_on", id="no time"),
        pytest.param({"start": timedelta(hours=-1)}, "D-08", "starts_on", id="backdated"),
        pytest.param({"duty": "owner"}, "D-10", "actions", id="no deciding duty"),
        pytest.param({"actions": ("risk.accept",)}, "D-10", "actions", id="action of another duty"),
        pytest.param({"scope": "moon"}, "D-10", "scope", id="no scope"),
        pytest.param({"scope": "severity"}, "D-10", "ceiling", id="no ceiling"),
        pytest.param({"scope": "engagement"}, "D-10", "engagement", id="no engagement"),
        pytest.param({"scope": "items"}, "D-10", "items", id="no items"),
    ],
)
@pytest.mark.rule("D-07", "D-08", "D-10", by="python")
def test_the_terms_are_whole_and_not_backdated(people, other, rule, field):
    if "start" in other:
        other = {**other, "start": clock.now() + other["start"]}
    with pytest.raises(Invalid) as refused:
        lend(people.arun, people.ivan, terms(**other), accepted=False)
    assert number_of(refused) == rule and field in refused.value.fields
    assert not Delegation.objects.exists() and not Event.objects.exists()


@pytest.mark.rule("D-09", by="python")
def test_it_says_why(people):
    with pytest.raises(Invalid) as refused:
        lend(people.arun, people.ivan, why="Leave.", accepted=False)
    assert number_of(refused) == "D-09"


@pytest.mark.rule("D-11", by="python")
def test_only_the_delegate_accepts_and_once(people):
    loan = lend(people.arun, people.ivan, accepted=False)
    for who in (people.arun, people.adam):
        with pytest.raises(NotAllowed) as refused:
            delegations.accept(loan.pk, actor=who)
        assert number_of(refused) == "D-11"
    delegations.accept(loan.pk, actor=people.ivan)
    with pytest.raises(WrongState) as refused:
        delegations.accept(loan.pk, actor=people.ivan)
    assert number_of(refused) == "D-11"


@pytest.mark.rule("D-12", by="python")
def test_acceptance_and_end_leave_the_terms_alone(people):
    made = lend(people.arun, people.ivan, accepted=False)
    before = (made.duty, made.starts_at, made.ends_at, made.scope, made.deputy_id)
    delegations.accept(made.pk, actor=people.ivan)
    delegations.end(made.pk, actor=people.ivan, reason="Back early.")
    after = Delegation.objects.get()
    assert (after.duty, after.starts_at, after.ends_at, after.scope, after.deputy_id) == before


@pytest.mark.rule("D-13", by="python")
def test_nothing_holds_before_it_is_accepted(people, thing):
    loan = lend(people.arun, people.ivan, accepted=False)
    request = thing.ask(people.maya)
    assert queries.position(request, people.ivan).behalf == []
    with pytest.raises(WrongState) as refused:
        decide(request, people.ivan, loan)
    assert number_of(refused) == "D-13"


@pytest.mark.rule("D-14", by="python")
def test_it_holds_within_its_dates_only(people, thing):
    loan = lend(people.arun, people.ivan, terms(start=clock.now() + timedelta(days=3), days=5))
    request = thing.ask(people.maya)
    with pytest.raises(WrongState) as refused:
        decide(request, people.ivan, loan)
    assert number_of(refused) == "D-14"
    with clock.at(loan.ends_at), pytest.raises(WrongState) as refused:
        delegations.usable(request, loan.pk, actor=people.ivan, severity="medium")
    assert number_of(refused) == "D-14"


@pytest.mark.rule("D-15", by="python")
def test_an_ended_one_carries_no_decision_and_ends_once(people, thing):
    loan = lend(people.arun, people.ivan)
    delegations.end(loan.pk, actor=people.arun)
    for again in (
        lambda: decide(thing.ask(people.maya), people.ivan, loan),
        lambda: delegations.end(loan.pk, actor=people.arun),
    ):
        with pytest.raises(WrongState) as refused:
            again()
        assert number_of(refused) == "D-15"


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"actions": ("finding.reject",)}, id="another action"),
        pytest.param({"scope": "severity", "ceiling": "low"}, id="a lower severity"),
        pytest.param({"scope": "items", "items": (uuid7,)}, id="another item"),
        pytest.param({"scope": "engagement", "engagement": uuid7}, id="another engagement"),
    ],
)
@pytest.mark.rule("D-16", by="python")
def test_it_reaches_no_further_than_it_says(people, thing, other):
    other = {
        name: value() if callable(value) else tuple(one() for one in value) if name == "items" else value
        for name, value in other.items()
    }
    loan = lend(people.arun, people.ivan, terms(**other))
    request = thing.ask(people.maya)
    with pytest.raises(NotAllowed) as refused:
        decide(request, people.ivan, loan)
    assert number_of(refused) == "D-16"
    assert queries.position(request, people.ivan).behalf == []


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"actions": ("finding.close", "finding.defer")}, id="this action"),
        pytest.param({"scope": "severity", "ceiling": "medium"}, id="up to its severity"),
        pytest.param({"scope": "items"}, id="this item"),
    ],
)
def test_it_reaches_what_it_names(people, thing, other):
    if other.get("scope") == "items":
        other = {**other, "items": (thing.id,), "names": "X-001"}
    loan = lend(people.arun, people.ivan, terms(**other))
    assert decide(thing.ask(people.maya), people.ivan, loan).is_granted


@pytest.mark.rule("D-17", by="python")
def test_anothers_delegation_carries_nothing(people, thing):
    loan = lend(people.arun, people.ivan)
    with pytest.raises(NotAllowed) as refused:
        decide(thing.ask(people.maya), people.ines, loan)
    assert number_of(refused) == "D-17"


@pytest.mark.parametrize("who", ["arun", "ivan"])
@pytest.mark.rule("D-20", by="python")
def test_a_lost_role_takes_the_delegation_with_it(people, thing, who):
    loan = lend(people.arun, people.ivan)
    Membership.objects.filter(person_id=getattr(people, who).person_id).update(ended_at=clock.now())
    with pytest.raises(NotAllowed) as refused:
        decide(thing.ask(people.maya), people.ivan, loan)
    assert number_of(refused) == "D-20"


def test_the_queue_shows_a_delegate_what_they_may_decide_and_for_whom(people, thing):
    thing.ask(people.maya)
    assert queries.waiting_for(people.ivan) == 0
    lend(people.arun, people.ivan)
    assert queries.waiting_for(people.ivan) == 1
    assert queries.queue(people.ivan).can[0].for_names == ("Arun Mehta",)


def test_the_panel_names_the_delegate_beside_those_who_may_decide(people, thing):
    lend(people.arun, people.ivan)
    shown = [candidate.shown for candidate in queries.position(thing.ask(people.maya), people.maya).eligible]
    assert shown == ["Alba Ferrer", "Arun Mehta", "Ivan Petrov for Arun Mehta"]


def test_the_queue_of_a_delegate_costs_the_same_for_any_number(people, thing, django_assert_max_num_queries):
    lend(people.arun, people.ivan)
    things = [type(thing)(ref=f"X-{number:03}") for number in range(12)]
    for one in things:
        one.ask(people.maya)
    with django_assert_max_num_queries(11):
        assert len(queries.queue(people.ivan).can) == 12
