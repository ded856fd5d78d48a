"""Asking, deciding, withdrawing and voiding. No vote counts for other bytes than those its person was shown."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import transaction

from evidence import clock, crashing
from evidence.actors import Actor
from evidence.errors import DutyConflict, Invalid, NotAllowed, NotFound, ReauthenticationRequired, Refused, WrongState
from evidence.ledger import services as ledger
from evidence.ledger.events import Event
from remediation.approvals import content as contents
from remediation.approvals import events, queries, subjects
from remediation.approvals.actions import ACTIONS, Action
from remediation.approvals.actions import action as action_named
from remediation.approvals.delegations import services as delegations
from remediation.approvals.emergencies import queries as emergencies
from remediation.approvals.models import Decision, Delegation, Nudge, Request
from remediation.sod import queries as sod_queries
from remediation.sod import rulebook
from remediation.sod import services as sod
from remediation.sod.judgement import Conflict

SHORTEST_REASON_WORDS = 3


class ContentChanged(Refused):
    """What was asked about is no longer what stands there; the vote was not recorded and the request is void."""

    code = "content_changed"
    # The same changes as in the details, each with its field, what was asked about, and what stands there now.
    differences: tuple[contents.Change, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What a decision led to: the request as it stands, the decision, and the event that proves it."""

    request: Request
    decision: Decision
    recorded: ledger.Recorded
    still_needed: int

    @property
    def is_granted(self) -> bool:
        return self.request.state == Request.State.GRANTED


@transaction.atomic
def request(
    action: str,
    *,
    subject_type: str,
    subject_id: UUID,
    subject_ref: str,
    cycle: int,
    content: Mapping[str, Any],
    severity: str,
    actor: Actor,
    reason: str = "",
) -> Request:
    """Ask for a decision about exactly this content. The caller has checked the right to ask and holds the subject.

    Raises WrongState while the same question is open, and NotAllowed when no person asks.
    """
    known = action_named(action)
    account_id, person_id = _person(actor)
    sod.lock_item(subject_type=subject_type, subject_id=subject_id, cycle=cycle, actor=actor)
    if queries.open_request(subject_type, subject_id, cycle, action) is not None:
        raise WrongState(f"{known.word} of {subject_ref} is already waiting for a decision.")
    needed, distinct, days, quorum_version = queries.quorum(actor.organization_id, known, severity)
    bound = contents.bind(
        content,
        action=action,
        subject_type=subject_type,
        subject_id=subject_id,
        cycle=cycle,
        severity=severity,
        matrix_version=sod_queries.matrix_version(),
        quorum_version=quorum_version,
        policy_version=sod_queries.policy_version(actor.organization_id),
    )
    now = clock.now()
    made = Request.objects.create(
        organization_id=actor.organization_id,
        subject_type=subject_type,
        subject_id=subject_id,
        subject_ref=subject_ref,
        cycle=cycle,
        action=action,
        content=bound.data,
        content_sha256=bound.sha256,
        severity=severity,
        needed=needed,
        distinct_departments=distinct,
        matrix_version=sod_queries.matrix_version(),
        reason=reason,
        requested_by_id=person_id,
        requested_through_id=account_id,
        requested_at=now,
        expires_at=now + timedelta(days=days),
    )
    _record(events.APPROVAL_REQUESTED, made, actor, reason=reason, needed=needed, distinct_departments=distinct)
    return made


def decide(request_id: UUID, *, verdict: str, reason: str, actor: Actor, delegation_id: UUID | None = None) -> Outcome:
    """Record the actor's vote; the last one needed grants, one rejection refuses, and the subject follows at once.

    With `delegation_id` the vote is that of the person who lent the duty: both are judged, both count as one.
    Raises ReauthenticationRequired, NotAllowed, DutyConflict, WrongState or Invalid and then nothing is written;
    raises ContentChanged (details: `changes`) when the content moved, and then the request is void: a caller that
    wants this kept catches it inside its own transaction.
    """
    try:
        with transaction.atomic():
            return _decide(request_id, verdict=verdict, reason=reason, actor=actor, delegation_id=delegation_id)
    except ContentChanged as changed:
        with transaction.atomic():
            stale = _locked(request_id, actor)
            if stale.state == Request.State.OPEN:
                _end(stale, Request.State.VOID, events.APPROVAL_VOIDED, actor, why=changed.message)
                _tell_ended(stale, actor)
        raise


