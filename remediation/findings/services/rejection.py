"""Saying that a finding is none: a triager proposes with reason and proof, an approver confirms."""

from typing import Any
from uuid import UUID

from django.db import transaction

from evidence.actors import Actor
from evidence.errors import Invalid
from remediation.approvals.models import Request
from remediation.findings import events
from remediation.findings.models import Finding, FindingLink
from remediation.findings.services import lifecycle, proposals
from remediation.findings.states import OPEN, LinkKind, Rejection
from remediation.findings.transitions import BY_VERB
from remediation.sod.duties import Duty


@transaction.atomic
def propose_rejection(
    finding_id: UUID,
    *,
    actor: Actor,
    kind: str,
    reason: str,
    proof: str = "",
    duplicate_of_id: UUID | None = None,
    expected_version: int | None = None,
) -> Request:
    """Ask to reject a reported or triaged finding as false positive, duplicate or out of scope.

    A duplicate must point at a live finding; the others need `proof`, words on what shows it. The finding stays where
    it is until an approver who neither found nor works on it has confirmed.
    """
    finding = lifecycle.lock(finding_id, actor=actor, expected_version=expected_version)
    actor.require("findings.propose_rejection", finding)
    BY_VERB["reject"].check(finding.state, finding.ref)
    if kind not in Rejection.values:
        raise Invalid("Say what it is instead.", fields={"kind": ["Choose one of the three."]})
    why = lifecycle.needs_words(reason)
    change: dict[str, Any] = {"kind": str(kind), "reason": why, "proof": proof.strip()}
    if kind == Rejection.DUPLICATE:
        change["duplicate_of"] = _live(finding, duplicate_of_id).ref
    elif not proof.strip():
        raise Invalid("The proof is missing.", fields={"proof": ["Say what shows it, and where it can be seen."]})
    lifecycle.take(finding, Duty.TRIAGER, actor=actor)
    return proposals.ask(
        finding, "finding.reject", actor=actor, change=change, reason=why, event=events.FINDING_REJECTION_PROPOSED
    )


def mark_duplicate(finding_id: UUID, of_id: UUID, *, actor: Actor, reason: str) -> Request:
    """Propose to reject a finding as the duplicate of a live one."""
    return propose_rejection(finding_id, actor=actor, kind=Rejection.DUPLICATE, reason=reason, duplicate_of_id=of_id)


def reject(request: Request, actor: Actor) -> None:
    """A granted request: the finding ends as rejected, linked to the one it repeats."""
    finding = lifecycle.lock(request.subject_id, actor=actor)
    move = lifecycle.begin(finding, "reject", actor=actor)
    change = proposals.settle(request, "granted").change
    other = None
    if ref := change.get("duplicate_of"):
        other = _still_live(ref, actor=actor)
        FindingLink.objects.get_or_create(
            organization_id=finding.organization_id,
            finding=finding,
            other=other,
            kind=LinkKind.DUPLICATE,
            defaults={"by_id": actor.person_id},
        )
    lifecycle.finish(
        finding,
        move,
        actor=actor,
        changes={"duplicate_of_id": other.pk if other else None},
        data={"kind": change["kind"]},
    )


def _live(finding: Finding, other_id: UUID | None) -> Finding:
    other = Finding.objects.filter(pk=other_id, organization_id=finding.organization_id).first() if other_id else None
    if other is None or other.pk == finding.pk:
        raise Invalid("The finding it repeats is missing.", fields={"duplicate_of": ["Choose another finding."]})
    if other.state not in OPEN:
        raise Invalid(
            f"{other.ref} is not open any more.",
            fields={"duplicate_of": [f"{other.ref} is settled. Reopen it if the same weakness is back."]},
        )
    return other


def _still_live(ref: str, *, actor: Actor) -> Finding:
    other = Finding.objects.get(organization_id=actor.organization_id, number=int(ref.rpartition("-")[2]))
    if other.state not in OPEN:
        raise Invalid(
            f"{other.ref} was settled meanwhile, so nothing live is left to point at.",
            help="Withdraw this request and propose again.",
        )
    return other
