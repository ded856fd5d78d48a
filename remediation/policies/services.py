"""Changing the rules and making exceptions from them: proposed by one, decided by another, in force at once."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from evidence import clock
from evidence.actors import Actor
from evidence.errors import DutyConflict, Invalid, NotAllowed, NotFound, WrongState
from evidence.ledger import services as ledger
from evidence.organizations import services as organizations
from evidence.organizations.models import Organization
from remediation.approvals import services as approvals
from remediation.approvals import subjects
from remediation.approvals.models import Request
from remediation.policies import events, queries, wording
from remediation.policies.guards import POLICY_ACTION, WAIVABLE, WAIVER_ACTION
from remediation.policies.models import Proposal
from remediation.sod import queries as sod_queries
from remediation.sod import services as sod
from remediation.sod.duties import Duty
from remediation.sod.guards import SMALL_TEAM
from remediation.sod.models import Waiver
from remediation.sod.policy import parse, problems

SUBJECT = "policies.proposal"
PREFIX = {Proposal.Kind.POLICY: "CR", Proposal.Kind.WAIVER: "EX"}
DAYS = 90
VOTES_LIVE = (1, 14)
SHORTEST_REASON_WORDS = 3


@transaction.atomic
def propose(wanted: Mapping[str, Mapping[str, Any]], *, actor: Actor, reason: str) -> Proposal:
    """Ask for a change of the policy: bodies of "sod", "quorum" or both. Nothing holds before somebody else agrees.

    Refused when it reaches below the floor (Q-02, Q-03), asks for more people than there are (Q-04), would leave an
    open request without a decider (Q-07) or keeps apart roles that somebody holds (Q-08); and to whoever carries an
    open exception (Q-06).
    """
    Organization.objects.select_for_update().get(pk=actor.organization_id)
    actor.require("rules.propose")
    _check_reason(reason)
    now = queries.in_force(actor.organization_id)
    bodies = whole(wanted, actor.organization_id)
    check(bodies, organization_id=actor.organization_id)
    bodies = {kind: body for kind, body in bodies.items() if wording.differences({kind: now[kind].body}, {kind: body})}
    if not bodies:
        raise Invalid("Nothing would change.", fields={"policy": ["Change something first."]})
    effect = queries.effect(actor.organization_id, bodies)
    if effect.orphans:
        raise WrongState(
            "The change would leave requests that nobody could decide (rule Q-07).",
            rule="Q-07",
            details={"changes": [orphan.words for orphan in effect.orphans]},
        )
    base = {kind: now[kind].version for kind in bodies}
    made = _made(Proposal.Kind.POLICY, {"policies": bodies, "base": base}, actor, reason)
    carriers = queries.carriers(actor.organization_id)
    _refuse_carrier(actor.person_id, carriers)
    _lay(made, actor, carriers=carriers, gaining=[gain.person_id for gain in effect.gains])
    _ask(made, POLICY_ACTION, actor)
    ledger.record(events.RULES_PROPOSED, subject=made, actor=actor, reason=reason, after={"policies": bodies})
    return made


def whole(wanted: Mapping[str, Mapping[str, Any]], organization_id: UUID) -> dict[str, dict[str, Any]]:
    """The wanted parts, filled up with what stands, in the one order that a body has."""
    now = queries.in_force(organization_id)
    bodies = {kind: {**now[kind].body, **wanted[kind]} for kind in queries.KINDS if kind in wanted}
    if "sod" in bodies:
        bodies["sod"] = parse(bodies["sod"]).body
    return bodies


def check_shape(wanted: Mapping[str, Any]) -> None:
    """Raise Invalid for bodies that don't have the form of a policy, whoever sends them."""
    fields: dict[str, list[str]] = {}
    sod_body, quorum = wanted.get("sod", {}), wanted.get("quorum", {})
    if not _is_segregation(sod_body):
        fields["policy"] = ["Give “allow” and “forbid” as lists of numbers, “toxic_roles” as a list of pairs of roles."]
    if not _is_quorum(quorum):
        fields["quorum"] = ["Give “closure” and “other” with all four severities, and “votes_expire_days”."]
    if fields or not wanted:
        raise Invalid("This is no policy.", fields=fields or {"policy": ["Say what should change."]})


