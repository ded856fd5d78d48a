"""Reads of the history: one object's, one event, or an organization's with filters, newest last or first."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connections
from django.db.models import Count, QuerySet

from evidence import tenancy
from evidence.errors import NotFound
from evidence.ledger import events as kinds_of_events
from evidence.ledger.models import Alarm, Checkpoint, Entry, Event, EventText, Queue, TimeStamp

PAGE = 50


@dataclass(frozen=True)
class Fact:
    """One event as pages and packages show it.

    `index` is None until the sequencer has given the event its place. `texts` holds what was written and has not been
    erased; `erased` names the fields that were.
    """

    id: UUID
    at: datetime
    kind: str
    sentence: str
    person_id: UUID | None
    account_id: UUID | None
    system: str
    via: str
    object_type: str
    object_id: UUID
    object_ref: str
    version: int
    index: int | None
    leaf: str
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    data: Mapping[str, Any] | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    erased: tuple[str, ...] = ()
    body: bytes = b""

    @property
    def reason(self) -> str:
        return self.texts.get("reason", "")


@dataclass(frozen=True)
class Filters:
    """What a reader of the organization's history may narrow it to. Dates are inclusive, in `zone`."""

    kind: str = ""
    person_id: UUID | None = None
    object_ref: str = ""
    object_type: str = ""
    since: date | None = None
    until: date | None = None
    zone: str = "UTC"
    by: str = ""


# What a person decided, by the last word of its kind.
DECIDING = ("accepted", "approved", "deferred", "granted", "refused", "rejected", "sealed", "verified")
BY = ("people", "decisions", "system")


@dataclass(frozen=True)
class Page:
    """Some facts, newest first, and the mark to ask for the next ones with."""

    facts: tuple[Fact, ...]
    next: str


@dataclass(frozen=True)
class Standing:
    """How the history stands: how far it is sealed, how much waits, and what is wrong."""

    size: int
    root: str
    note: str
    sealed_at: datetime | None
    waiting: int
    alarms: tuple[str, ...]


def history(object_type: str, object_id: UUID) -> list[Fact]:
    """Everything that happened to one object, oldest first."""
    found = Event.objects.filter(object_type=object_type, object_id=object_id).order_by("object_version")
    return _facts(found)


def histories(object_type: str, object_ids: Iterable[UUID]) -> dict[UUID, list[Fact]]:
    """The histories of many objects of one type, in three statements."""
    found = Event.objects.filter(object_type=object_type, object_id__in=list(object_ids))
    by_object: dict[UUID, list[Fact]] = {}
    for fact in _facts(found.order_by("object_id", "object_version")):
        by_object.setdefault(fact.object_id, []).append(fact)
    return by_object


def history_page(
    object_type: str,
    object_id: UUID,
    *,
    kinds: Iterable[str] | None = None,
    without: Iterable[str] = (),
    after: str = "",
    limit: int = PAGE,
) -> Page:
    """A part of one object's history, newest first; `after` is the mark of the page before. Raises NotFound for no mark."""
    found = Event.objects.filter(object_type=object_type, object_id=object_id).exclude(kind__in=list(without))
    if kinds is not None:
        found = found.filter(kind__in=list(kinds))
    if after:
        if not (after.isascii() and after.isdigit() and len(after) < 10):
            raise NotFound("This is not a page of the history.")
        found = found.filter(object_version__lt=int(after))
    facts = _facts(found.order_by("-object_version")[: limit + 1])
    return Page(tuple(facts[:limit]), str(facts[limit - 1].version) if len(facts) > limit else "")


def counts(object_type: str, object_id: UUID) -> dict[str, int]:
    """How often each kind of event happened to one object."""
    found = Event.objects.filter(object_type=object_type, object_id=object_id).order_by()
    return dict(found.values_list("kind").annotate(count=Count("pk")))


def event(event_id: UUID) -> Fact:
    """One event. Raises NotFound."""
    found = _facts(Event.objects.filter(pk=event_id))
    if not found:
        raise NotFound("There is no such event.")
    return found[0]


def at_index(organization_id: UUID, index: int) -> UUID:
    """The event at a place of the organization's tree. Raises NotFound."""
    found = (
        Entry.objects.filter(organization_id=organization_id, index=index).values_list("event_id", flat=True).first()
    )
    if found is None:
        raise NotFound("There is no event of that number.")
    return found


def events(organization_id: UUID, filters: Filters | None = None, *, after: str = "", limit: int = PAGE) -> Page:
    """The organization's events, last recorded first; `after` is the mark of the page before. Raises NotFound for no mark."""
    narrowed = _narrow(Event.objects.filter(organization_id=organization_id), filters or Filters())
    if after:
        narrowed = narrowed.filter(id__lt=_unmark(after))
    found = _facts(narrowed.order_by("-id")[: limit + 1])
    return Page(tuple(found[:limit]), str(found[limit - 1].id) if len(found) > limit else "")


def acts_of(
    organization_id: UUID, person_id: UUID, since: datetime, until: datetime, *, limit: int = 500
) -> list[Fact]:
    """What one person did between two moments, both included, oldest first."""
    found = Event.objects.filter(
        organization_id=organization_id, actor_person_id=person_id, at__gte=since, at__lte=until
    )
    return _facts(found.order_by("id")[:limit])


def acts_tagged(
    organization_id: UUID, person_id: UUID, tag: str, value: UUID, *, since: datetime, limit: int = 500
) -> list[Fact]:
    """What jobs did for one person after a moment under a tag that the hashed bytes carry, oldest first."""
    found = Event.objects.filter(
        organization_id=organization_id, actor_person_id=person_id, via="job", at__gt=since
    ).extra(where=["position(%s::bytea in body) > 0"], params=[f'"{tag}":"{value}"'.encode()])
    return _facts(found.order_by("id")[:limit])


