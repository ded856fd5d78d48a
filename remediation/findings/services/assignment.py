"""Who owns a finding and who carries out its fix. Late changes are requests that somebody else decides."""

from uuid import UUID

from django.db import transaction

from evidence.actors import Actor
from evidence.errors import Invalid, WrongState
from remediation.approvals.models import Request
from remediation.findings import events
from remediation.findings.models import Finding
from remediation.findings.services import lifecycle, proposals
from remediation.findings.states import UNTRIAGED, State
from remediation.sod.duties import Duty

LATE = (State.READY_FOR_VERIFICATION, State.VERIFIED)


@transaction.atomic
def reassign(
    finding_id: UUID,
    *,
    actor: Actor,
    owner_id: UUID | None = None,
    assignee_id: UUID | None = None,
    reason: str = "",
    expected_version: int | None = None,
) -> Finding | Request:
    """Give a triaged finding another owner or assignee; None keeps the present one.

    Who held it before keeps the hand they laid. After the handover for verification it is a request instead.
    """
    finding = lifecycle.lock(finding_id, actor=actor, expected_version=expected_version)
    actor.require("findings.assign", finding)
    lifecycle.require_open(finding)
    if finding.state in UNTRIAGED:
        raise WrongState(f"{finding.ref} is not triaged yet.", help="Triage gives it an owner.")
    owner = lifecycle.colleague(owner_id or finding.owner_id, actor=actor, field="owner")
    assignee = assignee_id or finding.assignee_id
    if assignee is not None:
        lifecycle.colleague(assignee, actor=actor, field="assignee")
    if (owner, assignee) == (finding.owner_id, finding.assignee_id):
        raise Invalid("Nobody would change.", fields={"owner": ["Choose someone else."]})
    if finding.state in LATE:
        return proposals.ask(
            finding,
            "finding.reassign",
            actor=actor,
            change={"owner": str(owner), "assignee": str(assignee) if assignee else None},
            reason=lifecycle.needs_words(reason),
            event=events.FINDING_REASSIGNMENT_ASKED,
        )
    return _give(finding, owner, assignee, actor=actor, reason=reason)


def give(request: Request, actor: Actor) -> None:
    """A granted request: the finding changes hands."""
    finding = lifecycle.lock(request.subject_id, actor=actor)
    change = proposals.settle(request, "granted").change
    assignee = UUID(change["assignee"]) if change["assignee"] else None
    _give(finding, UUID(change["owner"]), assignee, actor=actor)


def _give(finding: Finding, owner: UUID, assignee: UUID | None, *, actor: Actor, reason: str = "") -> Finding:
    if owner != finding.owner_id:
        lifecycle.take(finding, Duty.OWNER, actor=actor, person_id=owner)
    if assignee is not None and assignee != finding.assignee_id:
        lifecycle.take(finding, Duty.IMPLEMENTER, actor=actor, person_id=assignee)
    return lifecycle.change(
        finding,
        events.FINDING_REASSIGNED,
        actor=actor,
        changes={"owner_id": owner, "assignee_id": assignee},
        reason=reason.strip(),
    )
