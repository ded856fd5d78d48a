"""Reads of requests: what was granted, what waits for whom, and why somebody may or may not decide."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Q

from evidence import clock
from evidence.actors import Actor
from evidence.errors import NotFound
from evidence.organizations import queries as organizations
from remediation.approvals import content as contents
from remediation.approvals import subjects
from remediation.approvals.actions import ACTIONS, Action
from remediation.approvals.models import Decision, Nudge, Request
from remediation.sod import queries as sod
from remediation.sod.duties import Duty
from remediation.sod.judgement import Conflict, Held, Terms, judge

PAGE = 50


@dataclass(frozen=True)
class Candidate:
    """A person who holds a deciding role: free to decide when `reason` is empty."""

    person_id: UUID
    name: str
    role: str
    department: str
    reason: str = ""
    rule: str = ""
    asked_at: datetime | None = None
    has_decided: bool = False


@dataclass(frozen=True)
class Position:
    """Where one reader stands towards one request, with the words the page shows."""

    may: bool
    sentences: list[str]
    rule: str = ""
    acts: list[str] = field(default_factory=list)
    eligible: list[Candidate] = field(default_factory=list)
    blocked: list[Candidate] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    still_needed: int = 0
    conflicts: list[Conflict] = field(default_factory=list)


@dataclass(frozen=True)
class Row:
    """One line of the queue."""

    request: Request
    title: str
    word: str
    may: bool
    reason: str = ""
    rule: str = ""
    nudge: Nudge | None = None
    approvals: int = 0
    description: subjects.Description | None = None


@dataclass(frozen=True)
class Queue:
    """A page of the queue, split by what the reader may do; `more` says that another page follows."""

    can: list[Row]
    cannot: list[Row]
    other: list[Row]
    more: bool = False
    sent: int = 0
    decided: int = 0


def granted(subject_type: str, subject_id: UUID, cycle: int, action: str) -> Request | None:
    """The newest granted request for this action on this cycle, or None."""
    return (
        Request.objects.filter(
            subject_type=subject_type, subject_id=subject_id, cycle=cycle, action=action, state=Request.State.GRANTED
        )
        .order_by("-requested_at", "-id")
        .first()
    )


def open_request(subject_type: str, subject_id: UUID, cycle: int, action: str) -> Request | None:
    """The open request for this action on this cycle, or None."""
    return Request.objects.filter(
        subject_type=subject_type, subject_id=subject_id, cycle=cycle, action=action, state=Request.State.OPEN
    ).first()


def requests_about(subject_type: str, subject_id: UUID, cycle: int | None = None) -> list[Request]:
    """Every request about a subject, newest first, with its decisions and their people at hand."""
    rows = Request.objects.filter(subject_type=subject_type, subject_id=subject_id)
    if cycle is not None:
        rows = rows.filter(cycle=cycle)
    return list(
        rows.select_related("requested_by").prefetch_related("decisions__person").order_by("-requested_at", "-id")
    )


def get(request_id: UUID, *, actor: Actor) -> Request:
    """One request of the actor's organization. Raises NotFound."""
    found = (
        Request.objects.filter(organization_id=actor.organization_id, pk=request_id)
        .select_related("requested_by")
        .first()
    )
    if found is None:
        raise NotFound("There is no such request.")
    return found


def bound_now(request: Request) -> contents.Bound | None:
    """What the request would be bound to if it were asked now; None when nothing knows its action."""
    known = subjects.handler(request.subject_type, request.action)
    if known is None:
        return None
    return contents.bind(
        known.content(request.subject_id),
        action=request.action,
        subject_type=request.subject_type,
        subject_id=request.subject_id,
        cycle=request.cycle,
        severity=request.severity,
        matrix_version=sod.matrix_version(),
        quorum_version=quorum(request.organization_id, ACTIONS[request.action], request.severity)[3],
    )


def changes_now(request: Request, now: contents.Bound) -> list[str]:
    """In words, what differs between what was asked and what stands there now."""
    before, after = request.payload, now.payload
    found = [
        *contents.differences(before["content"], after["content"]),
        *contents.differences({"rules": before["rules"]}, {"rules": after["rules"]}),
    ]
    return [str(change) for change in found]


def changes_since_before(request: Request) -> list[str]:
    """In words, what changed since the same was last asked on this cycle; empty the first time."""
    earlier = (
        Request.objects.filter(
            subject_type=request.subject_type,
            subject_id=request.subject_id,
            cycle=request.cycle,
            action=request.action,
            pk__lt=request.pk,
        )
        .order_by("-id")
        .first()
    )
    return [str(change) for change in contents.differences(earlier.fields, request.fields)] if earlier else []


def decisions_on(request: Request) -> list[Decision]:
    """The decisions in the order they were made."""
    rows = request.decisions.select_related("person").annotate(voice=sod.voice("approvals_decision.person_id"))
    return list(rows.order_by("at", "id"))