def _decide(request_id: UUID, *, verdict: str, reason: str, actor: Actor, delegation_id: UUID | None) -> Outcome:
    row = _locked(request_id, actor)
    crashing.point("decision.locked")
    transaction.on_commit(partial(crashing.point, "decision.committed"))
    known = ACTIONS[row.action]
    loan = _right(row, known, actor, delegation_id)
    ledger.require_healthy()
    account_id, person_id = _person(actor)
    giver_id = loan.giver_id if loan else None
    authenticated_at = _fresh_proof(actor)
    _check_words(verdict, reason)
    _check_open(row, person_id, giver_id)
    _check_content(row)
    department = _department(known, actor.organization_id, giver_id or person_id)
    _check_duty(row, person_id)
    if loan is not None:
        _check_duty_of_giver(row, loan)
    decision = Decision.objects.create(
        organization_id=actor.organization_id,
        request=row,
        person_id=person_id,
        account_id=account_id,
        verdict=verdict,
        reason=reason.strip(),
        content_sha256=row.content_sha256,
        authenticated_at=authenticated_at,
        department=department,
        matrix_version=sod_queries.matrix_version(),
        for_person_id=giver_id,
        delegation=loan,
    )
    crashing.point("decision.inserted")
    approved = verdict == Decision.Verdict.APPROVE
    recorded = _record(
        events.APPROVAL_APPROVED if approved else events.APPROVAL_REJECTED,
        row,
        actor,
        reason=reason,
        decision=str(decision.pk),
        department=department,
        matrix_version=decision.matrix_version,
        **_lent(loan),
    )
    crashing.point("decision.recorded")
    needed = queries.still_needed(row, queries.decisions_on(row))
    if not approved:
        _end(row, Request.State.REFUSED, events.APPROVAL_REFUSED, actor, why=reason.strip())
    elif needed == 0:
        _check_quorum(row)
        _end(row, Request.State.GRANTED, events.APPROVAL_GRANTED, actor, why="")
    crashing.point("decision.ended")
    _follow(row, actor)
    crashing.point("decision.followed")
    return Outcome(row, decision, recorded, needed)


@transaction.atomic
def withdraw(request_id: UUID, *, actor: Actor, reason: str = "") -> Request:
    """Take back one's own open request. Raises NotAllowed for anybody else's."""
    row = _locked(request_id, actor)
    if actor.person_id != row.requested_by_id:
        raise NotAllowed("Only the person who asked can withdraw the request.")
    _require_open(row)
    _end(row, Request.State.WITHDRAWN, events.APPROVAL_WITHDRAWN, actor, why=reason)
    _tell_ended(row, actor)
    return row


@transaction.atomic
def void_open(
    subject_type: str,
    subject_id: UUID,
    cycle: int,
    *,
    actor: Actor,
    why: str,
    actions: Iterable[str] | None = None,
) -> list[Request]:
    """Void what is still open about a subject that changed; the caller holds the subject and makes its own move."""
    return _void(subject_type, subject_id, cycle, actor, why, actions, Request.State.OPEN)


@transaction.atomic
def void_granted(
    subject_type: str,
    subject_id: UUID,
    cycle: int,
    *,
    actor: Actor,
    why: str,
    actions: Iterable[str],
) -> list[Request]:
    """Void grants that a later change overtook, such as a plan's approval after the severity rose."""
    return _void(subject_type, subject_id, cycle, actor, why, actions, Request.State.GRANTED)