def _is_segregation(body: Any) -> bool:
    if not isinstance(body, dict) or not body.keys() <= {"allow", "forbid", "toxic_roles"}:
        return False
    numbers = [*_items(body.get("allow", [])), *_items(body.get("forbid", []))]
    pairs = _items(body.get("toxic_roles", []))
    return all(isinstance(number, str) for number in numbers) and all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(role, str) and len(role) <= 20 for role in pair)
        for pair in pairs
    )


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [None]


def _is_quorum(body: Any) -> bool:
    if not isinstance(body, dict) or not body.keys() <= {*wording.PARTS, "votes_expire_days"}:
        return False
    days = body.get("votes_expire_days", 1)
    parts = [body[part] for part in wording.PARTS if part in body]
    return type(days) is int and all(_is_part(part) for part in parts)


def _is_part(part: Any) -> bool:
    return (
        isinstance(part, dict)
        and part.keys() == {"critical", "high", "medium", "low"}
        and all(
            isinstance(rule, dict)
            and rule.keys() == {"needed", "distinct_departments"}
            and type(rule["needed"]) is int
            and 0 <= rule["needed"] <= 99
            and type(rule["distinct_departments"]) is bool
            for rule in part.values()
        )
    )


def check(bodies: Mapping[str, Mapping[str, Any]], *, organization_id: UUID) -> None:
    """Raise Invalid or WrongState when the bodies are no policy of this organization (Q-02, Q-03, Q-04, Q-08)."""
    if "sod" in bodies:
        policy = parse(bodies["sod"])
        if found := problems(policy):
            raise Invalid("This is below the matrix (rule Q-02).", fields={"policy": found}, rule="Q-02")
        fresh = policy.toxic - parse(queries.in_force(organization_id)["sod"].body).toxic
        if both := queries.double_holders(organization_id, fresh):
            raise WrongState(f"{', '.join(both)} already hold both roles (rule Q-08).", rule="Q-08")
    if "quorum" in bodies:
        _check_quorum(bodies["quorum"], organization_id)


def _check_quorum(body: Mapping[str, Any], organization_id: UUID) -> None:
    low, high, waived = [], [], queries.is_quorum_waived(organization_id)
    for part, word in wording.PARTS.items():
        people, places = queries.eligible(organization_id, part)
        for severity, rule in body[part].items():
            least = queries.floor(part, severity)
            about = f"{word}, {severity}"
            distinct = bool(rule["distinct_departments"])
            is_low = rule["needed"] < least or (part == "closure" and severity == "critical" and not distinct)
            if rule["needed"] < 1 or (is_low and not waived):
                low.append(f"{about}: at least {least}{' of distinct departments' * (least > 1 and not distinct)}.")
            if rule["needed"] > max(people, least) or (distinct and rule["needed"] > max(places, least)):
                high.append(f"{about}: {people} people of {places} departments can decide here.")
    if not VOTES_LIVE[0] <= body["votes_expire_days"] <= VOTES_LIVE[1]:
        low.append("Votes live from 1 to 14 days.")
    if low:
        raise Invalid("The quorum is lower than the product's (rule Q-03).", fields={"quorum": low}, rule="Q-03")
    if high:
        raise Invalid("The quorum is larger than your company (rule Q-04).", fields={"quorum": high}, rule="Q-04")


def put_in_force(request: Request, actor: Actor) -> None:
    """The granted change becomes the next version, and what was asked under the old one is void. Runs in the decision."""
    proposal = Proposal.objects.get(pk=request.subject_id)
    bodies: dict[str, dict[str, Any]] = proposal.body["policies"]
    check(bodies, organization_id=actor.organization_id)
    effect = queries.effect(actor.organization_id, bodies)
    deciders = {decision.person_id for decision in request.decisions.filter(verdict="approve")}
    gaining = {other for gain in effect.gains for other in sod_queries.same_people(gain.person_id)}
    if deciders & gaining:
        raise DutyConflict("You would gain from this change of the rules (rule Q-05).", rule="Q-05")
    for person in (*deciders, proposal.proposed_by_id):
        _refuse_carrier(person, queries.carriers(actor.organization_id))
    if effect.orphans:
        raise WrongState(
            "The change would leave requests that nobody could decide (rule Q-07).",
            rule="Q-07",
            details={"changes": [orphan.words for orphan in effect.orphans]},
        )
    for kind, body in bodies.items():
        organizations.put_in_force(
            kind, body, version=proposal.body["base"][kind] + 1, person_id=proposal.proposed_by_id, request_id=request.pk,
            organization_id=actor.organization_id,
        )  # fmt: skip
    ledger.record(
        events.RULES_CHANGED,
        subject=proposal,
        actor=actor,
        reason=proposal.reason,
        after={"policies": bodies},
        data={"request": str(request.pk), "versions": {kind: proposal.body["base"][kind] + 1 for kind in bodies}},
    )
    approvals.void_asked_under_old_rules(
        actor=actor, why=f"The rules changed by {proposal.ref}; ask again, and it is judged by the new ones."
    )


