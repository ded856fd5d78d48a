"""Asking and deciding through the services: who may, what a vote is bound to, when it counts."""

import inspect
from dataclasses import replace
from datetime import timedelta
from unittest.mock import patch

import pytest

from evidence import clock
from evidence.canonical import sha256_hex
from evidence.errors import DutyConflict, Invalid, NotAllowed, NotFound, ReauthenticationRequired, WrongState
from evidence.ledger.models import Event
from evidence.organizations.policies import DEFAULTS
from portal.accounts import roles
from portal.accounts.models import Account, Person
from remediation.approvals import queries, services
from remediation.approvals.actions import ACTIONS
from remediation.approvals.models import ActionRule, Decision, Nudge, Request
from remediation.sod import services as sod
from remediation.sod.duties import Duty
from remediation.sod.models import Hand
from tests.people import actor, give, stale
from tests.remediation.policy import in_force
from tests.remediation.subjects import Thing, registered

WHY = "The retest shows it works."


def decide(request, who, verdict="approve", reason=WHY):
    return services.decide(request.pk, verdict=verdict, reason=reason, actor=who)


def kinds():
    return list(Event.objects.order_by("id").values_list("kind", flat=True))


def test_one_approval_grants_a_medium_closure_and_the_subject_follows(people, thing):
    request = thing.ask(people.maya)
    outcome = decide(request, people.arun)
    assert outcome.is_granted and outcome.still_needed == 0
    assert queries.granted(*thing.on().values(), "finding.close") == request
    assert thing.heard == ["granted"]
    assert Hand.objects.get(duty="approver").person_id == people.arun.person_id
    assert kinds() == ["approval.requested", "approval.approved", "approval.granted"]
    assert outcome.recorded.version == 2


def test_a_rejection_stops_whoever_approved_before(people, thing):
    thing.severity = "critical"
    request = thing.ask(people.maya)
    decide(request, people.arun)
    outcome = decide(request, people.alba, "reject", "The sample is too small.")
    assert outcome.request.state == Request.State.REFUSED
    assert thing.heard == ["refused"]
    assert queries.granted(*thing.on().values(), "finding.close") is None


def test_a_critical_closure_needs_two_people_of_two_departments(org, people, thing):
    colleague = Person.objects.create(name="Aiko")
    account = Account.objects.create_account("aiko@lumenroll.example", None, person=colleague)
    give(org, colleague.pk, "approver", "Security")
    thing.severity = "critical"
    request = thing.ask(people.maya)
    assert (request.needed, request.distinct_departments) == (2, True)
    assert decide(request, people.arun).still_needed == 1
    assert decide(request, actor(org, account)).still_needed == 1  # Security as well
    assert decide(request, people.alba).is_granted


@pytest.mark.rule("A-10", by="python")
def test_a_high_closure_needs_two_people(people, thing):
    thing.severity = "high"
    request = thing.ask(people.maya)
    assert not decide(request, people.arun).is_granted
    with pytest.raises(WrongState, match="already"):
        decide(request, people.arun)
    assert decide(request, people.alba).is_granted


@pytest.mark.rule("S-01", by="python")
def test_the_requester_may_not_decide_nor_their_second_account(org, people, thing):
    give(org, people.arun.person_id, "manager", "Security")
    request = thing.ask(people.arun)
    with pytest.raises(DutyConflict, match="You asked for this decision") as refused:
        decide(request, people.arun)
    assert refused.value.rule == "S-01"
    second = Account.objects.create_account(
        "arun.second@lumenroll.example", None, person=Person.objects.get(pk=people.arun.person_id)
    )
    with pytest.raises(DutyConflict):
        decide(request, actor(org, second))
    assert not Decision.objects.exists()
    assert kinds() == ["approval.requested"]


@pytest.mark.parametrize("duty", ["owner", "implementer", "uploader", "verifier"])
def test_whoever_had_a_hand_in_the_work_may_not_approve(people, thing, duty):
    sod.take_duty(duty, actor=people.arun, **thing.on())
    request = thing.ask(people.maya)
    with pytest.raises(DutyConflict):
        decide(request, people.arun)
    assert not Decision.objects.exists()


def test_whoever_approved_may_not_upload_afterwards(people, thing):
    decide(thing.ask(people.maya, "finding.approve_plan"), people.arun)
    with pytest.raises(DutyConflict, match=r"You decided on an approval on .* \(Plan\)") as refused:
        sod.take_duty(Duty.UPLOADER, actor=people.arun, **thing.on())
    assert refused.value.rule == "S-07"


@pytest.mark.rule("A-07", by="python")
def test_only_the_role_that_decides_may(people, thing):
    for who in (people.maya, people.ines, people.vera, people.adam, people.otto, people.edda):
        with pytest.raises(NotAllowed) as refused:
            decide(thing.ask(people.ines) if not Request.objects.exists() else Request.objects.get(), who)
        assert refused.value.rule == "A-07"
    risk = thing.ask(people.maya, "risk.accept")
    with pytest.raises(NotAllowed):
        decide(risk, people.arun)
    assert decide(risk, people.edda).is_granted