@transaction.atomic
def void_asked_under_old_rules(*, actor: Actor, why: str) -> int:
    """Void every open request that was asked under other versions of the rules than those in force; their subjects follow.

    For whoever puts new rules in force, inside that transaction. Returns how many.
    """
    wanted = queries.rules_in_force(actor.organization_id)
    rows = Request.objects.filter(organization_id=actor.organization_id, state=Request.State.OPEN).order_by("id")
    ended = 0
    for request_id in list(rows.values_list("pk", flat=True)):
        row = _locked(request_id, actor)
        if row.state == Request.State.OPEN and row.payload["rules"] != wanted:
            _end(row, Request.State.VOID, events.APPROVAL_VOIDED, actor, why=why)
            _tell_ended(row, actor)
            ended += 1
    return ended


@transaction.atomic
def ask(request_id: UUID, *, person_id: UUID, message: str, actor: Actor) -> Nudge:
    """Ask one person who may decide to do so; it shows in their queue. Raises Invalid for one who may not."""
    row = _locked(request_id, actor)
    actor.require("approvals.view")
    _, asker = _person(actor)
    _require_open(row)
    eligible = {candidate.person_id: candidate for candidate in queries.position(row, actor).eligible}
    if person_id not in eligible:
        raise Invalid("That person cannot decide this one.", fields={"person": ["Choose one of the people listed."]})
    nudge = Nudge.objects.create(
        organization_id=actor.organization_id, request=row, person_id=person_id, asked_by_id=asker, message=message
    )
    _record(events.APPROVAL_ASKED, row, actor, reason=message, asked=str(person_id))
    return nudge


@transaction.atomic
def expire_due(*, actor: Actor) -> int:
    """End every open request whose votes ran out, and return how many. For the sweep."""
    due = Request.objects.filter(
        organization_id=actor.organization_id, state=Request.State.OPEN, expires_at__lte=clock.now()
    )
    ended = 0
    for request_id in list(due.values_list("pk", flat=True)):
        row = _locked(request_id, actor)
        if row.state == Request.State.OPEN:
            _end(row, Request.State.EXPIRED, events.APPROVAL_EXPIRED, actor, why="Nobody decided in time.")
            _tell_ended(row, actor)
            ended += 1
    return ended


def end_delegations_of(person_id: UUID, *, actor: Actor, why: str) -> int:
    """End every delegation from or to somebody who leaves or is switched off, at once; returns how many."""
    return delegations.end_of(person_id, actor=actor, why=why)


def _void(
    subject_type: str,
    subject_id: UUID,
    cycle: int,
    actor: Actor,
    why: str,
    actions: Iterable[str] | None,
    state: str,
) -> list[Request]:
    sod.lock_item(subject_type=subject_type, subject_id=subject_id, cycle=cycle, actor=actor)
    rows = Request.objects.select_for_update().filter(
        organization_id=actor.organization_id,
        subject_type=subject_type,
        subject_id=subject_id,
        cycle=cycle,
        state=state,
    )
    if actions is not None:
        rows = rows.filter(action__in=list(actions))
    ended = list(rows.order_by("id"))
    for row in ended:
        _end(row, Request.State.VOID, events.APPROVAL_VOIDED, actor, why=why)
    return ended


def _locked(request_id: UUID, actor: Actor) -> Request:
    # Subject, then item, then request: every service that changes a subject locks in this order, so none deadlock.
    seen = Request.objects.filter(organization_id=actor.organization_id, pk=request_id).first()
    if seen is None:
        raise NotFound("There is no such request.", rule="A-01")
    try:
        model = apps.get_model(seen.subject_type)
    except LookupError:
        model = None
    if model is not None:
        model._default_manager.select_for_update().filter(pk=seen.subject_id).values_list("pk").first()
    sod.lock_item(subject_type=seen.subject_type, subject_id=seen.subject_id, cycle=seen.cycle, actor=actor)
    return Request.objects.select_for_update().get(pk=request_id)