@transaction.atomic
def ask_exception(
    *, person_id: UUID | None, rules: Iterable[str], reviewer: str, days: int, actor: Actor, reason: str
) -> Proposal:
    """Ask an executive for a dated exception while the team is small (W-01 to W-06).

    `person_id` is who would do what `rules` forbid; None for the quorum (Q-03), which is nobody's own.
    """
    actor.require("rules.propose")
    wanted = sorted(set(rules))
    _check_reason(reason, rule="W-05")
    if len(reviewer.strip()) < SHORTEST_REASON_WORDS:
        raise Invalid(
            "An exception names its reviewer (rule W-05).",
            fields={"reviewer": ["Give the person outside who looks at it."]},
            rule="W-05",
        )
    if not 1 <= days <= DAYS:
        raise Invalid("An exception is dated (rule W-01).", fields={"days": [f"From 1 to {DAYS} days."]}, rule="W-01")
    if not wanted or not set(wanted) <= set(WAIVABLE):
        raise Invalid(
            "No exception stands from that rule (rule W-02).",
            fields={"rules": ["Choose among the rules between two duties of the work."]},
            rule="W-02",
        )
    if (person_id is None) != (wanted == ["Q-03"]):
        raise Invalid("Choose who carries it.", fields={"person": ["One person carries an exception."]}, rule="W-02")
    _check_team(wanted, actor.organization_id)
    if person_id is not None:
        _check_carrier(person_id, actor)
    body = {
        "person": str(person_id) if person_id else None,
        "rules": wanted,
        "reviewer": reviewer.strip(),
        "days": days,
        "reason": reason.strip(),
    }
    made = _made(Proposal.Kind.WAIVER, body, actor, reason)
    _lay(made, actor, carriers=[person_id] if person_id else [], gaining=[])
    _ask(made, WAIVER_ACTION, actor)
    ledger.record(
        events.WAIVER_PROPOSED, subject=made, actor=actor, reason=reason, data={"rules": wanted, "days": days}
    )
    return made


def _check_team(rules: Sequence[str], organization_id: UUID) -> None:
    for number in rules:
        people = queries.team(organization_id, number)
        if people >= SMALL_TEAM:
            raise WrongState(
                f"{people} people could take the duty of {number}, so no exception is needed (rule W-03).", rule="W-03"
            )


def _check_carrier(person_id: UUID, actor: Actor) -> None:
    if actor.person_id in sod_queries.same_people(person_id):
        raise DutyConflict("You would carry the exception yourself (rule W-06).", rule="W-06")
    if not sod_queries.roles_of(person_id, actor.organization_id):
        raise NotFound("This person is not in your organization.")


def begin(request: Request, actor: Actor) -> None:
    """The granted exception begins now. Runs in the decision."""
    proposal = Proposal.objects.get(pk=request.subject_id)
    body = proposal.body
    _check_team(body["rules"], actor.organization_id)
    person = UUID(body["person"]) if body["person"] else None
    if person is not None:
        same = sod_queries.same_people(person)
        if request.decisions.filter(person_id__in=same).exists() or request.requested_by_id in same:
            raise DutyConflict("Who would carry the exception does not decide on it (rule W-06).", rule="W-06")
    if request.state != Request.State.GRANTED:
        raise WrongState("An exception stands by its granted request (rule W-04).", rule="W-04")
    now = clock.now()
    made = Waiver.objects.create(
        organization_id=actor.organization_id,
        ref=proposal.ref,
        number=proposal.number,
        person_id=person,
        rules=body["rules"],
        reason=body["reason"],
        reviewer=body["reviewer"],
        starts_at=now,
        ends_at=now + timedelta(days=body["days"]),
        request_id=request.pk,
    )
    ledger.record(
        events.WAIVER_GRANTED,
        subject=made,
        actor=actor,
        reason=proposal.reason,
        data={"rules": made.rules, "until": made.ends_at.isoformat(), "reviewer": made.reviewer},
    )


