"""Writes to the history: one event, or many at once, in the caller's own transaction and never outside one.

Also what is said of a sealed history: how far it reaches, and the proofs that go into packages.
"""

import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any
from uuid import UUID

import uuid_utils
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model
from django.db.transaction import TransactionManagementError

from evidence import clock, tenancy
from evidence.actors import Actor
from evidence.canonical import canonical_text
from evidence.errors import NotFound, Stale, Unavailable
from evidence.ledger import body, proofs, tiles, tree
from evidence.ledger.events import Event
from evidence.ledger.models import Alarm, Checkpoint, Entry
from evidence.ledger.sequencer import CHANNEL as SEAL_CHANNEL

_APPEND = "SELECT event_id, version, hash FROM ledger_append(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
_APPEND_MANY = "SELECT count(*) FROM ledger_append(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
_TEXTS = (
    "INSERT INTO ledger_eventtext (event_id, organization_id, field, salt, text)"
    " SELECT %s, %s, * FROM unnest(%s::text[], %s::bytea[], %s::text[])"
)
_ROWS_A_STATEMENT = 5000
_TRIES = 100


@dataclass(frozen=True)
class Subject:
    """What an event is about, where no model instance is at hand. `type` is the model's label in lower case."""

    type: str
    id: UUID
    ref: str = ""


@dataclass(frozen=True)
class Recorded:
    """The event as it now stands in the caller's transaction."""

    id: UUID
    version: int
    leaf: bytes


def record(
    event: Event,
    *,
    subject: Model | Subject,
    actor: Actor,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
    data: Mapping[str, Any] | None = None,
    texts: Mapping[str, str] | None = None,
) -> Recorded:
    """Insert one event about `subject` in the caller's transaction.

    `before`, `after` and `data` hold JSON scalars, lists and dicts only, and no personal data: they can never be
    erased. What a person wrote goes into `reason` or `texts` and is kept as a salted commitment beside the event.
    Raises TransactionManagementError outside a transaction and TypeError for a float or another type.
    """
    connection = _open_transaction()
    about = _about(subject, actor)
    words = {name: text for name, text in {"reason": reason, **(texts or {})}.items() if text}
    salts = {name: os.urandom(body.SALT_BYTES) for name in words}
    commitments = {name: body.commitment(salts[name], text) for name, text in words.items()}
    facts = body.facts(before=before, after=after, data=_tagged(data, actor), commitments=commitments)
    line = _line(event, about.type, str(about.id), canonical_text(about.ref), facts, body.nonce())
    batch = _Batch(connection, event, about.type, actor)
    # Another transaction may take the object's next version first; it is waited for, then the next one is ours.
    for _ in range(_TRIES):
        if recorded := batch.append(line):
            break
    else:
        raise Stale(f"The history of {about.type} {about.id} could not be continued.")
    if words:
        with connection.cursor() as cursor:
            cursor.execute(
                _TEXTS,
                [
                    recorded.id,
                    actor.organization_id,
                    list(words),
                    [salts[name] for name in words],
                    list(words.values()),
                ],
            )
    return recorded


def record_many(
    event: Event,
    *,
    rows: Iterable[tuple[UUID, str, Mapping[str, Any]]],
    object_type: str,
    actor: Actor,
    data: Mapping[str, Any] | None = None,
    unread: list[Callable[[], None]] | None = None,
) -> int:
    """Insert one event per row (object id, public id, after) and return how many. `data` is the same in each.

    Rows are consumed as they come, so an import can pass a generator. Objects that already have a history should be
    locked by the caller: raises Stale when another transaction recorded an event about one of them meanwhile. Inside a
    pipeline that would wait for PostgreSQL; with `unread`, the caller calls what is put there before it commits.
    """
    batch = _Batch(_open_transaction(), event, object_type, actor)
    data = _tagged(data, actor)
    # Facts are written as text here: data is the same in all rows, and "after" sorts before "data".
    rest = f',"data":{canonical_text(dict(data))}}}' if data is not None else "}"
    remaining = iter(rows)
    count = 0
    while part := list(islice(remaining, _ROWS_A_STATEMENT)):
        nonces = os.urandom(body.NONCE_BYTES * len(part)).hex()
        width = 2 * body.NONCE_BYTES
        lines = [
            _line(
                event,
                object_type,
                str(object_id),
                canonical_text(ref),
                f'{{"after":{canonical_text(after)}{rest}',
                nonces[width * n : width * (n + 1)],
            )
            for n, (object_id, ref, after) in enumerate(part)
        ]
        check = partial(_require_all, batch.append_many(lines), len(lines))
        if unread is None:
            check()
        else:
            unread.append(check)
        count += len(lines)
    return count


def _require_all(appended: Callable[[], int], count: int) -> None:
    if appended() != count:
        raise Stale("Somebody else changed one of these meanwhile; nothing was saved.", help="Try again.")


def _tagged(data: Mapping[str, Any] | None, actor: Actor) -> Mapping[str, Any] | None:
    """Whatever somebody does while their emergency access runs says so, in the bytes that are hashed."""
    return data if actor.emergency is None else {**(data or {}), "emergency": str(actor.emergency)}


