"""Looking through a colleague's eyes: for fifteen minutes, by reading alone, kept at its start and at its end.

Never through the eyes of somebody who reads more than the viewer, of an administrator, an auditor or support, nor
through one's own; what is restricted shows only when both are let in. Nothing can be done in the other's name.
"""

from datetime import timedelta
from uuid import UUID

from django.db import transaction

from evidence import clock
from evidence.actors import Actor
from evidence.errors import DutyConflict, Invalid, NotFound
from evidence.ledger import services as ledger
from portal.accounts import roles
from portal.accounts.backend import roles_of
from portal.accounts.events import VIEWING_ENDED, VIEWING_STARTED
from portal.accounts.models import Person, Viewing

RIGHT = "people.view_as"
LASTS = timedelta(minutes=15)
NEVER = frozenset({"administrator", "auditor", "support"})
READING = ("view", "download", "original")


@transaction.atomic
def start(person_id: UUID, *, actor: Actor, reason: str) -> Viewing:
    """Begin to look through a colleague's eyes. One at a time: an earlier one of the actor's ends here."""
    actor.require(RIGHT)
    if actor.via != "session" or actor.account_id is None:
        raise Invalid("Only a signed-in person can look through somebody's eyes.")
    if not reason.strip():
        raise Invalid("Say why; it is kept in the history.", fields={"reason": ["A reason is needed."]})
    held = roles_of(person_id, actor.organization_id)
    if not held or not Person.objects.filter(pk=person_id, accounts__is_active=True).exists():
        raise NotFound("This person is not in your organization.")
    if person_id == actor.person_id or NEVER & set(held):
        raise DutyConflict(
            "Nobody looks through their own eyes, nor an administrator's, an auditor's or support's (rule V-01).",
            rule="V-01",
        )
    more = _reading(held) - _reading(roles_of(actor.person_id, actor.organization_id))  # type: ignore[arg-type]
    if more:
        raise DutyConflict(f"This person reads more than you: {', '.join(sorted(more))} (rule V-01).", rule="V-01")
    for earlier in Viewing.objects.select_for_update().filter(
        organization_id=actor.organization_id, viewer_id=actor.person_id, ended_at=None
    ):
        finish(earlier, actor=actor)
    now = clock.now()
    made = Viewing.objects.create(
        organization_id=actor.organization_id,
        viewer_id=actor.person_id,
        account_id=actor.account_id,
        person_id=person_id,
        reason=reason.strip()[:300],
        started_at=now,
        ends_at=now + LASTS,
    )
    ledger.record(
        VIEWING_STARTED, subject=made, actor=actor, reason=made.reason,
        after={"person": str(person_id), "until": made.ends_at.isoformat()},
    )  # fmt: skip
    return made


def finish(viewing: Viewing, *, actor: Actor) -> None:
    """End it in the caller's transaction: by the viewer, or by the product when its time is over."""
    if viewing.ended_at is None:
        viewing.ended_at = clock.now()
        viewing.save(update_fields=["ended_at"])
        ledger.record(VIEWING_ENDED, subject=viewing, actor=actor, after={"person": str(viewing.person_id)})


@transaction.atomic
def end(viewing_id: UUID, *, actor: Actor) -> Viewing:
    """End one's own. Raises NotFound for another's."""
    found = (
        Viewing.objects.select_for_update()
        .filter(pk=viewing_id, organization_id=actor.organization_id, viewer_id=actor.person_id)
        .first()
    )
    if found is None:
        raise NotFound("There is nothing to end.")
    finish(found, actor=actor)
    return found


def present(viewing_id: str, *, account_id: UUID, organization_id: UUID) -> Viewing | None:
    """The viewing a session carries, if it runs at this moment; one whose time is over is ended here."""
    found = (
        Viewing.objects.select_related("person")
        .filter(pk=viewing_id, account_id=account_id, organization_id=organization_id, ended_at=None)
        .first()
    )
    if found is None or found.ends_at > clock.now():
        return found
    finish(found, actor=Actor.system(organization_id, "viewing"))
    return None


def end_overdue(organization_id: UUID) -> int:
    """End those whose time is over and whose browser never came back."""
    overdue = Viewing.objects.select_for_update(skip_locked=True).filter(
        organization_id=organization_id, ended_at=None, ends_at__lte=clock.now()
    )
    rows = list(overdue[:100])
    for row in rows:
        finish(row, actor=Actor.system(organization_id, "viewing"))
    return len(rows)


def _reading(held: list[str]) -> set[str]:
    return {right for right in roles.permissions_of(held) if right.rpartition(".")[2] in READING}