def still_needed(request: Request, decisions: Iterable[Decision]) -> int:
    """How many more people (from other departments, where that is asked) must approve; `decisions` from decisions_on."""
    votes = [vote for vote in decisions if vote.verdict == Decision.Verdict.APPROVE]
    counted = len({vote.voice for vote in votes})  # type: ignore[attr-defined]
    if request.distinct_departments:
        counted = min(counted, len({vote.department for vote in votes if vote.department}))
    return max(0, request.needed - counted)


def conflicts_of(
    request: Request, held: Sequence[Held], roles: frozenset[str], terms: Terms, *, has_asked: bool
) -> list[Conflict]:
    """Why the rules keep a person from deciding, given what they hold on the request's item and whether they asked."""
    asked = [Held(Duty.REQUESTER, request.requested_at)] if has_asked else []
    return judge([*held, *asked], ACTIONS[request.action].duty, roles=roles, terms=terms)


def position(request: Request, actor: Actor) -> Position:
    """Whether the actor may decide, why not, who else may, and what was decided so far."""
    decisions = decisions_on(request)
    hands = sod.hands_on([request.subject_id], subject_type=request.subject_type)
    terms = sod.terms(request.organization_id, severity_now(request))
    everyone = sod.members(request.organization_id)
    voices = sod.voices()
    asker = voices.get(request.requested_by_id, request.requested_by_id)
    conflicts = {
        member.person_id: conflicts_of(
            request,
            hands.get((request.subject_id, request.cycle, member.person_id), []),
            member.roles,
            terms,
            has_asked=voices.get(member.person_id, member.person_id) == asker,
        )
        for member in everyone
    }
    own = conflicts.get(actor.person_id, []) if actor.person_id else []
    own_voice = voices.get(actor.person_id, actor.person_id) if actor.person_id else None
    has_decided = any(decision.voice == own_voice for decision in decisions)  # type: ignore[attr-defined]
    sentences = _obstacles(request, ACTIONS[request.action], actor, has_decided, own)
    others = [
        candidate
        for candidate in _candidates(request, everyone, conflicts, decisions, voices)
        if candidate.person_id != actor.person_id
    ]
    return Position(
        may=not sentences,
        sentences=sentences,
        rule=own[0].rule if own else "",
        acts=[conflict.act for conflict in own],
        eligible=[candidate for candidate in others if not candidate.reason],
        blocked=[candidate for candidate in others if candidate.reason],
        decisions=decisions,
        still_needed=still_needed(request, decisions),
        conflicts=own,
    )


def _candidates(
    request: Request,
    everyone: list[sod.Member],
    conflicts: Mapping[UUID, list[Conflict]],
    decisions: list[Decision],
    voices: Mapping[UUID, UUID],
) -> list[Candidate]:
    roles = ACTIONS[request.action].roles
    asked = {nudge.person_id: nudge.at for nudge in request.nudges.order_by("at")}
    decided = {decision.voice for decision in decisions}  # type: ignore[attr-defined]
    found = []
    for member in everyone:
        role = next((role for role in roles if role in member.roles), None)
        if role is None:
            continue
        first = next(iter(conflicts[member.person_id]), None)
        has_decided = voices.get(member.person_id, member.person_id) in decided
        reason = "Already decided" if has_decided else first.third_person if first else ""
        rule = first.rule if first and not has_decided else ""
        department, asked_at = member.departments[role], asked.get(member.person_id)
        found.append(Candidate(member.person_id, member.name, role, department, reason, rule, asked_at, has_decided))
    return found


def queue(actor: Actor, *, view: str = "open", after: UUID | None = None, limit: int = PAGE) -> Queue:
    """A page of requests as the actor stands towards them, in a number of queries that does not grow with it.

    `view` is "open" (split into can and cannot), "sent" (the actor's own) or "decided" (ended ones).
    """
    rows = Request.objects.filter(organization_id=actor.organization_id).select_related("requested_by")
    counts = rows.aggregate(
        sent=Count("id", filter=Q(requested_by_id=actor.person_id)), decided=Count("id", filter=~Q(state="open"))
    )
    if view == "sent":
        rows = rows.filter(requested_by_id=actor.person_id)
    else:
        rows = rows.filter(state="open") if view == "open" else rows.exclude(state="open")
    # Keys are UUIDv7: the key alone orders by age. What waits longest comes first, what ended last comes first.
    oldest_first = view == "open"
    if after is not None:
        rows = rows.filter(pk__gt=after) if oldest_first else rows.filter(pk__lt=after)
    rows = rows.annotate(is_own=sod.is_same("approvals_request.requested_by_id", actor.person_id))
    page: list[Request] = list(rows.order_by("id" if oldest_first else "-id")[: limit + 1])
    judged = _judged(page[:limit], actor)
    return Queue(
        can=[row for row in judged if row.may],
        cannot=[row for row in judged if not row.may and view == "open"],
        other=judged if view != "open" else [],
        more=len(page) > limit,
        sent=counts["sent"],
        decided=counts["decided"],
    )


