"""Accepting a risk and deferring a fix: asked with an end, decided by somebody with authority, ended by the clock.

An accepted or deferred finding is still open in every total.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from evidence import clock
from evidence.actors import Actor
from evidence.errors import Invalid, NotAllowed, Refused
from evidence.ledger import services as ledger
from evidence.organizations import queries as organizations
from remediation.approvals import services as approvals
from remediation.approvals.models import Request
from remediation.findings import sla
from remediation.findings.models import Finding
from remediation.findings.services import lifecycle, proposals
from remediation.findings.states import Severity, State
from remediation.risk import events
from remediation.risk.models import Acceptance, AcceptanceState, Deferral, DeferralState

ACCEPT, DEFER = "risk.accept", "finding.defer"
CHECK_IN_DAYS = 30
STANDING = ("pending", "active")


@transaction.atomic
def ask_acceptance(
    finding_id: UUID,
    *,
    actor: Actor,
    reason: str,
    residual_risk: str,
    compensating: str,
    expires_on: date,
    expected_version: int | None = None,
) -> Acceptance:
    """Ask someone with authority to accept a finding's risk until a date within the policy's limit.

    The assignee cannot ask; who asks cannot decide. After as many renewals as the policy allows, authority goes one
    severity up.
    """
    finding = lifecycle.lock(finding_id, actor=actor, expected_version=expected_version)
    actor.require("findings.accept_risk_request", finding)
    lifecycle.BY_VERB["ask_acceptance"].check(finding.state, finding.ref)
    if actor.person_id == finding.assignee_id:
        raise NotAllowed(
            f"Whoever works on {finding.ref} does not ask to accept its risk.", help="Its owner asks for it."
        )
    _check_words(reason=reason, residual_risk=residual_risk, compensating=compensating)
    policy = organizations.policy(finding.organization_id, "risk_expiry").body
    _check_expiry(finding, expires_on, int(policy["max_days"][finding.severity]))
    _end_orphans(finding)
    renewals = Acceptance.objects.filter(finding=finding, cycle=finding.cycle, accepted_at__isnull=False).count()
    move = lifecycle.begin(finding, "ask_acceptance", actor=actor)
    acceptance = Acceptance.objects.create(
        organization_id=finding.organization_id,
        finding=finding,
        cycle=finding.cycle,
        severity=finding.severity,
        reason=reason.strip(),
        residual_risk=residual_risk.strip(),
        compensating=compensating.strip(),
        expires_on=expires_on,
        requested_by_id=lifecycle.person_of(actor),
        renewals=renewals,
    )
    lifecycle.finish(
        finding, move, actor=actor, reason=reason, data={"expires_on": expires_on.isoformat(), "renewals": renewals}
    )
    one_up = renewals > int(policy["renewals"])
    severity = Severity(finding.severity).one_level_up() if one_up else Severity(finding.severity)
    _ask(acceptance, finding, ACCEPT, str(severity), actor, reason)
    return acceptance


@transaction.atomic
def end_acceptance(finding_id: UUID, *, actor: Actor, reason: str, expected_version: int | None = None) -> Finding:
    """Bring an accepted finding back to triage before its time, such as when a compensating control failed."""
    finding = lifecycle.lock(finding_id, actor=actor, expected_version=expected_version)
    why = lifecycle.needs_words(reason)
    return _end_acceptance(finding, AcceptanceState.ENDED, why, actor=actor)


@transaction.atomic
def ask_deferral(
    finding_id: UUID,
    *,
    actor: Actor,
    reason: str,
    new_due_on: date,
    vendor: str = "",
    check_in_on: date | None = None,
    expected_version: int | None = None,
) -> Deferral:
    """Ask for a later date, before the present one has passed. Waiting for a vendor needs a check-in within 30 days."""
    finding = lifecycle.lock(finding_id, actor=actor, expected_version=expected_version)
    actor.require("findings.defer_request", finding)
    lifecycle.BY_VERB["ask_deferral"].check(finding.state, finding.ref)
    rules = sla.rules(finding.organization_id)
    due_on, today = rules.day_of(finding.current_due_at), rules.day_of(clock.now())
    _check_words(reason=reason)
    _check_deferral(finding, due_on, today, new_due_on, vendor, check_in_on)
    _end_orphans(finding)
    move = lifecycle.begin(finding, "ask_deferral", actor=actor)
    deferral = Deferral.objects.create(
        organization_id=finding.organization_id,
        finding=finding,
        cycle=finding.cycle,
        reason=reason.strip(),
        old_due_on=due_on,
        new_due_on=new_due_on,
        vendor=vendor.strip(),
        check_in_on=check_in_on,
        requested_by_id=lifecycle.person_of(actor),
    )
    lifecycle.finish(finding, move, actor=actor, reason=reason, data={"new_due_on": new_due_on.isoformat()})
    _ask(deferral, finding, DEFER, str(finding.severity), actor, reason)
    return deferral


@dataclass(frozen=True)
class Expired:
    """What a sweep ended."""

    acceptances: int = 0
    deferrals: int = 0


def expire_due(*, actor: Actor) -> Expired:
    """End every acceptance whose day has passed and every deferral whose day has come. For the sweep.

    Each finding in its own transaction; one that cannot move now is left for the next sweep.
    """
    today = sla.rules(actor.organization_id).day_of(clock.now())
    accepted = Acceptance.objects.filter(
        organization_id=actor.organization_id, state=AcceptanceState.ACTIVE, expires_on__lt=today
    )
    deferred = Deferral.objects.filter(
        organization_id=actor.organization_id, state=DeferralState.ACTIVE, new_due_on__lte=today
    )
    return Expired(
        acceptances=sum(_each(accepted.values_list("finding_id", flat=True), _expire_acceptance, actor)),
        deferrals=sum(_each(deferred.values_list("finding_id", flat=True), _resume, actor)),
    )


def _each(ids: Any, end: Callable[[UUID, Actor], bool], actor: Actor) -> list[bool]:
    return [end(finding_id, actor) for finding_id in list(ids)]


@transaction.atomic
def _expire_acceptance(finding_id: UUID, actor: Actor) -> bool:
    finding = lifecycle.lock(finding_id, actor=actor)
    if finding.state != State.RISK_ACCEPTED:
        _end_orphans(finding)
        return False
    _end_acceptance(finding, AcceptanceState.EXPIRED, "The acceptance ran out.", actor=actor)
    ledger.record(events.ACCEPTANCE_EXPIRED, subject=finding, actor=actor, data={"cycle": finding.cycle})
    return True


@transaction.atomic
def _resume(finding_id: UUID, actor: Actor) -> bool:
    finding = lifecycle.lock(finding_id, actor=actor)
    row = Deferral.objects.select_for_update().get(finding=finding, state=DeferralState.ACTIVE)
    _close(row, DeferralState.ENDED)
    if finding.state != State.DEFERRED:
        return False
    move = lifecycle.begin(finding, "resume", actor=actor)
    lifecycle.finish(finding, move, actor=actor, reason="The deferral came to its day.")
    return True


def _end_acceptance(finding: Finding, state: AcceptanceState, why: str, *, actor: Actor) -> Finding:
    move = lifecycle.begin(finding, "end_acceptance", actor=actor)
    row = Acceptance.objects.select_for_update().filter(finding=finding, state=AcceptanceState.ACTIVE).first()
    finding = lifecycle.finish(finding, move, actor=actor, reason=why)
    if row is not None:
        _close(row, state, end_reason=why)
    return finding


def accepted(request: Request, actor: Actor) -> None:
    """A granted request: the risk is carried until its date."""
    finding = lifecycle.lock(request.subject_id, actor=actor)
    move = lifecycle.begin(finding, "accept_risk", actor=actor)
    row = _pending(Acceptance, request)
    row.state, row.accepted_at, row.accepted_by_id = AcceptanceState.ACTIVE, clock.now(), actor.person_id
    row.version += 1
    row.save(update_fields=["state", "accepted_at", "accepted_by", "version"])
    lifecycle.finish(finding, move, actor=actor)
    ledger.record(
        events.ACCEPTANCE_RECORDED, subject=finding, actor=actor,
        data={"cycle": finding.cycle, "expires_on": row.expires_on.isoformat()},
    )  # fmt: skip


def acceptance_dropped(request: Request, actor: Actor) -> None:
    """A refused or ended request: the finding goes back to where it was."""
    _drop(request, actor, Acceptance, "drop_acceptance", State.RISK_ACCEPTANCE_PENDING)


def deferred(request: Request, actor: Actor) -> None:
    """A granted request: the finding waits, and its date moves; the original date stays beside it."""
    finding = lifecycle.lock(request.subject_id, actor=actor)
    move = lifecycle.begin(finding, "defer", actor=actor)
    row = _pending(Deferral, request)
    row.state, row.deferred_at = DeferralState.ACTIVE, clock.now()
    row.version += 1
    row.save(update_fields=["state", "deferred_at", "version"])
    due = sla.rules(finding.organization_id).end_of(row.new_due_on)
    lifecycle.finish(finding, move, actor=actor, changes={"current_due_at": due})
    ledger.record(
        events.DEFERRAL_RECORDED, subject=finding, actor=actor,
        data={"cycle": finding.cycle, "new_due_on": row.new_due_on.isoformat()},
    )  # fmt: skip


def deferral_dropped(request: Request, actor: Actor) -> None:
    """A refused or ended request: the finding goes back to where it was."""
    _drop(request, actor, Deferral, "drop_deferral", State.DEFERRAL_PENDING)


def content(model: Any, finding_id: UUID) -> dict[str, Any]:
    """What is decided about: the finding's facts and the words and dates of the pending question."""
    finding = Finding.objects.get(pk=finding_id)
    row = model.objects.filter(finding=finding, state="pending").first()
    return {**proposals.facts_of(finding), "change": _words(row) if row else {}}


