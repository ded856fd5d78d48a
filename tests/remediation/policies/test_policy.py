"""A change of the rules: who may propose and decide, what it may not do, what it does at once."""

import json

import pytest
from django.db import connection

from evidence.errors import DutyConflict, Invalid, NotAllowed, WrongState
from evidence.identifiers import uuid7
from evidence.ledger.models import Event
from evidence.organizations import queries as organizations
from evidence.organizations import services as settings
from evidence.organizations.models import Policy
from evidence.organizations.policies import DEFAULTS
from remediation.approvals import services as approvals
from remediation.approvals.models import Request
from remediation.policies import queries, services
from remediation.policies.guards import POLICY_ACTION
from remediation.policies.models import Proposal
from remediation.sod import services as sod
from tests.people import actor, give, join
from tests.remediation.approvals.test_raw_sql import VOTE, run, vote
from tests.remediation.policy import WHY, decide, excepted, in_force, request_of
from tests.remediation.subjects import refusal_of

INSERT = (
    "INSERT INTO organizations_policy (id, organization_id, kind, version, body, effective_from, request_id)"
    " VALUES (%s, %s, %s, %s, %s, now(), %s)"
)


def quorum(part="closure", severity="low", **rule):
    body = json.loads(json.dumps(DEFAULTS["quorum"]))
    body[part][severity] |= rule
    return body


def granted_by_raw_sql(people, kind, body, *, by=None, department="Executive", base=0, asker=None):
    """A request about these rules, granted without the services that would have looked at them."""
    asker = asker or people.maya
    proposal = Proposal.objects.create(
        organization_id=asker.organization_id, ref="CR-900", number=900, kind="policy", body={}, reason=WHY,
        proposed_by_id=asker.person_id,
    )  # fmt: skip
    request = approvals.request(
        POLICY_ACTION, subject_type=services.SUBJECT, subject_id=proposal.pk, subject_ref="CR-900", cycle=1,
        content={"policies": {kind: body}, "base": {kind: base}}, severity="critical", actor=asker,
    )  # fmt: skip
    run(VOTE, vote(request, by or people.edda, department=department))
    run("UPDATE approvals_request SET state = 'granted', ended_at = now() WHERE id = %s", [request.pk])
    return request


def refused(people, kind, body, request, version=1):
    row = [uuid7(), people.maya.organization_id, kind, version, json.dumps(body), request.pk if request else None]
    state, message = refusal_of(INSERT, row)
    return state, message.split("]")[0].lstrip("[")


def test_a_change_is_proposed_by_one_and_decided_by_another_and_holds_at_once(org, people):
    proposal = services.propose({"sod": {"allow": ["S-09"]}}, actor=people.maya, reason=WHY)
    assert organizations.policy(org.pk, "sod").version == 0
    assert request_of(proposal).fields["changes"] == [
        "S-09 (Whoever reported it may verify only if the policy allows it, and never for High or Critical): allowed for "
        "Medium and Low from now on."
    ]
    assert decide(proposal, people.edda).is_granted
    value = organizations.policy(org.pk, "sod")
    assert (value.version, value.body["allow"]) == (1, ["S-09"])
    (version,) = queries.versions(org.pk)
    assert (version.by, version.deciders, version.reason, version.ref) == (
        "Maya Okafor",
        ["Edda Brandt"],
        WHY,
        "CR-001",
    )
    assert list(Event.objects.filter(kind__startswith="rules.").order_by("id").values_list("kind", flat=True)) == [
        "rules.proposed", "rules.changed",
    ]  # fmt: skip


def test_who_proposed_does_not_decide_and_an_engineer_does_not_propose(org, people):
    give(org, people.maya.person_id, "approver", "Compliance")
    proposal = services.propose({"sod": {"allow": ["S-09"]}}, actor=people.maya, reason=WHY)
    with pytest.raises(DutyConflict) as refusal:
        decide(proposal, people.maya)
    assert refusal.value.rule in ("S-01", "S-45")
    with pytest.raises(NotAllowed):
        services.propose({"sod": {"allow": []}}, actor=people.ines, reason=WHY)


def test_a_rejected_change_changes_nothing(org, people):
    proposal = services.propose({"sod": {"allow": ["S-09"]}}, actor=people.maya, reason=WHY)
    decide(proposal, people.edda, "reject")
    assert organizations.policy(org.pk, "sod").version == 0


def test_what_changes_nothing_is_no_proposal(org, people):
    with pytest.raises(Invalid, match="Nothing would change"):
        services.propose({"sod": {"allow": []}, "quorum": DEFAULTS["quorum"]}, actor=people.maya, reason=WHY)
    assert not Proposal.objects.exists()


