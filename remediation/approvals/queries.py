"""Reads of requests: what was granted, what waits for whom, and why somebody may or may not decide."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connections
from django.db.models import Count, F, OuterRef, Prefetch, Q, QuerySet, Subquery, Value
from django.db.models.functions import Concat

from evidence import clock, tenancy
from evidence.actors import Actor
from evidence.errors import NotFound
from evidence.organizations import queries as organizations
from remediation.approvals import content as contents
from remediation.approvals import subjects
from remediation.approvals.absences import queries as absences
from remediation.approvals.actions import ACTIONS, Action
from remediation.approvals.delegations import queries as delegations
from remediation.approvals.models import Decision, Delegation, Nudge, Request
from remediation.sod import queries as sod
from remediation.sod.duties import Duty
from remediation.sod.judgement import Conflict, Held, Terms, judge
from remediation.sod.models import WaiverUse

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
    # For whom they would decide, under a delegation; "" for themselves.
    for_name: str = ""
    # When somebody who is away is back, how much waits for them, and who decides for them meanwhile.
    away_until: datetime | None = None
    load: int = 0
    delegate: str = ""

    @property
    def shown(self) -> str:
        """“P”, or “P for Q”."""
        return f"{self.name} for {self.for_name}" if self.for_name else self.name


@dataclass(frozen=True)
class Behalf:
    """Where the reader stands when they would decide in another's place: free to when `sentence` is empty."""

    delegation_id: UUID
    person_id: UUID
    name: str
    department: str
    sentence: str = ""
    rule: str = ""

    @property
    def may(self) -> bool:
        return not self.sentence


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
    behalf: list[Behalf] = field(default_factory=list)

    @property
    def may_somehow(self) -> bool:
        """Whether the reader may decide, for themselves or for somebody else."""
        return self.may or any(one.may for one in self.behalf)


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
    # Whose place the reader may decide in, when not in their own.
    for_names: tuple[str, ...] = ()
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


def requests_about(
    subject_type: str,
    subject_id: UUID,
    cycle: int | None = None,
    *,
    action: str | None = None,
    before: UUID | None = None,
) -> list[Request]:
    """Every request about a subject, newest first, with its decisions and their people at hand."""
    rows = Request.objects.filter(subject_type=subject_type, subject_id=subject_id)
    if action is not None:
        rows = rows.filter(action=action)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    if cycle is not None:
        rows = rows.filter(cycle=cycle)
    return list(
        rows.select_related("requested_by")
        .prefetch_related(
            Prefetch("decisions", Decision.objects.select_related("person", "for_person").order_by("at", "id"))
        )
        .order_by("-requested_at", "-id")
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
        policy_version=sod.policy_version(request.organization_id),
    )


def rules_in_force(organization_id: UUID) -> dict[str, int]:
    """The versions that a request asked now is bound to."""
    return {
        "matrix_version": sod.matrix_version(),
        "policy_version": sod.policy_version(organization_id),
        "quorum_version": organizations.policy(organization_id, "quorum").version,
    }


def differences_now(request: Request, now: contents.Bound) -> list[contents.Change]:
    """What differs between what was asked and what stands there now, the versions of the rules included."""
    before, after = request.payload, now.payload
    return [
        *contents.differences(before["content"], after["content"]),
        *contents.differences({"rules": before["rules"]}, {"rules": after["rules"]}),
    ]


def changes_now(request: Request, now: contents.Bound) -> list[str]:
    """In words, what differs between what was asked and what stands there now."""
    return [str(change) for change in differences_now(request, now)]


@dataclass(frozen=True)
class Since:
    """What changed since an earlier moment on this cycle: the last request, or somebody's vote on an earlier one."""

    at: datetime
    changes: list[contents.Change]
    by: str = ""
    verdict: str = ""


EARLIER = 5


def changes_since(request: Request) -> list[Since]:
    """What changed since the same was last asked on this cycle, and since each earlier vote on it, newest first.

    A vote on the very content that is asked about now says nothing new and is left out.
    """
    earlier = list(
        requests_about(
            request.subject_type, request.subject_id, request.cycle, action=request.action, before=request.pk
        )
    )[:EARLIER]
    if not earlier:
        return []
    found = [Since(earlier[0].requested_at, contents.differences(earlier[0].fields, request.fields))]
    for old in earlier:
        changes = contents.differences(old.fields, request.fields)
        votes = sorted(old.decisions.all(), key=lambda vote: vote.at, reverse=True)
        found += [Since(vote.at, changes, vote.by, vote.verdict) for vote in votes if changes]
    return [one for one in found if one.changes]


def decisions_on(request: Request) -> list[Decision]:
    """The decisions in the order they were made."""
    rows = request.decisions.select_related("person", "for_person").annotate(exception=_exception())
    return list(_counted(rows).order_by("at", "id"))


