"""How every move is made: lock, right, state, duty, change, record. No other module writes a finding's state."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from evidence import clock, crashing
from evidence.actors import Actor
from evidence.errors import Invalid, NotAllowed, NotFound, Stale, WrongState
from evidence.ledger import services as ledger
from evidence.ledger.events import Event
from remediation.approvals import services as approvals
from remediation.findings import events, sla
from remediation.findings.models import Finding, Proposal
from remediation.findings.states import Severity, State
from remediation.findings.transitions import BY_VERB, Move, next_step
from remediation.sod import queries as sod_queries
from remediation.sod import services as sod
from remediation.sod.duties import Duty

SUBJECT = "findings.finding"
# What a person wrote is committed to by a salted hash beside the event, so that it can be erased (ARCHITECTURE 3).
WORDS = frozenset(
    {"title", "description", "asset", "source_ref", "severity_rationale", "root_cause", "scope_check", "cvss_source"}
)


def lock(finding_id: UUID, *, actor: Actor, expected_version: int | None = None) -> Finding:
    """The finding, locked until the transaction ends. Raises NotFound, or Stale for another version than expected."""
    finding = (
        Finding.objects.select_for_update(of=("self",))
        .filter(pk=finding_id, organization_id=actor.organization_id)
        .first()
    )
    if finding is None:
        raise NotFound("There is no such finding here.")
    if expected_version is not None and finding.version != expected_version:
        raise Stale(
            f"{finding.ref} was changed meanwhile: you saw version {expected_version}, it is now {finding.version}.",
            help="Nothing of yours was recorded. Look at the finding again, then repeat the step if it still fits.",
            details={"version": finding.version},
        )
    return finding


def begin(finding: Finding, verb: str, *, actor: Actor, duty: str | None = None) -> Move:
    """Right, state and duty of a move, in this order. Raises NotAllowed, WrongState or DutyConflict."""
    move = BY_VERB[verb]
    if move.permission is not None:
        actor.require(move.permission, finding)
    move.check(finding.state, finding.ref)
    wanted = duty or move.duty
    if wanted is not None and not actor.is_system:
        take(finding, Duty(wanted), actor=actor)
    return move


def take(finding: Finding, duty: Duty, *, actor: Actor, person_id: UUID | None = None, about: str = "") -> None:
    """Lay a hand on the finding's present cycle: the actor's, or of the person the actor appoints."""
    sod.take_duty(
        duty,
        subject_type=SUBJECT,
        subject_id=finding.pk,
        cycle=finding.cycle,
        actor=actor,
        person_id=person_id,
        about=about or finding.ref,
    )


def finish(
    finding: Finding,
    move: Move,
    *,
    actor: Actor,
    changes: Mapping[str, Any] | None = None,
    target: State | None = None,
    reason: str = "",
    data: Mapping[str, Any] | None = None,
    texts: Mapping[str, str] | None = None,
) -> Finding:
    """Put the finding into the move's target and record it. `target` chooses for moves that go back."""
    target = target or (State(finding.returns_to) if move.back else move.target)
    all_changes: dict[str, Any] = {"state": target, "state_since": clock.now(), **(changes or {})}
    if move.aside:
        all_changes["returns_to"] = finding.state
    elif finding.returns_to and target not in (State.RISK_ACCEPTED, State.DEFERRED):
        all_changes["returns_to"] = ""
    if move.new_cycle:
        all_changes["cycle"] = finding.cycle + 1
    return change(
        finding, events.BY_KIND[move.event], actor=actor, changes=all_changes, reason=reason, data=data, texts=texts
    )


def change(
    finding: Finding,
    event: Event,
    *,
    actor: Actor,
    changes: Mapping[str, Any],
    reason: str = "",
    data: Mapping[str, Any] | None = None,
    texts: Mapping[str, str] | None = None,
) -> Finding:
    """Write fields of a locked finding, raise its version and record what was before and after."""
    changed = {name: value for name, value in changes.items() if getattr(finding, name) != value}
    before = {name: plain(getattr(finding, name)) for name in changed if name not in WORDS}
    for name, value in changed.items():
        setattr(finding, name, value)
    finding.version += 1
    finding.save(update_fields=[*changed, "version"])
    crashing.point("finding.changed")
    ledger.record(
        event,
        subject=finding,
        actor=actor,
        before=before,
        after={name: plain(value) for name, value in changed.items() if name not in WORDS},
        reason=reason,
        data={"cycle": finding.cycle, **(data or {})},
        texts={**{name: value for name, value in changed.items() if name in WORDS and value}, **(texts or {})},
    )
    crashing.point("finding.recorded")
    return finding