def _person(actor: Actor) -> tuple[UUID, UUID]:
    if actor.account_id is None or actor.person_id is None:
        raise NotAllowed("Only a person can do this; the system cannot.", rule="A-04")
    accounts = get_user_model()._default_manager.filter(pk=actor.account_id, person_id=actor.person_id, is_active=True)
    if not accounts.exists():
        raise NotAllowed("This account is switched off, or is not yours. Nothing was recorded.", rule="A-04")
    return actor.account_id, actor.person_id


def _check_right(known: Action, actor: Actor) -> None:
    if not actor.may(known.permission):
        raise NotAllowed(
            f"Your role does not include “{known.permission}” here.",
            help="Ask an administrator of your organization which role may do this.",
            details={"permission": known.permission},
            rule="A-07",
        )


def _fresh_proof(actor: Actor) -> datetime:
    moment = actor.fresh_proof
    if moment is None:
        raise ReauthenticationRequired(
            "A decision needs a fresh proof that it is you.",
            help="Enter your password and send the decision again.",
            rule="A-05",
        )
    return moment


def _check_words(verdict: str, reason: str) -> None:
    if verdict not in Decision.Verdict.values:
        raise Invalid("Say approve or reject.", fields={"verdict": ["Choose approve or reject."]}, rule="A-06")
    if len(reason.split()) < SHORTEST_REASON_WORDS:
        raise Invalid(
            "A decision needs its reason.",
            fields={"reason": ["Say in a few words why: at least three of them."]},
            rule="A-06",
        )


def _right(row: Request, known: Action, actor: Actor, delegation_id: UUID | None) -> Delegation | None:
    """The actor's own right to decide, or the delegation that stands for it."""
    if actor.emergency is not None or (
        actor.person_id and emergencies.running_of(actor.person_id, row.organization_id)
    ):
        raise NotAllowed(
            "While your emergency access runs you decide nothing (rule B-09).",
            rule="B-09",
            help=rulebook.rule("B-09").instead,
        )
    if delegation_id is None:
        _check_right(known, actor)
        return None
    return delegations.usable(row, delegation_id, actor=actor, severity=queries.severity_now(row))


def _check_open(row: Request, person_id: UUID, giver_id: UUID | None) -> None:
    _require_open(row)
    if row.expires_at <= clock.now():
        raise WrongState(
            f"The request ran out of time on {row.expires_at:%d %b %Y}.",
            help="Ask for the decision again.",
            rule="A-09",
        )
    votes = queries.decisions_on(row)
    if any(vote.person_id == person_id for vote in votes) and giver_id is None:
        raise WrongState("You have decided on this already; a decision cannot be changed.", code="already_decided")
    if giver_id is None and not any(vote.for_person_id for vote in votes):
        _check_own_voice(votes, person_id)
        return
    people = sod_queries.same_people(person_id) | (sod_queries.same_people(giver_id) if giver_id else frozenset())
    used = next((vote for vote in votes if vote.people & people), None)
    if used is not None:
        raise DutyConflict(
            f"{used.by} has decided, and each person counts once (rule D-19).",
            rule="D-19",
            help=rulebook.rule("D-19").instead,
        )


def _check_own_voice(votes: list[Decision], person_id: UUID) -> None:
    same = sod_queries.same_people(person_id)
    if any(vote.person_id in same for vote in votes):
        raise DutyConflict(
            "You have decided on this already, through another account (rule I-09).",
            rule="I-09",
            acts=["You decided on this request through another account"],
        )


def _require_open(row: Request) -> None:
    if row.state != Request.State.OPEN:
        raise WrongState(
            f"This request is {row.get_state_display().lower()}; nothing can be decided on it any more.", rule="A-02"
        )


def _check_content(row: Request) -> None:
    now = queries.bound_now(row)
    if now is None:
        raise WrongState(f"Nothing here knows what {row.action} means for {row.subject_ref}.")
    if now.sha256 != row.content_sha256:
        changed = ContentChanged(
            f"{row.subject_ref} changed since the decision was asked for. Your vote was not recorded.",
            help="Look at what changed; whoever asked must ask again.",
            details={"changes": queries.changes_now(row, now)},
            rule="A-08" if row.payload["rules"] != now.payload["rules"] else "A-03",
        )
        changed.differences = tuple(queries.differences_now(row, now))
        raise changed


