"""Changing a severity after triage: a rise counts at once, a cut is a request that somebody else decides."""

from typing import Any
from uuid import UUID

from django.db import transaction

from evidence import clock
from evidence.actors import Actor
from evidence.errors import Invalid, WrongState
from remediation.approvals import services as approvals
from remediation.approvals.models import Request
from remediation.findings import events, sla
from remediation.findings.models import Finding, Proposal
from remediation.findings.services import lifecycle, proposals
from remediation.findings.severity import effective, is_cut
from remediation.findings.states import UNTRIAGED, Severity, State
from remediation.findings.transitions import BY_VERB


@transaction.atomic
def change_severity(
    finding_id: UUID,
    *,
    actor: Actor,
    severity: str,
    rationale: str,
    kev: bool | None = None,
    expected_version: int | None = None,
) -> Finding | Request:
    """Re-rate a triaged finding. A rise returns the finding, a cut the request that now waits for its decision.

    The clock does not restart: the new due date is counted from where the clock began. Open requests become void,
    because what they were about has changed.
    """
    finding = lifecycle.lock(finding_id, actor=actor, expected_version=expected_version)
    actor.require("findings.triage", finding)
    lifecycle.require_open(finding)
    if finding.state in UNTRIAGED:
        raise WrongState(f"{finding.ref} is not triaged yet.", help="Triage sets its severity.")
    why = lifecycle.needs_words(rationale, field="rationale", ask="Say what is known now that was not before.")
    is_kev = finding.kev if kev is None else kev
    wanted = effective(lifecycle.known_severity(severity), kev=is_kev)
    if wanted == finding.severity and is_kev == finding.kev:
        raise Invalid(
            f"{finding.ref} already is {Severity(finding.severity).label}.",
            fields={"severity": ["Known exploited weaknesses are always critical."] if is_kev else ["Choose another."]},
        )
    if is_cut(finding.severity, wanted):
        return proposals.ask(
            finding,
            "finding.change_severity",
            actor=actor,
            change={"severity": str(wanted), "rationale": why, "kev": is_kev},
            reason=why,
            event=events.FINDING_SEVERITY_CUT_ASKED,
        )
    _void_requests(finding, actor, f"The severity of {finding.ref} rose to {wanted.label}.")
    _leave_acceptance(finding, actor, wanted)
    return _rerate(finding, wanted, why, is_kev, events.FINDING_SEVERITY_RAISED, actor=actor)


def cut(request: Request, actor: Actor) -> None:
    """A granted request: lower the severity."""
    finding = lifecycle.lock(request.subject_id, actor=actor)
    change = proposals.settle(request, "granted").change
    _void_requests(finding, actor, f"The severity of {finding.ref} was lowered.")
    _rerate(
        finding,
        Severity(change["severity"]),
        change["rationale"],
        change["kev"],
        events.FINDING_SEVERITY_CUT,
        actor=actor,
    )


def _rerate(finding: Finding, severity: Severity, why: str, kev: bool, event: Any, *, actor: Actor) -> Finding:
    due = sla.due_for(severity, finding.clock_started_at, sla.rules(finding.organization_id))
    # A date that was moved by approval, or by a deferral, is not brought back by a cut; a rise may shorten it.
    moved = finding.current_due_at > finding.due_at and Severity(severity).rank < Severity(finding.severity).rank
    return lifecycle.change(
        finding,
        event,
        actor=actor,
        changes={
            "severity": str(severity),
            "severity_since": clock.now(),
            "severity_rationale": why,
            "kev": kev,
            "due_at": due,
            "current_due_at": max(due, finding.current_due_at) if moved else due,
        },
    )


def _leave_acceptance(finding: Finding, actor: Actor, severity: Severity) -> None:
    # What was accepted was a smaller risk (PRACTICE 3.2, row 14): a rise brings the finding back to triage.
    if finding.state == State.RISK_ACCEPTED:
        why = f"The severity rose to {severity.label}, and only the smaller risk had been accepted."
        lifecycle.finish(finding, BY_VERB["end_acceptance"], actor=actor, reason=why)
    elif finding.state in (State.RISK_ACCEPTANCE_PENDING, State.DEFERRAL_PENDING):
        verb = "drop_acceptance" if finding.state == State.RISK_ACCEPTANCE_PENDING else "drop_deferral"
        lifecycle.finish(finding, BY_VERB[verb], actor=actor, reason=f"The severity rose to {severity.label}.")


def _void_requests(finding: Finding, actor: Actor, why: str) -> None:
    approvals.void_open(lifecycle.SUBJECT, finding.pk, finding.cycle, actor=actor, why=why)
    approvals.void_granted(
        lifecycle.SUBJECT, finding.pk, finding.cycle, actor=actor, why=why, actions=["finding.approve_plan"]
    )
    Proposal.objects.filter(finding=finding, ended_at=None).update(ended_at=clock.now(), outcome="void")