def standing(organization_id: UUID) -> Standing:
    """How the organization's history stands."""
    newest = Checkpoint.objects.filter(organization_id=organization_id).order_by("-size").first()
    alarms = Alarm.objects.filter(organization_id=organization_id, cleared_at=None).order_by("raised_at")
    return Standing(
        size=newest.size if newest else 0,
        root=bytes(newest.root).hex() if newest else "",
        note=newest.note if newest else "",
        sealed_at=newest.at if newest else None,
        waiting=Queue.objects.filter(organization_id=organization_id).count(),
        alarms=tuple(alarms.values_list("message", flat=True)),
    )


@dataclass(frozen=True)
class Sealing:
    """The first checkpoint over an event, and the first time-stamp over that or a later one."""

    size: int
    at: datetime
    stamped_at: datetime | None
    authority: str = ""
    stamped_size: int | None = None


def sealing(organization_id: UUID, index: int) -> Sealing | None:
    """Under which checkpoint the event at `index` was first signed; None while none covers it."""
    first = Checkpoint.objects.filter(organization_id=organization_id, size__gt=index).order_by("size").first()
    if first is None:
        return None
    stamps = TimeStamp.objects.filter(organization_id=organization_id, size__gt=index).order_by("stamped_at")
    stamp = stamps.first()
    if stamp is None:
        return Sealing(first.size, first.at, None)
    return Sealing(first.size, first.at, stamp.stamped_at, stamp.authority, stamp.size)


@dataclass(frozen=True)
class Signed:
    """A checkpoint as a list shows it, with its time-stamps."""

    size: int
    root: str
    at: datetime
    note: str
    stamps: tuple[TimeStamp, ...] = ()


def checkpoints(
    organization_id: UUID, *, before: int | None = None, limit: int = PAGE
) -> tuple[list[Signed], int | None]:
    """Signed checkpoints, newest first, and the size to ask for the next ones with."""
    found = Checkpoint.objects.filter(organization_id=organization_id).order_by("-size")
    rows = list((found if before is None else found.filter(size__lt=before))[: limit + 1])
    shown = rows[:limit]
    stamps: dict[int, list[TimeStamp]] = {}
    kept = TimeStamp.objects.filter(organization_id=organization_id, size__in=[row.size for row in shown])
    for stamp in kept.defer("token").order_by("stamped_at"):
        stamps.setdefault(stamp.size, []).append(stamp)
    signed = [
        Signed(row.size, bytes(row.root).hex(), row.at, row.note, tuple(stamps.get(row.size, ()))) for row in shown
    ]
    return signed, shown[-1].size if len(rows) > limit else None


def time_stamp(stamp_id: UUID) -> TimeStamp:
    """One time-stamp with its token. Raises NotFound."""
    found = TimeStamp.objects.filter(pk=stamp_id).first()
    if found is None:
        raise NotFound("There is no such time-stamp.")
    return found


def lag() -> timedelta:
    """How long the oldest event of any organization has been waiting for its place; zero when none waits."""
    with connections[tenancy.alias()].cursor() as cursor:
        cursor.execute("SELECT clock_timestamp() - ledger_oldest_waiting()")
        waited: timedelta | None = cursor.fetchone()[0]
    return max(waited or timedelta(), timedelta())


def _narrow(found: QuerySet[Event], filters: Filters) -> QuerySet[Event]:
    zone = ZoneInfo(filters.zone)
    wanted = {
        "kind": filters.kind,
        "actor_person_id": filters.person_id,
        "object_ref": filters.object_ref,
        "object_type": filters.object_type,
        "at__gte": filters.since and datetime.combine(filters.since, time.min, zone),
        "at__lt": filters.until and datetime.combine(filters.until + timedelta(days=1), time.min, zone),
    }
    return _by(found, filters.by).filter(**{name: value for name, value in wanted.items() if value})


def _by(found: QuerySet[Event], who: str) -> QuerySet[Event]:
    if who == "decisions":
        return found.filter(kind__in=[kind for kind in kinds_of_events.kinds() if kind.endswith(DECIDING)])
    if who in ("people", "system"):
        return found.filter(actor_person_id__isnull=who == "system")
    return found


def _facts(found: QuerySet[Event]) -> list[Fact]:
    rows = list(found.select_related("entry"))
    texts: dict[UUID, list[EventText]] = {}
    for each in EventText.objects.filter(event_id__in=[row.pk for row in rows]).order_by("field"):
        texts.setdefault(each.event_id, []).append(each)
    return [_fact(row, texts.get(row.pk, ())) for row in rows]


def _fact(row: Event, texts: Sequence[EventText]) -> Fact:
    body = bytes(row.body)
    told = json.loads(body)["facts"]
    entry = getattr(row, "entry", None)
    return Fact(
        id=row.pk,
        at=row.at,
        kind=row.kind,
        sentence=kinds_of_events.sentence(row.kind),
        person_id=row.actor_person_id,
        account_id=row.actor_account_id,
        system=row.actor_system,
        via=row.via,
        object_type=row.object_type,
        object_id=row.object_id,
        object_ref=row.object_ref,
        version=row.object_version,
        index=entry.index if entry else None,
        leaf=bytes(row.leaf).hex(),
        before=told.get("before"),
        after=told.get("after"),
        data=told.get("data"),
        texts={each.field: each.text for each in texts if each.text is not None},
        erased=tuple(each.field for each in texts if each.text is None),
        body=body,
    )


def _unmark(mark: str) -> UUID:
    try:
        return UUID(mark)
    except ValueError as fault:
        raise NotFound("This is not a page of the history.") from fault
