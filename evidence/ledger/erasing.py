"""Erases the words of an event. The event, its place and every proof stay; only what a person wrote is gone.

Refuses whoever wrote the words to erase them alone, and any erasure that leaves no event of its own.
"""

from collections.abc import Collection
from uuid import UUID

from django.db import transaction

from evidence import clock
from evidence.actors import Actor
from evidence.errors import DutyConflict, Invalid, NotFound, WrongState
from evidence.ledger import events, services
from evidence.ledger.models import Entry, Event, EventText

RIGHT = "ledger.erase"
SUBJECT = "ledger.event"


@transaction.atomic
def erase_texts(event_id: UUID, *, actor: Actor, reason: str, fields: Collection[str] = ()) -> list[str]:
    """Empty these texts of an event, or all, and return their names. Copies elsewhere, as on a decision, are untouched.

    Raises NotAllowed without the right, DutyConflict for the person who wrote them, WrongState when none are left.
    """
    event = Event.objects.filter(pk=event_id, organization_id=actor.organization_id).first()
    if event is None:
        raise NotFound("There is no such event.")
    held = EventText.objects.select_for_update().filter(event_id=event_id, erased_at=None)
    names = sorted(held.values_list("field", flat=True))
    actor.require(RIGHT)
    chosen = [name for name in names if not fields or name in fields]
    if not chosen:
        raise WrongState("This event holds no such words, or they were erased before.")
    if actor.person_id is not None and actor.person_id == event.actor_person_id:
        raise DutyConflict(
            "You wrote these words, so somebody else must erase them.",
            rule="L-01",
            help="Ask another administrator.",
        )
    if len(reason.split()) < 3:
        raise Invalid("Say why in a few words.", fields={"reason": ["At least three words, without what is erased."]})
    index = Entry.objects.filter(event_id=event_id).values_list("index", flat=True).first()
    about = services.Subject(SUBJECT, event_id, f"#{index}" if index is not None else event.object_ref)
    services.record(events.WORDS_ERASED, subject=about, actor=actor, after={"fields": chosen}, reason=reason)
    held.filter(field__in=chosen).update(salt=None, text=None, erased_at=clock.now())
    return chosen