def plain(value: Any) -> Any:
    """A value as the ledger's canonical JSON takes it."""
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, str):
        return str(value)
    return value


def needs_words(reason: str, *, field: str = "reason", ask: str = "Say why; it is kept with the event.") -> str:
    """The reason, trimmed. Raises Invalid when it is empty."""
    text = reason.strip()
    if not text:
        raise Invalid("Some words are missing.", fields={field: [ask]})
    return text


def colleague(person_id: UUID | None, *, actor: Actor, field: str) -> UUID:
    """The id of a person who works in this organization now. Raises Invalid for anyone else."""
    if person_id is None:
        raise Invalid("A person is missing.", fields={field: ["Choose a person."]})
    roles = sod_queries.roles_of(person_id, actor.organization_id)
    if not roles - {"auditor"}:
        raise Invalid(
            "This person does not work in the organization now.",
            fields={field: ["Choose someone with a running membership."]},
        )
    return person_id


@transaction.atomic
def close(finding_id: UUID, *, actor: Actor, design_only: bool) -> Finding:
    """Close a verified finding whose closure was granted. The database looks for the granted request itself."""
    finding = lock(finding_id, actor=actor)
    move = begin(finding, "close", actor=actor)
    return finish(finding, move, actor=actor, changes={"closed_at": clock.now(), "design_only": design_only})


@transaction.atomic
def reopen(
    finding_id: UUID,
    *,
    actor: Actor,
    reason: str,
    owner_id: UUID | None = None,
    expected_version: int | None = None,
) -> Finding:
    """Begin a new cycle of a closed or rejected finding, in triage.

    Approvals of earlier cycles stay in the history and count no more. The clock goes on from the first detection,
    unless the finding had been settled for more than 90 days. `owner_id` is needed when it never had an owner.
    """
    finding = lock(finding_id, actor=actor, expected_version=expected_version)
    move = begin(finding, "reopen", actor=actor)
    why = needs_words(reason)
    owner = colleague(owner_id or finding.owner_id, actor=actor, field="owner")
    Proposal.objects.filter(finding=finding, ended_at=None).update(ended_at=clock.now(), outcome="void")
    approvals.void_open(
        SUBJECT, finding.pk, finding.cycle, actor=actor, why=f"{finding.ref} was reopened in a new cycle."
    )
    finish(finding, move, actor=actor, changes=_fresh_cycle(finding, owner), reason=why)
    take(finding, Duty.OWNER, actor=actor, person_id=owner) if not actor.is_system else None
    return finding


def _fresh_cycle(finding: Finding, owner: UUID) -> dict[str, Any]:
    now = clock.now()
    rules = sla.rules(finding.organization_id)
    start = sla.clock_start_after_reopening(finding.clock_started_at, finding.state_since, now)
    due = finding.current_due_at if start == finding.clock_started_at else sla.due_for(finding.severity, start, rules)
    return {
        "closed_at": None,
        "verified_at": None,
        "remediated_at": None,
        "proposed_fixed_at": None,
        "duplicate_of_id": None,
        "assignee_id": None,
        "root_cause_class": "",
        "root_cause": "",
        "scope_check": "",
        "design_fixed_on": None,
        "operating_evidence_until": None,
        "operating_needed": None,
        "operating_seen": 0,
        "design_only": False,
        "owner_id": owner,
        "triaged_at": finding.triaged_at or now,
        "severity_rationale": finding.severity_rationale or "Kept from before the reopening.",
        "clock_started_at": start,
        "due_at": finding.due_at if start == finding.clock_started_at else due,
        "current_due_at": due,
    }


def require_open(finding: Finding) -> None:
    """Raise WrongState for a draft or a settled finding."""
    if not finding.is_open:
        raise WrongState(
            f"{finding.ref} is “{State(finding.state).label}”, so this cannot be changed now.",
            help="Reopen it with a reason to begin a new cycle.",
            details={"state": finding.state},
        )


def person_of(actor: Actor) -> UUID:
    """The person who acts. Raises NotAllowed for the system, which holds no words of its own."""
    if actor.person_id is None:
        raise NotAllowed("Only a person can do this; the system cannot.")
    return actor.person_id


def known_severity(value: str) -> Severity:
    """The severity of that name. Raises Invalid for another word."""
    if value not in Severity.values:
        raise Invalid("There is no such severity.", fields={"severity": ["Choose critical, high, medium or low."]})
    return Severity(value)


__all__ = [
    "BY_VERB", "SUBJECT", "WORDS", "Stale", "begin", "change", "close", "colleague", "finish", "known_severity", "lock",
    "needs_words", "next_step", "person_of", "plain", "reopen", "require_open", "take",
]  # fmt: skip