def _exception() -> Subquery:
    """The exception that carried a decision, as "EX-001 (S-07)"; None for all others."""
    uses = WaiverUse.objects.filter(
        subject_id=OuterRef("request__subject_id"), cycle=OuterRef("request__cycle"), person_id=OuterRef("person_id")
    ).order_by("id")
    return Subquery(uses.values_list(Concat("waiver__ref", Value(" ("), "rule", Value(")")), flat=True)[:1])


def _counted(rows: QuerySet[Decision]) -> QuerySet[Decision]:
    """With `voice`, the key of the human being who is counted, and `hand`, that of who decided."""
    spoken_for = "coalesce(approvals_decision.for_person_id, approvals_decision.person_id)"
    return rows.annotate(voice=sod.voice(spoken_for), hand=sod.voice("approvals_decision.person_id"))


def _used(decisions: Iterable[Decision]) -> set[UUID]:
    """Every human being whom these decisions use up: who decided and whom they decided for; from _counted."""
    return {key for one in decisions for key in (one.voice, one.hand)}  # type: ignore[attr-defined]


def still_needed(request: Request, decisions: Iterable[Decision]) -> int:
    """How many more people (from other departments, where that is asked) must approve; `decisions` from decisions_on."""
    votes = [vote for vote in decisions if vote.verdict == Decision.Verdict.APPROVE]
    if votes:
        since = votes_count_since(request)
        votes = [vote for vote in votes if vote.at > since]
    counted = len({vote.voice for vote in votes})  # type: ignore[attr-defined]
    if request.distinct_departments:
        counted = min(counted, len({vote.department for vote in votes if vote.department}))
    return max(0, request.needed - counted)


def votes_count_since(request: Request) -> datetime:
    """Votes given before this moment count no more (PRACTICE.md section 4: they expire)."""
    return clock.now() - timedelta(days=quorum(request.organization_id, ACTIONS[request.action], request.severity)[2])


def conflicts_of(
    request: Request, held: Sequence[Held], roles: frozenset[str], terms: Terms, *, has_asked: bool
) -> list[Conflict]:
    """Why the rules keep a person from deciding, given what they hold on the request's item and whether they asked."""
    asked = [Held(Duty.REQUESTER, request.requested_at)] if has_asked else []
    return judge([*held, *asked], ACTIONS[request.action].duty, roles=roles, terms=terms)


def who_may(request: Request) -> list[sod.Standing]:
    """Every member of the organization towards this request's duty, in one query however many they are."""
    return sod.who_may(
        ACTIONS[request.action].duty,
        subject_type=request.subject_type,
        subject_id=request.subject_id,
        cycle=request.cycle,
        severity=severity_now(request),
        organization_id=request.organization_id,
        requester_id=request.requested_by_id,
        asked_at=request.requested_at,
    )


def position(request: Request, actor: Actor) -> Position:
    """Whether the actor may decide, why not, who else may, and what was decided so far."""
    decisions = decisions_on(request)
    everyone = who_may(request)
    conflicts = {member.person_id: member.conflicts for member in everyone}
    voices = sod.voices()
    own = conflicts.get(actor.person_id, []) if actor.person_id else []
    own_voice = voices.get(actor.person_id, actor.person_id) if actor.person_id else None
    has_decided = own_voice in _used(decisions)
    sentences = _obstacles(request, ACTIONS[request.action], actor, has_decided, own)
    loans = [
        loan
        for loan in delegations.running(request.organization_id)
        if delegations.covers(loan, request, severity_now(request))
    ]
    known: dict[UUID, sod.Member | sod.Standing] = {member.person_id: member for member in everyone}
    others = [
        candidate
        for candidate in _all_candidates(request, everyone, conflicts, decisions, voices, loans)
        if candidate.person_id != actor.person_id
    ]
    others = _marked_outside(request, others)
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
        behalf=[
            _behalf(request, loan, known, conflicts, decisions, voices)
            for loan in loans
            if loan.deputy_id == actor.person_id
        ],
    )


def _marked_outside(request: Request, candidates: list[Candidate]) -> list[Candidate]:
    """The same with those held back who are not let in to what the request is about."""
    free = [candidate.person_id for candidate in candidates if not candidate.reason]
    with connections[tenancy.alias()].cursor() as cursor:
        # Who is let in is known above this floor; the function is there for it to be asked. About nobody first: what
        # nobody keeps apart is seen by all, and then the people need not be gone through.
        cursor.execute(
            "SELECT p FROM unnest(%s::uuid[]) AS p WHERE NOT findings_seen_by(%s, NULL) AND NOT findings_seen_by(%s, p)",
            [free, request.subject_id, request.subject_id],
        )
        outside = {person_id for (person_id,) in cursor.fetchall()}
    return [
        replace(one, reason=f"{one.name} is not let in to it; whoever keeps it can let them in from its page.")
        if one.person_id in outside
        else one
        for one in candidates
    ]


