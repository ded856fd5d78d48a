"""Moving a due date: always a request that somebody else decides. The original date stays beside the current one."""

from datetime import UTC, date, datetime
from uuid import UUID

from django.db import transaction

from evidence import clock
from evidence.actors import Actor
from evidence.errors import Invalid, WrongState
from remediation.approvals.models import Request
from remediation.findings import events, sla
from remediation.findings.services import lifecycle, proposals
from remediation.findings.states import UNTRIAGED


@transaction.atomic
def move_due(
    finding_id: UUID, *, actor: Actor, due_on: date, reason: str, expected_version: int | None = None
) -> Request:
    """Ask to move the due date to the end of `due_on` in the organization's zone."""
    finding = lifecycle.lock(finding_id, actor=actor, expected_version=expected_version)
    actor.require("findings.assign", finding)
    lifecycle.require_open(finding)
    if finding.state in UNTRIAGED:
        raise WrongState(f"{finding.ref} is not triaged yet.", help="Triage sets its due date.")
    moment = sla.rules(finding.organization_id).end_of(due_on).astimezone(UTC)
    if moment <= clock.now():
        raise Invalid("The new date is in the past.", fields={"due_on": ["Choose a day to come."]})
    if moment == finding.current_due_at:
        raise Invalid("That is the due date already.", fields={"due_on": ["Choose another day."]})
    return proposals.ask(
        finding,
        "finding.move_due",
        actor=actor,
        change={"current_due_at": moment.strftime("%Y-%m-%dT%H:%M:%SZ")},
        reason=lifecycle.needs_words(reason),
        event=events.FINDING_DUE_MOVE_ASKED,
    )


def move(request: Request, actor: Actor) -> None:
    """A granted request: the current date moves, the original stays."""
    finding = lifecycle.lock(request.subject_id, actor=actor)
    change = proposals.settle(request, "granted").change
    moment = datetime.strptime(change["current_due_at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    lifecycle.change(finding, events.FINDING_DUE_MOVED, actor=actor, changes={"current_due_at": moment})