def _words(row: Acceptance | Deferral) -> dict[str, Any]:
    if isinstance(row, Acceptance):
        return {
            "reason": row.reason,
            "residual_risk": row.residual_risk,
            "compensating": row.compensating,
            "expires_on": row.expires_on.isoformat(),
            "renewals": row.renewals,
        }
    return {
        "reason": row.reason,
        "old_due_on": row.old_due_on.isoformat(),
        "new_due_on": row.new_due_on.isoformat(),
        "vendor": row.vendor,
        "check_in_on": row.check_in_on.isoformat() if row.check_in_on else None,
    }


def _ask(row: Acceptance | Deferral, finding: Finding, action: str, severity: str, actor: Actor, reason: str) -> None:
    row.request = approvals.request(
        action,
        subject_type=lifecycle.SUBJECT,
        subject_id=finding.pk,
        subject_ref=finding.ref,
        cycle=finding.cycle,
        content={**proposals.facts_of(finding), "change": _words(row)},
        severity=severity,
        actor=actor,
        reason=reason,
    )
    row.save(update_fields=["request"])


def _pending(model: Any, request: Request) -> Any:
    return model.objects.select_for_update().get(request=request, state="pending")


def _drop(request: Request, actor: Actor, model: Any, verb: str, waiting: State) -> None:
    finding = lifecycle.lock(request.subject_id, actor=actor)
    row = model.objects.select_for_update().filter(request=request, state="pending").first()
    if row is not None:
        _close(row, "refused" if request.state == Request.State.REFUSED else "withdrawn")
    if finding.state == waiting:
        move = lifecycle.begin(finding, verb, actor=actor)
        lifecycle.finish(finding, move, actor=actor)


