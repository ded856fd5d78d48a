"""Asking for closure. Approvers decide about the plan, the tasks, the evidence by hash and the verification."""

from typing import Any
from uuid import UUID

from django.db import transaction

from evidence.actors import Actor
from evidence.errors import Invalid
from remediation.approvals.models import Request
from remediation.findings import events as finding_events
from remediation.findings import services as findings
from remediation.findings.models import Finding
from remediation.findings.services import lifecycle, operation, proposals
from remediation.tasks.models import Verification
from remediation.tasks.services import evidence, plans

ACTION = "finding.close"


@transaction.atomic
def request_closure(
    finding_id: UUID,
    *,
    actor: Actor,
    reason: str = "",
    design_only: bool = False,
    expected_version: int | None = None,
) -> Request:
    """Ask to close a verified finding. Where the control has not run often enough since the fix, only as “design only”.

    Fixed is not yet operating: a closure flagged design only says so wherever the finding is shown.
    """
    finding = lifecycle.lock(finding_id, actor=actor, expected_version=expected_version)
    actor.require("findings.plan", finding)
    lifecycle.BY_VERB["close"].check(finding.state, finding.ref)
    satisfied = operation.is_satisfied(finding)
    if not satisfied and not design_only:
        raise Invalid(
            f"{finding.ref} is fixed in design; the control has not run often enough to show that it operates.",
            fields={"design_only": [_shortfall(finding)]},
            help="Wait for the runs, or ask to close it as “design only”.",
        )
    evidence.lay_hands(finding, [artifact.pk for artifact in evidence.attached(finding)], actor=actor)
    return proposals.ask(
        finding,
        ACTION,
        actor=actor,
        change={"close": True, "design_only": not satisfied},
        reason=reason.strip() or "The fix is verified.",
        event=finding_events.FINDING_CLOSURE_ASKED,
        facts=facts(finding),
    )


def facts(finding: Finding) -> dict[str, Any]:
    """Everything a closure stands on, so that a change of any of it voids the votes."""
    verification = (
        Verification.objects.filter(finding=finding, cycle=finding.cycle, result="passed").order_by("-at").first()
    )
    return {
        **proposals.facts_of(finding),
        "cause": {"class": finding.root_cause_class, "words": finding.root_cause, "scope_check": finding.scope_check},
        "plan": plans.words_of(plans.standing(finding)),
        "tasks": plans.tasks_of(finding),
        "evidence": [
            {
                "ref": artifact.ref,
                "version": artifact.latest.number,
                "sha256": artifact.latest.sha256,
            }
            for artifact in evidence.attached(finding)
            if artifact.latest is not None
        ],
        "verification": {
            "by": str(verification.verifier_id),
            "at": verification.at.isoformat(),
            "test_result": verification.test_result,
        }
        if verification
        else {},
    }


def content(finding_id: UUID) -> dict[str, Any]:
    finding = Finding.objects.get(pk=finding_id)
    return {**facts(finding), "change": proposals.change_of(ACTION, finding_id)}


def closed(request: Request, actor: Actor) -> None:
    """A granted request: the finding closes."""
    change = proposals.settle(request, "granted").change
    findings.close(request.subject_id, actor=actor, design_only=change["design_only"])


def _shortfall(finding: Finding) -> str:
    if finding.operating_needed is None:
        return "No control is linked that could show it operating. Link one, or close as design only."
    until = f" Earliest on {finding.operating_evidence_until:%d %b %Y}." if finding.operating_evidence_until else ""
    return f"{finding.operating_seen} of {finding.operating_needed} runs since the fix.{until}"