@pytest.mark.rule("Q-01", by="python")
@pytest.mark.parametrize("kind", ["sod", "quorum"])
def test_one_person_alone_changes_no_rules(org, people, kind):
    with pytest.raises(WrongState) as refusal:
        settings.set_policy(kind, DEFAULTS[kind], actor=people.adam)
    assert refusal.value.rule == "Q-01"


@pytest.mark.rule("Q-01", by="database")
def test_a_version_without_its_granted_request_or_with_other_content(org, people):
    good = {"allow": ["S-09"], "forbid": [], "toxic_roles": []}
    assert refused(people, "sod", good, None) == ("CH002", "Q-01")
    assert refused(people, "quorum", DEFAULTS["quorum"], None) == ("CH002", "Q-01")
    waiting = services.propose({"sod": good}, actor=people.maya, reason=WHY)
    assert refused(people, "sod", good, request_of(waiting)) == ("CH002", "Q-01")
    request = granted_by_raw_sql(people, "sod", good)
    assert refused(people, "sod", {**good, "allow": ["S-10"]}, request) == ("CH002", "Q-01")
    assert refused(people, "sod", good, request, version=2) == ("CH002", "Q-01")
    run(INSERT, [uuid7(), org.pk, "sod", 1, json.dumps(good), request.pk])
    assert refused(people, "sod", good, request, version=2) == ("CH002", "Q-01")


@pytest.mark.rule("Q-02", by="python")
@pytest.mark.parametrize("body", [{"allow": ["S-05"]}, {"allow": ["S-32"]}, {"forbid": ["S-09"]}, {"forbid": ["S-99"]}],
                         ids=json.dumps)  # fmt: skip
def test_a_policy_below_the_matrix(org, people, body):
    with pytest.raises(Invalid) as refusal:
        services.propose({"sod": body}, actor=people.maya, reason=WHY)
    assert refusal.value.rule == "Q-02"


@pytest.mark.rule("Q-02", by="database")
@pytest.mark.parametrize(
    "body", [{"allow": ["S-05"]}, {"forbid": ["S-09"]}, {"allow_conditional": True}], ids=json.dumps
)
def test_a_policy_below_the_matrix_by_raw_sql(org, people, body):
    assert refused(people, "sod", body, granted_by_raw_sql(people, "sod", body)) == ("CH004", "Q-02")


LOW = [quorum(severity="high", needed=1), quorum(severity="critical", distinct_departments=False),
       quorum("other", "low", needed=0), {**DEFAULTS["quorum"], "votes_expire_days": 15}]  # fmt: skip


@pytest.mark.rule("Q-03", by="python")
@pytest.mark.rule("Q-03", by="database")
@pytest.mark.parametrize("body", LOW, ids=["one for high", "one department", "nobody", "long votes"])
def test_a_quorum_below_the_products(org, people, body):
    with pytest.raises(Invalid) as refusal:
        services.propose({"quorum": body}, actor=people.maya, reason=WHY)
    assert refusal.value.rule == "Q-03"
    assert refused(people, "quorum", body, granted_by_raw_sql(people, "quorum", body)) == ("CH004", "Q-03")


@pytest.mark.rule("Q-04", by="python")
@pytest.mark.rule("Q-04", by="database")
@pytest.mark.parametrize("body", [quorum(needed=3), quorum("other", "high", needed=2)], ids=["closure", "other"])
def test_a_quorum_larger_than_the_company(org, people, body):
    with pytest.raises(Invalid) as refusal:
        services.propose({"quorum": body}, actor=people.maya, reason=WHY)
    assert refusal.value.rule == "Q-04"
    assert refused(people, "quorum", body, granted_by_raw_sql(people, "quorum", body)) == ("CH004", "Q-04")


@pytest.mark.rule("Q-05", by="python")
def test_whoever_gains_does_not_decide_not_even_when_they_gain_since_it_was_asked(org, people, thing):
    thing.ask(people.maya)
    sod.take_duty("finder", actor=people.arun, **thing.on())
    proposal = services.propose({"sod": {"allow": ["S-10"]}}, actor=people.maya, reason=WHY)
    with pytest.raises(DutyConflict) as refusal:
        decide(proposal, people.arun)
    assert refusal.value.rule == "S-47"
    sod.take_duty("finder", actor=people.alba, **thing.on())
    with pytest.raises(DutyConflict) as refusal:
        decide(proposal, people.alba)
    assert refusal.value.rule == "Q-05"
    assert decide(proposal, people.edda).is_granted


@pytest.mark.rule("Q-05", by="database")
def test_a_version_that_somebody_decided_who_gains(org, people, thing):
    thing.ask(people.maya)
    sod.take_duty("finder", actor=people.arun, **thing.on())
    body = {"allow": ["S-10"], "forbid": [], "toxic_roles": []}
    request = granted_by_raw_sql(people, "sod", body, by=people.arun, department="Security")
    assert refused(people, "sod", body, request) == ("CH003", "Q-05")