def require_healthy() -> None:
    """Raise Unavailable while the signer's alarm is open in the entered organization."""
    alarm = Alarm.objects.filter(cleared_at=None).order_by("raised_at").first()
    if alarm:
        raise Unavailable(
            f"The history does not match what was signed: {alarm.message}",
            code="ledger_alarm",
            help="Nothing can be approved or packaged until an operator has looked: manage.py verify_ledger.",
        )


def sealed_size(organization_id: UUID) -> int:
    """How many events stand under the newest signed checkpoint."""
    newest = _checkpoint(organization_id)
    return newest.size if newest else 0


def checkpoint(organization_id: UUID, size: int | None = None) -> str:
    """The signed checkpoint of `size` events, the newest when none is given. Raises NotFound."""
    return _require_checkpoint(organization_id, size).note


def wait_sealed(event_ids: Collection[UUID], timeout: float) -> None:
    """Return once all these events, already committed, stand under a signed checkpoint. Raises Unavailable.

    The sequencer is woken; `timeout` is in seconds.
    """
    deadline = time.monotonic() + timeout
    wanted = list(set(event_ids))
    while Entry.objects.filter(event_id__in=wanted).count() < len(wanted):
        require_healthy()
        if time.monotonic() > deadline:
            raise Unavailable(
                f"The newest events are not sealed yet after {timeout:g} seconds.",
                code="not_sealed",
                help="Is manage.py sequencer running?",
            )
        with connections[tenancy.alias()].cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, '')", [SEAL_CHANNEL])
        time.sleep(0.05)


def inclusion_proof(event_id: UUID, size: int | None = None) -> str:
    """The tlog-proof that an event stands under the checkpoint of `size` events, or the newest one.

    Raises NotFound while the event has no place in a tree of that size.
    """
    entry = Entry.objects.filter(event_id=event_id).first()
    if entry is None:
        raise NotFound("This event is not sealed yet.", help="The sequencer does so within a second or two.")
    sealed = _require_checkpoint(entry.organization_id, size)
    if entry.index >= sealed.size:
        raise NotFound(f"This event came after the first {sealed.size}.")
    hashes = tree.inclusion_proof(tiles.reader(entry.organization_id), entry.index, sealed.size)
    return str(proofs.Inclusion(entry.index, tuple(hashes), sealed.note))


def consistency_proof(organization_id: UUID, old: int, new: int | None = None) -> str:
    """That the tree of `new` events, or the newest one, begins with the tree of `old` events. Raises NotFound."""
    sealed = _require_checkpoint(organization_id, new)
    if not 0 <= old <= sealed.size:
        raise NotFound(f"There is no earlier tree of {old} events in one of {sealed.size}.")
    hashes = tree.consistency_proof(tiles.reader(organization_id), old, sealed.size)
    return str(proofs.Consistency(old, tuple(hashes), sealed.note))


def _checkpoint(organization_id: UUID, size: int | None = None) -> Checkpoint | None:
    found = Checkpoint.objects.filter(organization_id=organization_id)
    return (found if size is None else found.filter(size=size)).order_by("-size").first()


def _require_checkpoint(organization_id: UUID, size: int | None) -> Checkpoint:
    sealed = _checkpoint(organization_id, size)
    if sealed is None:
        raise NotFound("There is no such checkpoint.", help="The first one is signed after the first event.")
    return sealed


class _Batch:
    """What is the same in all events of one call."""

    def __init__(self, connection: BaseDatabaseWrapper, event: Event, object_type: str, actor: Actor) -> None:
        at = clock.now()
        self.connection = connection
        self.fixed: list[Any] = [
            actor.organization_id,
            event.kind,
            object_type,
            actor.person_id,
            actor.account_id,
            body.system_name(actor),
            actor.via,
            at,
            body.head(actor, at),
            body.tail(actor.organization_id),
        ]

    def append(self, line: str) -> Recorded | None:
        with self.connection.cursor() as cursor:
            cursor.execute(_APPEND, [*self.fixed, line])
            row = cursor.fetchone()
        return Recorded(row[0], row[1], bytes(row[2])) if row else None

    def append_many(self, lines: list[str]) -> Callable[[], int]:
        """Send them; what is returned reads once how many were appended."""
        cursor = self.connection.cursor()
        cursor.execute(_APPEND_MANY, [*self.fixed, "\n".join(lines)])

        def appended() -> int:
            with cursor:
                return int(cursor.fetchone()[0])

        return appended


def _line(event: Event, object_type: str, object_id: str, ref: str, facts: str, nonce: str) -> str:
    event_id = str(uuid_utils.uuid7())
    middle = body.middle(event_id, event.kind, object_type, object_id, ref, facts=facts, nonce=nonce)
    return f"{event_id}\t{object_id}\t{ref}\t{middle}"


def _about(subject: Model | Subject, actor: Actor) -> Subject:
    if isinstance(subject, Subject):
        return subject
    if getattr(subject, "organization_id", actor.organization_id) != actor.organization_id:
        raise ValueError("the subject belongs to another organization than the actor acts in")
    return Subject(subject._meta.label_lower, subject.pk, str(getattr(subject, "ref", "") or ""))


def _open_transaction() -> BaseDatabaseWrapper:
    connection = connections[tenancy.alias()]
    if not connection.in_atomic_block:
        raise TransactionManagementError("an event is recorded inside the transaction of what it tells, or not at all")
    return connection