def _close(row: Any, state: str, **fields: Any) -> None:
    row.state, row.ended_at = state, clock.now()
    for name, value in fields.items():
        setattr(row, name, value)
    row.version += 1
    row.save(update_fields=["state", "ended_at", "version", *fields])


def _end_orphans(finding: Finding) -> None:
    # A rise of severity brings a finding back on the floor below, which does not know of these rows.
    if finding.state not in (State.RISK_ACCEPTED, State.RISK_ACCEPTANCE_PENDING):
        for row in Acceptance.objects.select_for_update().filter(finding=finding, state__in=STANDING):
            _close(row, AcceptanceState.ENDED if row.accepted_at else AcceptanceState.WITHDRAWN,
                   end_reason="The finding moved on.")  # fmt: skip
    if finding.state not in (State.DEFERRED, State.DEFERRAL_PENDING):
        for deferral in Deferral.objects.select_for_update().filter(finding=finding, state__in=STANDING):
            _close(deferral, DeferralState.ENDED if deferral.deferred_at else DeferralState.WITHDRAWN)


def _check_words(**texts: str) -> None:
    asks = {
        "reason": "Say why it is not fixed now.",
        "residual_risk": "Say what can still happen, and how bad it would be.",
        "compensating": "Name what keeps the risk down meanwhile.",
    }
    wrong = {name: [asks[name]] for name, text in texts.items() if not text.strip()}
    if wrong:
        raise Invalid("Some words are missing.", fields=wrong)


def _check_expiry(finding: Finding, expires_on: date, max_days: int) -> None:
    today = sla.rules(finding.organization_id).day_of(clock.now())
    latest = today + timedelta(days=max_days)
    if expires_on <= today:
        raise Invalid("It would have ended already.", fields={"expires_on": ["Choose a day to come."]})
    if expires_on > latest:
        word = Severity(finding.severity).label
        raise Invalid(
            f"A {word.lower()} risk is accepted for {max_days} days at most.",
            fields={"expires_on": [f"Choose {latest:%d %b %Y} or earlier."]},
        )


def _check_deferral(
    finding: Finding, due_on: date, today: date, new_due_on: date, vendor: str, check_in_on: date | None
) -> None:
    if finding.current_due_at <= clock.now():
        raise Refused(
            f"{finding.ref} was due on {due_on:%d %b %Y}; a deferral is asked for before the date has passed.",
            code="already_due",
            help="Ask to accept its risk instead.",
        )
    wrong: dict[str, list[str]] = {}
    if new_due_on <= due_on:
        wrong["new_due_on"] = [f"Choose a day after {due_on:%d %b %Y}."]
    if vendor.strip() and check_in_on is None:
        wrong["check_in_on"] = ["Say when the vendor is asked next; at most 30 days from now."]
    if check_in_on is not None and not today < check_in_on <= today + timedelta(days=CHECK_IN_DAYS):
        wrong["check_in_on"] = ["Choose a day within the next 30 days."]
    if wrong:
        raise Invalid("The deferral is not complete.", fields=wrong)
