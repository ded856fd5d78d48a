"""When a request has waited long enough that people are told again, or somebody further up is. Pure reading."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from evidence import clock
from evidence.actors import Actor
from remediation.approvals import queries
from remediation.approvals.models import Request
from remediation.sod import queries as sod

# After which share of a request's time who is told. The last one reached counts: a late sweep tells nobody twice.
REMIND_AFTER, MANAGER_AFTER, EXECUTIVE_AFTER = 0.5, 0.75, 0.9
NEW_FOR = timedelta(days=1)
AT_ONCE = 100


@dataclass(frozen=True)
class Due:
    """A request and what is due on it: "wanted", "reminder", "manager" or "executive"."""

    request: Request
    step: str


def due(organization_id: UUID) -> list[Due]:
    """Open requests with the step their time has reached, oldest first."""
    now = clock.now()
    rows = Request.objects.filter(
        organization_id=organization_id, state=Request.State.OPEN, expires_at__gt=now
    ).order_by("id")
    found = []
    for row in rows.iterator(chunk_size=500):
        step = step_of(row)
        if step:
            found.append(Due(row, step))
    return found


def step_of(row: Request) -> str:
    """The step that the request's time has reached; "" for one that is neither new nor late."""
    now = clock.now()
    used = (now - row.requested_at) / (row.expires_at - row.requested_at)
    if used >= EXECUTIVE_AFTER:
        return "executive"
    if used >= MANAGER_AFTER:
        return "manager"
    if used >= REMIND_AFTER:
        return "reminder"
    return "wanted" if now - row.requested_at < NEW_FOR else ""


def people_for(due: Due) -> set[UUID]:
    """Who is told: those who may decide and have not; for an escalation managers or executives."""
    if due.step in ("manager", "executive"):
        return {member.person_id for member in sod.members(due.request.organization_id, roles=[due.step])}
    nobody = Actor.system(due.request.organization_id, "reminders")
    return {candidate.person_id for candidate in queries.position(due.request, nobody).eligible}