def _all_candidates(
    request: Request,
    everyone: list[sod.Standing],
    conflicts: Mapping[UUID, list[Conflict]],
    decisions: list[Decision],
    voices: Mapping[UUID, UUID],
    loans: list[Delegation],
) -> list[Candidate]:
    """Who decides in their own name, then who may in another's: each person stands once."""
    own = _candidates(request, everyone, conflicts, decisions, voices)
    known: dict[UUID, sod.Member | sod.Standing] = {member.person_id: member for member in everyone}
    listed = {candidate.person_id for candidate in own}
    lent = _deputies(request, loans, known, conflicts, decisions, voices)
    return _routed(request, [*own, *(one for one in lent if one.person_id not in listed)])


def _routed(request: Request, found: list[Candidate]) -> list[Candidate]:
    """Whom to ask first: who is here, then who has least waiting; those asked already come after the others."""
    away = absences.away(request.organization_id)
    load = loads(request.organization_id)
    delegates = {one.for_name: one.name for one in found if one.for_name and one.person_id not in away}
    routed = [
        replace(
            one,
            away_until=away.get(one.person_id),
            load=load.get(one.person_id, 0),
            delegate="" if one.for_name else delegates.get(one.name, ""),
        )
        for one in found
    ]
    return sorted(
        routed,
        key=lambda one: (
            bool(one.reason),
            one.away_until is not None,
            one.asked_at is not None,
            bool(one.for_name),
            one.load,
        ),
    )


def loads(organization_id: UUID) -> dict[UUID, int]:
    """How many open requests each person was asked to decide and has not."""
    waiting = Nudge.objects.filter(organization_id=organization_id, request__state=Request.State.OPEN).exclude(
        request__decisions__person_id=F("person_id")
    )
    return dict(waiting.order_by().values_list("person_id").annotate(Count("request", distinct=True)))


def _behalf(
    request: Request,
    loan: Delegation,
    everyone: Mapping[UUID, sod.Member | sod.Standing],
    conflicts: Mapping[UUID, list[Conflict]],
    decisions: list[Decision],
    voices: Mapping[UUID, UUID],
) -> Behalf:
    """Where a deputy stands: in either one's conflict or with either one's vote given, they may not decide."""
    roles = ACTIONS[request.action].roles
    giver, deputy = everyone.get(loan.giver_id), everyone.get(loan.deputy_id)
    role = next((role for role in roles if giver and role in giver.roles), None)
    both = {voices.get(person, person) for person in (loan.giver_id, loan.deputy_id)}
    used = next((vote for vote in decisions if _used([vote]) & both), None)
    own, theirs = conflicts.get(loan.deputy_id, []), conflicts.get(loan.giver_id, [])
    sentence, rule = "", ""
    if request.state != Request.State.OPEN or request.expires_at <= clock.now():
        sentence = "This request is no longer open."
    elif giver is None or role is None or deputy is None:
        sentence, rule = f"{loan.giver.name} no longer holds the role (rule D-20).", "D-20"
    elif used is not None:
        sentence, rule = f"{used.by} has decided, and each person counts once (rule D-19).", "D-19"
    elif own:
        sentence, rule = own[0].sentence, own[0].rule
    elif theirs:
        about = f"{theirs[0].third_person[:1].lower()}{theirs[0].third_person[1:]}"
        sentence, rule = f"{loan.giver.name} {about}, so nobody can decide for them (rule D-18).", "D-18"
    department = giver.departments[role] if giver and role else ""
    return Behalf(loan.pk, loan.giver_id, loan.giver.name, department, sentence, rule)


def _deputies(
    request: Request,
    loans: list[Delegation],
    everyone: Mapping[UUID, sod.Member | sod.Standing],
    conflicts: Mapping[UUID, list[Conflict]],
    decisions: list[Decision],
    voices: Mapping[UUID, UUID],
) -> list[Candidate]:
    """Who may decide in another's place. Those who may not are left out: their delegator's own line says why."""
    found = []
    asked = {nudge.person_id: nudge.at for nudge in request.nudges.order_by("at")} if loans else {}
    for loan in loans:
        behalf = _behalf(request, loan, everyone, conflicts, decisions, voices)
        if behalf.may:
            role = next(role for role in ACTIONS[request.action].roles if role in everyone[loan.giver_id].roles)
            found.append(
                Candidate(
                    loan.deputy_id,
                    loan.deputy.name,
                    role,
                    behalf.department,
                    asked_at=asked.get(loan.deputy_id),
                    for_name=loan.giver.name,
                )
            )
    return found


