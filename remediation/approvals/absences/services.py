"""Noting that one is away, and taking that back. It moves no duty: a delegation does."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from evidence import clock
from evidence.actors import Actor
from evidence.errors import Invalid, NotAllowed, NotFound, WrongState
from evidence.ledger import services as ledger
from remediation.approvals import events
from remediation.approvals.models import Absence
from remediation.sod import queries as sod


@transaction.atomic
def note(
    *, starts_at: datetime, ends_at: datetime, actor: Actor, note: str = "", person_id: UUID | None = None
) -> Absence:
    """Say that one is away from one moment to another; whoever manages people may say it of somebody else."""
    if actor.person_id is None:
        raise NotAllowed("Only a person is away.")
    about = person_id or actor.person_id
    if about != actor.person_id:
        actor.require("people.manage")
        if not sod.roles_of(about, actor.organization_id):
            raise NotFound("There is no such member.")
    if not starts_at < ends_at or ends_at <= clock.now():
        raise Invalid(
            "The absence was not noted.", fields={"ends_on": ["It ends after it begins, and not in the past."]}
        )
    made = Absence.objects.create(
        organization_id=actor.organization_id,
        person_id=about,
        starts_at=starts_at,
        ends_at=ends_at,
        note=note.strip()[:300],
        made_by_id=actor.person_id,
    )
    # The note is private: the history says when, never why.
    ledger.record(
        events.ABSENCE_NOTED,
        subject=made,
        actor=actor,
        data={"absent": str(about), "starts_at": starts_at.isoformat(), "ends_at": ends_at.isoformat()},
    )
    return made


@transaction.atomic
def cancel(absence_id: UUID, *, actor: Actor) -> Absence:
    """Take it back: the person is here after all. Raises NotFound for anybody else's."""
    row = Absence.objects.select_for_update().filter(organization_id=actor.organization_id, pk=absence_id).first()
    if row is None or (row.person_id != actor.person_id and not actor.may("people.manage")):
        raise NotFound("There is no such absence.")
    if row.cancelled_at is not None:
        raise WrongState("This absence was taken back already.")
    row.cancelled_at = clock.now()
    row.save(update_fields=["cancelled_at"])
    ledger.record(events.ABSENCE_CANCELLED, subject=row, actor=actor, data={"absent": str(row.person_id)})
    return row