@pytest.mark.rule("A-05", by="python")
def test_a_decision_needs_a_fresh_proof_of_identity(people, thing):
    request = thing.ask(people.maya)
    old = replace(people.arun, authenticated_at=clock.now() - timedelta(minutes=5, seconds=1))
    for who in (stale(people.arun), old):
        with pytest.raises(ReauthenticationRequired) as refused:
            decide(request, who)
        assert refused.value.rule == "A-05"
    assert not Decision.objects.exists()


@pytest.mark.rule("A-06", by="python")
@pytest.mark.parametrize("reason", ["", "ok", "fine by"])
def test_a_decision_needs_a_reason_in_words(people, thing, reason):
    with pytest.raises(Invalid) as refused:
        decide(thing.ask(people.maya), people.arun, reason=reason)
    assert "reason" in refused.value.fields
    assert refused.value.rule == "A-06"


@pytest.mark.rule("A-03", by="python")
def test_changed_content_voids_the_request_and_says_what_changed(people, thing):
    request = thing.ask(people.maya)
    thing.content = {"title": "Leavers keep their logins", "tasks": ["one", "two"]}
    with pytest.raises(services.ContentChanged) as refused:
        decide(request, people.arun)
    assert refused.value.details["changes"] == ["Tasks 2: “two” is new"]
    assert refused.value.rule == "A-03"
    request.refresh_from_db()
    assert request.state == Request.State.VOID
    assert thing.heard == ["ended"]
    assert not Decision.objects.exists()
    assert kinds() == ["approval.requested", "approval.voided"]
    assert thing.ask(people.maya).content_sha256 != request.content_sha256


def test_a_change_after_the_first_vote_voids_that_vote_too(people, thing):
    thing.severity = "high"
    request = thing.ask(people.maya)
    decide(request, people.arun)
    thing.content["title"] = "Something milder"
    with pytest.raises(services.ContentChanged):
        decide(request, people.alba)
    again = thing.ask(people.maya)
    assert decide(again, people.alba).still_needed == 1


@pytest.mark.rule("A-08", by="python")
def test_a_change_of_the_rules_voids_what_was_asked_under_the_old(org, people, thing):
    request = thing.ask(people.maya)
    in_force(org, people, quorum={"votes_expire_days": 7})
    request.refresh_from_db()
    assert request.state == Request.State.VOID and thing.heard == ["ended"]
    with pytest.raises(WrongState):
        decide(request, people.arun)
    fresh = thing.ask(people.maya)
    assert fresh.payload["rules"]["quorum_version"] == 1
    with patch.object(queries.sod, "policy_version", return_value=7), pytest.raises(services.ContentChanged) as refused:
        decide(fresh, people.arun)
    assert refused.value.details["changes"] == ["Rules · policy version: “0” became “7”"]
    assert refused.value.rule == "A-08"


@pytest.mark.rule("A-09", by="python")
def test_votes_run_out_after_fourteen_days(people, thing):
    request = thing.ask(people.maya)
    later = clock.now() + timedelta(days=14, seconds=1)
    with clock.at(later):
        with pytest.raises(WrongState, match="ran out of time") as refused:
            decide(request, replace(people.arun, authenticated_at=later))
        assert refused.value.rule == "A-09"
        assert services.expire_due(actor=people.maya) == 1
    request.refresh_from_db()
    assert request.state == Request.State.EXPIRED
    assert thing.heard == ["ended"]


def test_the_same_question_is_open_once(people, thing):
    thing.ask(people.maya)
    with pytest.raises(WrongState, match="already waiting"):
        thing.ask(people.maya)


@pytest.mark.rule("A-02", by="python")
def test_a_request_is_withdrawn_by_who_asked_only(people, thing):
    request = thing.ask(people.maya)
    with pytest.raises(NotAllowed):
        services.withdraw(request.pk, actor=people.arun)
    assert services.withdraw(request.pk, actor=people.maya, reason="Too early").state == Request.State.WITHDRAWN
    with pytest.raises(WrongState) as refused:
        decide(request, people.arun)
    assert refused.value.rule == "A-02"


def test_a_subject_voids_what_is_open_and_what_was_granted(people, thing):
    plan = thing.ask(people.maya, "finding.approve_plan")
    decide(plan, people.arun)
    close = thing.ask(people.maya)
    ended = services.void_open(*thing.on().values(), actor=people.maya, why="The severity rose.")
    assert ended == [close]
    services.void_granted(
        *thing.on().values(), actor=people.maya, why="The severity rose.", actions=["finding.approve_plan"]
    )
    assert queries.granted(*thing.on().values(), "finding.approve_plan") is None


@pytest.mark.rule("A-01", by="python")
def test_another_organizations_request_does_not_exist(people, thing, other_org):
    request = thing.ask(people.maya)
    with pytest.raises(NotFound) as refused:
        decide(request, replace(people.arun, organization_id=other_org.pk))
    assert refused.value.rule == "A-01"