@pytest.mark.rule("Q-06", by="python")
@pytest.mark.rule("Q-06", by="database")
def test_whoever_carries_an_open_exception_changes_no_rules(org, people):
    excepted(people, people.maya, "S-03", asker=people.adam)
    with pytest.raises(DutyConflict) as refusal:
        services.propose({"sod": {"allow": ["S-09"]}}, actor=people.maya, reason=WHY)
    assert refusal.value.rule == "Q-06"
    body = {"allow": ["S-09"], "forbid": [], "toxic_roles": []}
    assert refused(people, "sod", body, granted_by_raw_sql(people, "sod", body)) == ("CH003", "Q-06")


@pytest.mark.rule("Q-07", by="python")
@pytest.mark.rule("Q-07", by="database")
def test_a_change_that_would_leave_a_request_without_a_decider(org, people, thing):
    thing.severity = "low"
    sod.take_duty("uploader", actor=people.arun, **thing.on())
    thing.ask(people.maya)
    body = quorum(severity="low", needed=2)
    with pytest.raises(WrongState) as refusal:
        services.propose({"quorum": body}, actor=people.maya, reason=WHY)
    assert refusal.value.rule == "Q-07"
    assert refusal.value.details["changes"] == ["Closure of X-001: nobody could decide it"]
    assert not Proposal.objects.exists()
    assert refused(people, "quorum", body, granted_by_raw_sql(people, "quorum", body)) == ("CH002", "Q-07")


@pytest.mark.rule("Q-08", by="python")
@pytest.mark.rule("Q-08", by="database")
def test_roles_that_somebody_holds_together_are_not_kept_apart(org, people):
    give(org, people.ines.person_id, "reviewer")
    body = {"allow": [], "forbid": [], "toxic_roles": [["engineer", "reviewer"]]}
    with pytest.raises(WrongState, match="Ines Duarte") as refusal:
        services.propose({"sod": body}, actor=people.maya, reason=WHY)
    assert refusal.value.rule == "Q-08"
    assert refused(people, "sod", body, granted_by_raw_sql(people, "sod", body)) == ("CH002", "Q-08")


def test_a_tighter_rule_holds_for_the_next_hand(org, people, thing):
    in_force(org, people, sod={"forbid": ["S-37"]})
    sod.take_duty("implementer", actor=people.ines, **thing.on())
    with pytest.raises(DutyConflict) as refusal:
        sod.take_duty("uploader", actor=people.ines, **thing.on())
    assert refusal.value.rule == "S-37"


def test_a_change_voids_what_was_asked_under_the_old_rules_with_words(org, people, thing):
    request = thing.ask(people.maya)
    in_force(org, people, quorum={"votes_expire_days": 7})
    request.refresh_from_db()
    assert (request.state, thing.heard) == (Request.State.VOID, ["ended"])
    assert request.ended_why == "The rules changed by CR-001; ask again, and it is judged by the new ones."


def test_two_changes_at_once_the_second_is_void(org, people):
    first = services.propose({"sod": {"allow": ["S-09"]}}, actor=people.maya, reason=WHY)
    second = services.propose({"sod": {"allow": ["S-12"]}}, actor=people.maya, reason=WHY)
    decide(first, people.edda)
    assert request_of(second).state == Request.State.VOID
    assert Policy.objects.filter(kind="sod").count() == 1


def test_the_preview_names_who_gains_what_is_voided_and_changes_nothing(org, people, thing):
    thing.ask(people.maya)
    sod.take_duty("finder", actor=people.arun, **thing.on())
    effect = queries.effect(org.pk, {"sod": {"allow": ["S-10"]}})
    assert [(gain.name, gain.words) for gain in effect.gains] == [("Arun Mehta", "could approve on 1 item (S-10)")]
    assert effect.voided == 1 and not effect.orphans
    assert not Proposal.objects.exists() and not Policy.objects.filter(kind="sod").exists()


def test_what_a_change_would_do_costs_the_same_for_few_and_for_many(org, people, thing, django_assert_max_num_queries):
    thing.ask(people.maya)
    for number in range(12):
        sod.take_duty("finder", actor=actor(org, join(org, f"F{number} Finder", "approver")), **thing.on())
    with django_assert_max_num_queries(10):
        assert len(queries.effect(org.pk, {"sod": {"allow": ["S-10"]}}).gains) == 12


def test_proposals_cannot_be_changed(org, people):
    services.propose({"sod": {"allow": ["S-09"]}}, actor=people.maya, reason=WHY)
    for statement in ("UPDATE policies_proposal SET number = 9", "DELETE FROM policies_proposal"):
        assert refusal_of(statement)[0] in ("CH001", "42501")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM policies_proposal")
        assert cursor.fetchone() == (1,)