def waiting_for(actor: Actor) -> int:
    """How many of the oldest open requests the actor can decide now: the number beside “Approvals”."""
    if not any(actor.may(action.permission) for action in ACTIONS.values()):
        return 0
    return len(queue(actor).can)


def _judged(page: list[Request], actor: Actor) -> list[Row]:
    ids = [request.pk for request in page]
    if actor.person_id is None:
        return []
    hands = sod.hands_on({request.subject_id for request in page}, person_id=actor.person_id)
    roles = sod.roles_of(actor.person_id, actor.organization_id)
    allow = sod.terms(actor.organization_id, "").allow_conditional
    decisions: dict[UUID, list[Decision]] = defaultdict(list)
    votes = Decision.objects.filter(request_id__in=ids)
    for decision in votes.annotate(is_own=sod.is_same("approvals_decision.person_id", actor.person_id)):
        decisions[decision.request_id].append(decision)
    nudges = {
        nudge.request_id: nudge
        for nudge in Nudge.objects.filter(request_id__in=ids, person_id=actor.person_id)
        .select_related("asked_by")
        .order_by("at")
    }
    described = _described(page)
    permitted = {action.permission: actor.may(action.permission) for action in ACTIONS.values()}
    return [
        _row(
            request,
            actor,
            conflicts_of(
                request,
                hands.get((request.subject_id, request.cycle, actor.person_id), []),
                roles,
                Terms(request.severity, allow),
                has_asked=request.is_own,  # type: ignore[attr-defined]
            ),
            decisions[request.pk],
            nudges.get(request.pk),
            described.get(request.subject_id),
            permitted,
        )
        for request in page
    ]


def _row(
    request: Request,
    actor: Actor,
    found: list[Conflict],
    decisions: list[Decision],
    nudge: Nudge | None,
    described: subjects.Description | None,
    permitted: dict[str, bool],
) -> Row:
    action = ACTIONS[request.action]
    decided = any(decision.is_own for decision in decisions)  # type: ignore[attr-defined]
    sentences = _obstacles(request, action, actor, decided, found, permitted=permitted[action.permission])
    title = described.title if described else str(request.fields.get("title", request.subject_ref))
    return Row(
        request=request,
        title=title,
        word=action.word,
        may=not sentences,
        reason=sentences[0] if sentences else "",
        rule=found[0].rule if found else "",
        nudge=nudge,
        approvals=sum(decision.verdict == Decision.Verdict.APPROVE for decision in decisions),
        description=described,
    )


def _obstacles(
    request: Request,
    action: Action,
    actor: Actor,
    decided: bool,
    found: list[Conflict],
    *,
    permitted: bool | None = None,
) -> list[str]:
    if request.state != Request.State.OPEN:
        return [f"This request is {request.get_state_display().lower()}: {request.ended_why or 'it has been decided.'}"]
    if request.expires_at <= clock.now():
        return ["This request ran out of time; it must be asked again."]
    if decided:
        return ["You have decided on this already."]
    sentences = [conflict.sentence for conflict in found]
    if not (actor.may(action.permission) if permitted is None else permitted):
        sentences.append(f"Your role does not include deciding here: {_whose(action)} may {action.verb}.")
    return sentences


def _whose(action: Action) -> str:
    return " or ".join(f"an {role}" if role[0] in "aeiou" else f"a {role}" for role in action.roles)


_ORDER = {"low": 1, "medium": 2, "high": 3, "critical": 4}


def severity_now(request: Request) -> str:
    """The worse of what the request says and what its subject says now."""
    now = sod.severity_of(request.subject_type, request.subject_id)
    return max(now, request.severity, key=lambda severity: _ORDER.get(severity, 0))


def _described(page: list[Request]) -> dict[UUID, subjects.Description]:
    pairs: dict[tuple[str, str], list[UUID]] = defaultdict(list)
    for request in page:
        pairs[request.subject_type, request.action].append(request.subject_id)
    return subjects.describe(pairs)


def quorum(organization_id: UUID, action: Action, severity: str) -> tuple[int, bool, int, int]:
    """Needed approvals, whether from distinct departments, days until votes expire, and the policy's version.

    An unknown severity counts as critical: unknown is never good.
    """
    policy = organizations.policy(organization_id, "quorum")
    part: dict[str, Any] = policy.body[action.quorum]
    rule = part.get(severity) or part["critical"]
    return (
        int(rule["needed"]),
        bool(rule["distinct_departments"]),
        int(policy.body["votes_expire_days"]),
        policy.version,
    )