def _check_duty(row: Request, person_id: UUID) -> None:
    found = _conflicts(row, person_id)
    if found:
        raise sod.refuse(found)


def _check_duty_of_giver(row: Request, loan: Delegation) -> None:
    if emergencies.running_of(loan.giver_id, row.organization_id) is not None:
        raise NotAllowed(
            f"The emergency access of {loan.giver.name} runs, so nobody decides for them (rule B-09).",
            rule="B-09",
            help=rulebook.rule("B-09").instead,
        )
    found = _conflicts(row, loan.giver_id)
    if found:
        raise DutyConflict(
            f"{loan.giver.name} {found[0].third_person[:1].lower()}{found[0].third_person[1:]}, so nobody can decide "
            "for them (rule D-18).",
            rule="D-18",
            acts=[conflict.act for conflict in found],
            help=rulebook.rule("D-18").instead,
        )


def _conflicts(row: Request, person_id: UUID) -> list[Conflict]:
    held = sod_queries.held_by(person_id, subject_type=row.subject_type, subject_id=row.subject_id, cycle=row.cycle)
    return queries.conflicts_of(
        row,
        held,
        sod_queries.roles_of(person_id, row.organization_id),
        sod_queries.terms(row.organization_id, queries.severity_now(row), person_id),
        has_asked=row.requested_by_id in sod_queries.same_people(person_id),
    )


def _check_quorum(row: Request) -> None:
    votes = queries.decisions_on(row)
    rejected = any(vote.verdict == Decision.Verdict.REJECT for vote in votes)
    if rejected or queries.still_needed(row, votes) > 0:
        raise WrongState(f"Not everybody needed has approved {row.subject_ref}.", rule="A-10")


def _department(known: Action, organization_id: UUID, person_id: UUID) -> str:
    """The department of whoever's voice it is, by the role that lets them decide."""
    member = next(
        (member for member in sod_queries.members(organization_id, roles=known.roles) if member.person_id == person_id),
        None,
    )
    if member is None:
        raise NotAllowed(f"Only {' or '.join(known.roles)} may {known.verb} here.", rule="A-07")
    return next(member.departments[role] for role in known.roles if role in member.roles)


def _lent(loan: Delegation | None) -> dict[str, Any]:
    return {"for_person": str(loan.giver_id), "delegation": str(loan.pk)} if loan else {}


def _follow(row: Request, actor: Actor) -> None:
    known = subjects.handler(row.subject_type, row.action)
    if known is None:
        return
    if row.state == Request.State.GRANTED:
        known.granted(row, actor)
    elif row.state == Request.State.REFUSED:
        known.refused(row, actor)


def _tell_ended(row: Request, actor: Actor) -> None:
    known = subjects.handler(row.subject_type, row.action)
    if known is not None:
        known.ended(row, actor)


def _end(row: Request, state: Request.State, event: Event, actor: Actor, *, why: str) -> None:
    before = row.state
    row.state, row.ended_at, row.ended_why = state, clock.now(), why
    row.save(update_fields=["state", "ended_at", "ended_why"])
    _record(event, row, actor, reason=why, before={"state": str(before)}, after={"state": str(state)})


def _record(
    event: Event,
    row: Request,
    actor: Actor,
    *,
    reason: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    **data: Any,
) -> ledger.Recorded:
    # Events stand in the subject's own history, so one timeline tells its whole life.
    return ledger.record(
        event,
        subject=ledger.Subject(row.subject_type, row.subject_id, row.subject_ref),
        actor=actor,
        before=before,
        after=after,
        reason=reason,
        data={
            "request": str(row.pk),
            "action": row.action,
            "cycle": row.cycle,
            "content_sha256": row.content_sha256,
            **data,
        },
    )
