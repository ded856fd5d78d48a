"""Requests about a finding whose content is a change: the proposal is kept, and carried out when it is granted."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction

from evidence import clock
from evidence.actors import Actor
from evidence.errors import NotFound, WrongState
from evidence.ledger import services as ledger
from evidence.ledger.events import Event
from remediation.approvals import services as approvals
from remediation.approvals.models import Request
from remediation.approvals.subjects import Description
from remediation.findings import events
from remediation.findings.models import Finding, FindingControl, FindingCriterion, Proposal
from remediation.findings.services import lifecycle


def ask(
    finding: Finding,
    action: str,
    *,
    actor: Actor,
    change: Mapping[str, Any],
    reason: str,
    event: Event,
    facts: Mapping[str, Any] | None = None,
) -> Request:
    """Keep the proposal, ask for the decision, record it. Raises WrongState while one of the same kind is open.

    `facts` replaces the finding's own facts in the content, for callers who bind it to more.
    """
    if Proposal.objects.filter(finding=finding, action=action, ended_at=None).exists():
        raise WrongState(
            f"{finding.ref} already has an open request of this kind.",
            help="Withdraw it first, or wait for its decision.",
        )
    proposal = Proposal.objects.create(
        organization_id=finding.organization_id,
        finding=finding,
        cycle=finding.cycle,
        action=action,
        change=dict(change),
        reason=reason,
        by_id=lifecycle.person_of(actor),
    )
    request = approvals.request(
        action,
        subject_type=lifecycle.SUBJECT,
        subject_id=finding.pk,
        subject_ref=finding.ref,
        cycle=finding.cycle,
        content={**(facts if facts is not None else facts_of(finding)), "change": proposal.change},
        severity=finding.severity,
        actor=actor,
        reason=reason,
    )
    ledger.record(
        event,
        subject=finding,
        actor=actor,
        reason=reason,
        data={"cycle": finding.cycle, "action": action, "request": str(request.pk)},
    )
    return request


def facts_of(finding: Finding) -> dict[str, Any]:
    """What an approver decides about: the finding's own facts, its criteria and controls."""
    return {
        "finding": {
            "ref": finding.ref,
            "title": finding.title,
            "description": finding.description,
            "asset": finding.asset,
            "severity": str(finding.severity),
            "criteria": criteria_of(finding.pk),
            "controls": controls_of(finding.pk),
        }
    }


def criteria_of(finding_id: UUID) -> list[str]:
    rows = FindingCriterion.objects.filter(finding_id=finding_id)
    return sorted(rows.values_list("criterion_id", flat=True))


def controls_of(finding_id: UUID) -> list[str]:
    rows = FindingControl.objects.filter(finding_id=finding_id)
    return sorted(rows.values_list("control__ref", flat=True))


def content(action: str, finding_id: UUID) -> dict[str, Any]:
    """The content as it stands now; an ended proposal leaves an empty change, which voids the request."""
    finding = Finding.objects.get(pk=finding_id)
    return {**facts_of(finding), "change": change_of(action, finding_id)}


def change_of(action: str, finding_id: UUID) -> dict[str, Any]:
    """What the open proposal would change, {} when there is none."""
    proposal = Proposal.objects.filter(finding_id=finding_id, action=action, ended_at=None).first()
    return proposal.change if proposal else {}


def settle(request: Request, outcome: str) -> Proposal:
    """End the proposal of a decided request and return it."""
    proposal = Proposal.objects.select_for_update().get(
        finding_id=request.subject_id, action=request.action, ended_at=None
    )
    proposal.ended_at = clock.now()
    proposal.outcome = outcome
    proposal.save(update_fields=["ended_at", "outcome"])
    return proposal


def refused(request: Request, actor: Actor) -> None:
    """A rejection ends the proposal and leaves the finding as it was."""
    settle(request, "refused")


def ended(request: Request, actor: Actor) -> None:
    """A withdrawal, an expiry or a void ends the proposal too."""
    Proposal.objects.filter(finding_id=request.subject_id, action=request.action, ended_at=None).update(
        ended_at=clock.now(), outcome=request.state
    )


@transaction.atomic
def drop(finding_id: UUID, action: str, *, actor: Actor, why: str) -> None:
    """Take back an open proposal, and void its request. Raises NotFound when there is none."""
    finding = lifecycle.lock(finding_id, actor=actor)
    actor.require("findings.propose_rejection" if action == "finding.reject" else "findings.assign", finding)
    reason = lifecycle.needs_words(why)
    end_open(finding, action, outcome="withdrawn", missing_ok=False)
    approvals.void_open(lifecycle.SUBJECT, finding.pk, finding.cycle, actor=actor, why=reason, actions=[action])
    ledger.record(
        events.FINDING_REQUEST_DROPPED,
        subject=finding,
        actor=actor,
        reason=reason,
        data={"cycle": finding.cycle, "action": action},
    )


def end_open(finding: Finding, action: str, *, outcome: str, missing_ok: bool = True) -> None:
    """Mark an open proposal as ended, without a decision."""
    rows = Proposal.objects.filter(finding=finding, action=action, ended_at=None)
    if not rows.update(ended_at=clock.now(), outcome=outcome) and not missing_ok:
        raise NotFound("There is no open request of this kind.")


def describe(ids: Sequence[UUID]) -> dict[UUID, Description]:
    """Titles of findings for queues."""
    rows = Finding.objects.filter(pk__in=ids).values_list("id", "ref", "title")
    return {pk: Description(title, "findings:detail", (ref,)) for pk, ref, title in rows}
