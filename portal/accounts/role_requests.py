"""What administrators asked each other to grant: reads, and withdrawing what is still open."""

from uuid import UUID

from evidence import clock
from evidence.actors import Actor
from evidence.errors import NotFound
from evidence.ledger import services as ledger
from portal.accounts.events import ROLE_WITHDRAWN
from portal.accounts.models import RoleRequest
from remediation.sod import queries as sod

State = RoleRequest.State


def requests(actor: Actor, *, state: str = "", limit: int = 100) -> list[RoleRequest]:
    """Requests with their people, the open ones first and then the newest."""
    rows = RoleRequest.objects.filter(organization_id=actor.organization_id)
    rows = rows.filter(state=state) if state else rows
    return list(rows.select_related("person", "asked_by", "decided_by").order_by("-id")[:limit])


def waiting_for(actor: Actor) -> int:
    """How many open requests others made that this administrator may decide on. Counted to a hundred."""
    rows = RoleRequest.objects.filter(organization_id=actor.organization_id, state=State.OPEN)
    rows = rows.exclude(asked_by_id=actor.person_id)
    return rows.exclude(person_id=actor.person_id, person__isnull=False)[:100].count()


def find(request_id: UUID, *, actor: Actor) -> RoleRequest:
    """One request with its people. Raises NotFound."""
    rows = RoleRequest.objects.select_related("person", "asked_by", "decided_by")
    row = rows.filter(pk=request_id, organization_id=actor.organization_id).first()
    if row is None:
        raise NotFound("There is no such request.")
    return row


def deciders(row: RoleRequest) -> list[sod.Member]:
    """The administrators who may decide on it: neither asked for it nor get the role, through whatever account."""
    barred = sod.same_people(row.asked_by_id)
    barred |= sod.same_people(row.person_id) if row.person_id is not None else frozenset()
    return [one for one in sod.members(row.organization_id, roles=("administrator",)) if one.person_id not in barred]


def withdraw_of(person_id: UUID, *, actor: Actor) -> int:
    """Withdraw what somebody who leaves asked for, or was to get. The caller has checked the right."""
    rows = RoleRequest.objects.select_for_update().filter(organization_id=actor.organization_id, state=State.OPEN)
    found = list(rows.filter(asked_by_id=person_id) | rows.filter(person_id=person_id))
    for row in found:
        end_as_withdrawn(row, actor)
    return len(found)


def end_as_withdrawn(row: RoleRequest, actor: Actor) -> None:
    row.state, row.decided_by_id, row.decided_at = State.WITHDRAWN, actor.person_id, clock.now()
    row.save(update_fields=["state", "decided_by", "decided_at"])
    ledger.record(ROLE_WITHDRAWN, subject=row, actor=actor, after={"state": str(row.state)}, data={"role": row.role})