def _candidates(
    request: Request,
    everyone: list[sod.Standing],
    conflicts: Mapping[UUID, list[Conflict]],
    decisions: list[Decision],
    voices: Mapping[UUID, UUID],
) -> list[Candidate]:
    roles = ACTIONS[request.action].roles
    asked = {nudge.person_id: nudge.at for nudge in request.nudges.order_by("at")}
    decided = _used(decisions)
    found = []
    for member in everyone:
        role = next((role for role in roles if role in member.roles), None)
        if role is None or not member.is_active:
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
    if not any(actor.may(action.permission) for action in ACTIONS.values()) and not (
        actor.person_id and delegations.is_deputy(actor.person_id, actor.organization_id)
    ):
        return 0
    return len(queue(actor).can)


def _judged(page: list[Request], actor: Actor) -> list[Row]:
    ids = [request.pk for request in page]
    if actor.person_id is None:
        return []
    loans = delegations.running(actor.organization_id, deputy_id=actor.person_id)
    hands = sod.hands_on({request.subject_id for request in page}, person_id=None if loans else actor.person_id)
    roles = sod.roles_of(actor.person_id, actor.organization_id)
    ground = sod.terms(actor.organization_id, "", actor.person_id)
    decisions: dict[UUID, list[Decision]] = defaultdict(list)
    votes = _counted(Decision.objects.filter(request_id__in=ids).select_related("person", "for_person"))
    spoken_for = "coalesce(approvals_decision.for_person_id, approvals_decision.person_id)"
    votes = votes.annotate(
        is_own=sod.is_same("approvals_decision.person_id", actor.person_id),
        is_for_own=sod.is_same(spoken_for, actor.person_id),
    )
    for decision in votes:
        decisions[decision.request_id].append(decision)
    nudges = {
        nudge.request_id: nudge
        for nudge in Nudge.objects.filter(request_id__in=ids, person_id=actor.person_id)
        .select_related("asked_by")
        .order_by("at")
    }
    described = _described(page)
    permitted = {action.permission: actor.may(action.permission) for action in ACTIONS.values()}
    everyone: dict[UUID, sod.Member | sod.Standing] = {}
    if loans:
        everyone = {member.person_id: member for member in sod.members(actor.organization_id)}
    voices = sod.voices() if loans else {}
    rows = []
    for request in page:
        terms = replace(ground, severity=request.severity)
        own = hands.get((request.subject_id, request.cycle, actor.person_id), [])
        row = _row(
            request,
            actor,
            conflicts_of(request, own, roles, terms, has_asked=request.is_own),  # type: ignore[attr-defined]
            decisions[request.pk],
            nudges.get(request.pk),
            described.get(request.subject_id),
            permitted,
        )
        if loans and not row.may:
            row = _lent(row, loans, everyone, hands, replace(terms, waived=frozenset()), decisions[request.pk], voices)
        rows.append(row)
    return rows


def _lent(
    row: Row,
    loans: list[Delegation],
    everyone: Mapping[UUID, sod.Member | sod.Standing],
    hands: Mapping[tuple[UUID, int, UUID], list[Held]],
    terms: Terms,
    decisions: list[Decision],
    voices: Mapping[UUID, UUID],
) -> Row:
    """The same line when the reader may decide it in somebody's place."""
    request, names = row.request, []
    asker = voices.get(request.requested_by_id, request.requested_by_id)
    for loan in loans:
        if not delegations.covers(loan, request, request.severity):
            continue
        conflicts = {
            person: conflicts_of(
                request,
                hands.get((request.subject_id, request.cycle, person), []),
                member.roles,
                terms,
                has_asked=voices.get(person, person) == asker,
            )
            for person in (loan.giver_id, loan.deputy_id)
            if (member := everyone.get(person))
        }
        if _behalf(request, loan, everyone, conflicts, decisions, voices).may:
            names.append(loan.giver.name)
    return replace(row, may=True, reason="", rule="", for_names=tuple(names)) if names else row


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
    decided = any(decision.is_own or decision.is_for_own for decision in decisions)  # type: ignore[attr-defined]
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
    if actor.emergency is not None:
        return [*sentences, "While your emergency access runs you decide nothing (rule B-09)."]
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
    with connections[tenancy.alias()].cursor() as cursor:
        cursor.execute(
            "SELECT q.needed, q.distinct_departments, q.days, sod_policy_version(%s, 'quorum')"
            " FROM approvals_quorum(%s, %s, %s) AS q",
            [organization_id, organization_id, action.quorum, severity],
        )
        needed, distinct, days, version = cursor.fetchone()
    return int(needed), bool(distinct), int(days), int(version)