@transaction.atomic
def end_exception(waiver_id: UUID, *, actor: Actor, reason: str) -> Waiver:
    """End an exception before its date. What it carried stays printed. Raises WrongState for one that ended."""
    row = Waiver.objects.select_for_update().filter(organization_id=actor.organization_id, pk=waiver_id).first()
    if row is None:
        raise NotFound("There is no such exception.")
    if not (actor.may("rules.propose") or actor.may("rules.waive")):
        raise NotAllowed("Your role does not include ending exceptions.")
    _check_reason(reason)
    if row.ended_at is not None or row.ends_at <= clock.now():
        raise WrongState(f"{row.ref} has ended already.")
    row.ended_at, row.ended_by_id, row.ended_why = clock.now(), actor.person_id, reason.strip()
    row.save(update_fields=["ended_at", "ended_by", "ended_why"])
    ledger.record(events.WAIVER_ENDED, subject=row, actor=actor, reason=reason)
    return row


def content_of(proposal_id: UUID) -> Mapping[str, Any]:
    """What people decide on: the proposal as it is kept, with its differences in words."""
    row = Proposal.objects.get(pk=proposal_id)
    if row.kind == Proposal.Kind.WAIVER:
        return {"title": str(row), **row.body}
    before = {kind: queries.body_of(row.organization_id, kind, version) for kind, version in row.body["base"].items()}
    changes = wording.differences(before, row.body["policies"])
    return {"title": str(row), **row.body, "changes": changes, "reason": row.reason}


def describe(ids: Sequence[UUID]) -> dict[UUID, subjects.Description]:
    """Titles for the queue."""
    return {
        row.pk: subjects.Description(str(row), "rules:proposal", (str(row.pk),))
        for row in Proposal.objects.filter(pk__in=ids)
    }


def _made(kind: Proposal.Kind, body: dict[str, Any], actor: Actor, reason: str) -> Proposal:
    if actor.person_id is None:
        raise NotAllowed("Only a person proposes a change of the rules.")
    ref, number = organizations.take_ref(actor.organization_id, PREFIX[kind])
    return Proposal.objects.create(
        organization_id=actor.organization_id,
        ref=ref,
        number=number,
        kind=kind,
        body=body,
        reason=reason.strip(),
        proposed_by_id=actor.person_id,
    )


def _lay(made: Proposal, actor: Actor, *, carriers: Sequence[UUID], gaining: Sequence[UUID]) -> None:
    on = {"subject_type": SUBJECT, "subject_id": made.pk, "cycle": 1, "actor": actor, "about": made.ref}
    for person in carriers:
        sod.take_duty(Duty.CARRIER, person_id=person, **on)  # type: ignore[arg-type]
    sod.take_duty(Duty.AUTHOR, **on)  # type: ignore[arg-type]
    for person in dict.fromkeys(gaining):
        sod.take_duty(Duty.BENEFICIARY, person_id=person, **on)  # type: ignore[arg-type]


def _ask(made: Proposal, action: str, actor: Actor) -> None:
    approvals.request(
        action,
        subject_type=SUBJECT,
        subject_id=made.pk,
        subject_ref=made.ref,
        cycle=1,
        content=content_of(made.pk),
        severity="critical",
        actor=actor,
        reason=made.reason,
    )


def _refuse_carrier(person_id: UUID | None, carriers: Sequence[UUID]) -> None:
    same = sod_queries.same_people(person_id) if person_id else frozenset()
    if same & set(carriers):
        raise DutyConflict("Who carries an open exception does not change the rules (rule Q-06).", rule="Q-06")


def _check_reason(reason: str, rule: str = "") -> None:
    if len(reason.split()) < SHORTEST_REASON_WORDS:
        raise Invalid("Say why.", fields={"reason": ["Say in a few words why: at least three of them."]}, rule=rule)