@pytest.mark.rule("A-04", by="python")
def test_an_account_that_is_switched_off_or_another_persons_decides_nothing(people, thing):
    request = thing.ask(people.maya)
    with pytest.raises(NotAllowed) as refused:
        decide(request, replace(people.arun, person_id=people.alba.person_id))
    assert refused.value.rule == "A-04"
    Account.objects.filter(pk=people.alba.account_id).update(is_active=False)
    with pytest.raises(NotAllowed) as refused:
        decide(request, people.alba)
    assert refused.value.rule == "A-04"
    assert not Decision.objects.exists()


@pytest.mark.rule("A-11", "A-12", "A-13", "A-15", by="python")
def test_a_request_takes_its_state_quorum_and_hash_from_nobody(people, thing):
    taken = set(inspect.signature(services.request).parameters)
    assert not taken & {"state", "needed", "distinct_departments", "content_sha256", "expires_at", "matrix_version"}
    thing.severity = "critical"
    request = thing.ask(people.maya)
    assert (request.state, request.needed, request.distinct_departments) == ("open", 2, True)
    assert request.content_sha256 == sha256_hex(bytes(request.content))
    kept = request.content_sha256
    services.withdraw(request.pk, actor=people.maya)
    request.refresh_from_db()
    assert request.content_sha256 == kept


@pytest.mark.rule("A-14", by="python")
def test_an_unknown_action_and_an_unknown_verdict_are_refused(people, thing):
    with pytest.raises(Invalid) as refused:
        thing.ask(people.maya, "finding.bless")
    assert refused.value.rule == "A-14"
    with pytest.raises(Invalid):
        decide(thing.ask(people.maya), people.arun, "abstain")


def test_a_colleague_who_may_decide_can_be_asked(people, thing):
    sod.take_duty(Duty.UPLOADER, actor=people.arun, **thing.on())
    request = thing.ask(people.maya)
    with pytest.raises(Invalid):
        services.ask(request.pk, person_id=people.arun.person_id, message="Please", actor=people.maya)
    services.ask(request.pk, person_id=people.alba.person_id, message="Please look", actor=people.maya)
    assert Nudge.objects.get().person_id == people.alba.person_id
    assert queries.queue(people.alba).can[0].nudge.message == "Please look"
    assert "approval.asked" in kinds()


def test_position_names_own_acts_and_who_may_instead(people, thing):
    sod.take_duty(Duty.UPLOADER, actor=people.arun, about="E-014", **thing.on())
    position = queries.position(thing.ask(people.maya), people.arun)
    assert not position.may
    assert position.rule == "S-07"
    assert position.sentences[0].startswith("You uploaded the closing evidence on ")
    assert [candidate.name for candidate in position.eligible] == ["Alba Ferrer"]
    assert position.still_needed == 1


def test_position_says_why_others_are_blocked(people, thing):
    sod.take_duty(Duty.UPLOADER, actor=people.arun, **thing.on())
    position = queries.position(thing.ask(people.maya), people.alba)
    assert position.may
    assert [(candidate.name, candidate.rule) for candidate in position.blocked] == [("Arun Mehta", "S-07")]
    assert position.blocked[0].reason.startswith("Uploaded the closing evidence on ")


def test_the_queue_is_split_and_its_queries_do_not_grow(people, django_assert_max_num_queries):
    for number in range(12):
        one = Thing(ref=f"X-{number:03d}")
        registered(one, "finding.close")
        if number % 3 == 0:
            sod.take_duty(Duty.VERIFIER, actor=people.arun, **one.on())
        one.ask(people.maya)
    with django_assert_max_num_queries(9):
        queue = queries.queue(people.arun)
    assert (len(queue.can), len(queue.cannot)) == (8, 4)
    assert queue.cannot[0].rule == "S-08"
    assert queue.can[0].title == "Leavers keep their logins"
    first = queries.queue(people.arun, limit=5)
    assert first.more
    last = max(row.request.pk for row in [*first.can, *first.cannot])
    assert len(queries.queue(people.arun, after=last, limit=50).can) + len(first.can) == 8
    assert queries.queue(people.maya).sent == 12
    assert queries.waiting_for(people.arun) == 8
    assert queries.waiting_for(people.ines) == 0


def test_actions_ask_for_rights_that_some_role_has_and_the_table_is_the_same():
    for action in ACTIONS.values():
        for role in action.roles:
            assert action.permission in roles.ROLES[role].permissions, (action.key, role)


@pytest.mark.django_db
def test_the_guards_read_the_same_actions_and_the_same_quorum():
    from django.db import connection

    table = {row.action: (row.word, row.duty, row.quorum, tuple(row.roles)) for row in ActionRule.objects.all()}
    assert table == {action.key: (action.word, action.duty, action.quorum, action.roles) for action in ACTIONS.values()}
    for part in ("closure", "other"):
        for severity, rule in DEFAULTS["quorum"][part].items():
            with connection.cursor() as cursor:
                cursor.execute("SELECT * FROM approvals_quorum(gen_random_uuid(), %s, %s)", [part, severity])
                assert cursor.fetchone() == (rule["needed"], rule["distinct_departments"], 14)
