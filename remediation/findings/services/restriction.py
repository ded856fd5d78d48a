"""Need to know: a finding kept to its owner, its assignees and those let in. Lifting it is said aloud as well."""

from uuid import UUID

from django.db import transaction

from evidence import clock
from evidence.actors import Actor
from evidence.errors import NotAllowed, WrongState
from evidence.ledger.events import Event
from remediation.findings import events
from remediation.findings.models import Finding, Restriction
from remediation.findings.services import lifecycle

RIGHT = "findings.restrict"


@transaction.atomic
def restrict(finding_id: UUID, *, actor: Actor, reason: str, expected_version: int | None = None) -> Finding:
    """From now on only its owner, its assignees, the actor and those let in see the finding and what hangs on it."""
    finding = lifecycle.lock(finding_id, actor=actor, expected_version=expected_version)
    actor.require(RIGHT, finding)
    if finding.is_restricted:
        raise WrongState(f"{finding.ref} is restricted already.")
    why = lifecycle.needs_words(reason)
    Restriction.objects.create(
        organization_id=finding.organization_id, finding=finding, reason=why, by_id=lifecycle.person_of(actor)
    )
    return _marked(finding, events.FINDING_RESTRICTED, actor, why)


@transaction.atomic
def lift_restriction(finding_id: UUID, *, actor: Actor, reason: str, expected_version: int | None = None) -> Finding:
    """Let everybody with the right to read findings see it again. Grants given meanwhile stay and mean nothing."""
    finding = lifecycle.lock(finding_id, actor=actor, expected_version=expected_version)
    require_keeper(finding, actor=actor)
    if not finding.is_restricted:
        raise WrongState(f"{finding.ref} is not restricted.")
    why = lifecycle.needs_words(reason)
    row = Restriction.objects.select_for_update().get(finding=finding, lifted_at=None)
    row.lifted_at, row.lifted_by_id, row.lift_reason = clock.now(), lifecycle.person_of(actor), why
    row.save(update_fields=["lifted_at", "lifted_by", "lift_reason"])
    return _marked(finding, events.FINDING_OPENED_AGAIN, actor, why)


def _marked(finding: Finding, event: Event, actor: Actor, why: str) -> Finding:
    # The database put the mark on the finding, or took it away, with the row of the restriction.
    finding.refresh_from_db(fields=["is_restricted"])
    return lifecycle.change(
        finding, event, actor=actor, changes={}, reason=why, data={"restricted": finding.is_restricted}
    )


def require_keeper(finding: Finding, *, actor: Actor) -> None:
    """Raise NotAllowed unless the actor, who sees the finding, may say who else does: a manager, or its owner."""
    if not may_keep(finding, actor=actor):
        raise NotAllowed(
            f"Only a compliance manager who is let in, or the owner of {finding.ref}, says who sees it.",
            help="Ask one of them; the finding's page names them.",
            rule="G-07",
        )


def may_keep(finding: Finding, *, actor: Actor) -> bool:
    return actor.may(RIGHT, finding) or (finding.owner_id is not None and finding.owner_id == actor.person_id)
