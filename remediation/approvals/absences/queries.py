"""Reads of absences: who is away now and until when."""

from datetime import datetime
from uuid import UUID

from evidence import clock
from evidence.actors import Actor
from remediation.approvals.models import Absence


def away(organization_id: UUID) -> dict[UUID, datetime]:
    """Everybody who is away now, with the moment they are back."""
    now = clock.now()
    rows = Absence.objects.filter(
        organization_id=organization_id, cancelled_at=None, starts_at__lte=now, ends_at__gt=now
    ).order_by("ends_at")
    return dict(rows.values_list("person_id", "ends_at"))


def ahead(actor: Actor, *, everybody: bool = False, limit: int = 200) -> list[Absence]:
    """Absences that run or come, soonest first: the actor's own, or everybody's."""
    rows = Absence.objects.filter(organization_id=actor.organization_id, cancelled_at=None, ends_at__gt=clock.now())
    if not everybody:
        rows = rows.filter(person_id__in=[actor.person_id] if actor.person_id else [])
    return list(rows.select_related("person").order_by("starts_at", "id")[:limit])
