"""Move sealed bytes from one store to another: copied as they are, read back and hashed, and only then asked for there.

At every moment one of the two stores holds bytes that were checked. What a kill leaves is a copy that nobody asks for:
the next move of the same file clears it, or the janitor. Bytes under a lock stay where they are, beside the new copy.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from evidence.actors import Actor
from evidence.errors import Invalid, NotFound, Unavailable
from evidence.ledger import services as ledger
from evidence.vault import backends, checking, events, services
from evidence.vault.backends import BlobGone, Locked, StorageFailed
from evidence.vault.checking import Inside, Watch
from evidence.vault.models import Blob, Outcome
from evidence.vault.services import Sealed

PIECE_BYTES = 1024 * 1024


Tick = Callable[[], None]


def nobody() -> None:
    """The progress that nobody watches."""


class Ending(Enum):
    """How the move of one file ended."""

    MOVED = "moved"
    KEPT_OLD = "kept_old"
    ALREADY = "already"
    DAMAGED = "damaged"


@dataclass
class Moved:
    """What a move of many did. `damaged` names files that were left where they are, because they can't be read."""

    files: int = 0
    bytes: int = 0
    kept_old: int = 0
    damaged: list[str] = field(default_factory=list)

    def counts(self) -> dict[str, Any]:
        return {"files": self.files, "bytes": self.bytes, "kept_old": self.kept_old, "damaged": len(self.damaged)}


def move_all(to: str, *, actor: Actor, inside: Inside, watch: Watch) -> Moved:
    """Move every file of the organization to the store `to`; can be stopped and begun again.

    Raises Invalid for a store that is not set up, StorageFull or StorageFailed when one of the two gives up; what was
    moved until then is moved.
    """
    target(to)
    moved, last = Moved(), None
    with inside():
        actor.require("settings.manage")
        total = _waiting(to).count()

    def tick() -> None:
        watch(moved.files + len(moved.damaged), total, _note(moved, to))

    while True:
        with inside():
            rows = _waiting(to).order_by("pk")
            batch = list((rows.filter(pk__gt=last) if last else rows)[: checking.BATCH_ROWS])
        for blob in batch:
            _count(moved, blob, move(blob.pk, to, actor=actor, inside=inside, tick=tick))
        if len(batch) < checking.BATCH_ROWS:
            watch(total, total, _note(moved, to))
            return moved
        last = batch[-1].pk


def move(blob_id: UUID, to: str, *, actor: Actor, inside: Inside, tick: Tick = nobody) -> Ending:
    """Move one file. A file that turns out damaged stays, and the alarm is raised.

    Its row is locked from the first copied byte to the switch, so that no second move, erasure or new wrapping comes
    between the check of the copy and the moment when it counts.
    """
    store = target(to)
    with inside():
        actor.require("settings.manage")
        blob = Blob.objects.select_for_update(of=("self",)).filter(pk=blob_id).first()
        if blob is None:
            raise NotFound("There is no such stored file here.")
        if blob.backend == to or blob.erased_at is not None:
            return Ending.ALREADY
        placed = _copied(blob, store, tick)
        if placed is not None:
            _switch(blob, placed, actor=actor)
    if placed is None:
        with inside():
            checking.remember(blob, checking.examine(blob), actor=actor)
        return Ending.DAMAGED
    return Ending.MOVED if _clear(blob) else Ending.KEPT_OLD


def target(name: str) -> backends.Backend:
    """The store to move to. Raises Invalid unless it is set up and has no faults."""
    if name not in backends.known():
        raise Invalid(
            f"No store “{name}” is set up; these are: {', '.join(backends.known())}.", fields={"to": ["Unknown store."]}
        )
    return backends.named(name)


def _copied(blob: Blob, store: backends.Backend, tick: Tick) -> Sealed | None:
    """The copy, read back and found right, or None when the bytes are not what was sealed."""
    try:
        placed = _sealed(blob, store.name, _locked_copy(blob, store) or _copy(blob, store, tick))
        found = checking.examine(placed, tick=tick)
    except BlobGone:
        return None
    except BaseException:
        _discard(store, blob)
        raise
    if found.outcome is Outcome.INTACT:
        return placed
    _discard(store, blob)
    if found.outcome is Outcome.DAMAGED:
        return None
    if found.outcome is Outcome.UNREAD and found.refusal is not None:
        raise found.refusal
    raise StorageFailed(
        f"The copy of {events.file(blob).ref} could not be read back from {store.name}; it stays where it is."
    )


def _locked_copy(blob: Blob, store: backends.Backend) -> str:
    """Clear what a move that was killed left behind. Where the store keeps it under a lock, its version is used."""
    version = ""
    for left in store.copies(blob.location):
        try:
            store.remove(left)
        except Locked:
            version = left.version
    return version


def _copy(blob: Blob, store: backends.Backend, tick: Tick) -> str:
    draft = store.draft(blob.location)
    try:
        with services.reader(blob) as reader:
            for at in range(0, reader.size, PIECE_BYTES):
                tick()
                draft.write(reader.read_at(at, PIECE_BYTES))
        return draft.keep()
    except BaseException:
        draft.discard()
        raise


def _switch(blob: Blob, placed: Sealed, *, actor: Actor) -> None:
    Blob.objects.filter(pk=blob.pk).update(backend=placed.backend, store_version=placed.store_version)
    data = {"from": blob.backend, "to": placed.backend, "sha256": blob.sha256, "size": blob.size}
    ledger.record(events.VAULT_MOVED, subject=events.file(blob), actor=actor, data=data)


def _clear(blob: Blob) -> bool:
    """Remove the old bytes. False when their store keeps them under a lock; one that is away is left to the janitor."""
    try:
        services.discard_copies(blob.backend, blob.location)
    except Locked:
        return False
    except Unavailable:
        return True
    return True


def _discard(store: backends.Backend, blob: Blob) -> None:
    with suppress(Unavailable):
        services.discard_copies(store.name, blob.location)


def _sealed(blob: Blob, backend: str, version: str) -> Sealed:
    # Not a Blob: reading one of those follows its row to the store where it counts, which is not yet this one.
    return Sealed(
        blob_id=blob.pk,
        organization_id=blob.organization_id,
        sha256=blob.sha256,
        size=blob.size,
        kek_id=blob.kek_id,
        wrapped_key=bytes(blob.wrapped_key),
        backend=backend,
        location=blob.location,
        format=blob.format,
        head=b"",
        store_version=version,
    )


def _count(moved: Moved, blob: Blob, ending: Ending) -> None:
    if ending is Ending.DAMAGED:
        moved.damaged.append(str(blob.pk))
    elif ending is not Ending.ALREADY:
        moved.files += 1
        moved.bytes += blob.size
        moved.kept_old += ending is Ending.KEPT_OLD


def _note(moved: Moved, to: str) -> str:
    damaged = f", {len(moved.damaged)} damaged and left where they are" if moved.damaged else ""
    locked = f", {moved.kept_old} also kept in the old store by its lock" if moved.kept_old else ""
    return f"{moved.files} files, {services.readable(moved.bytes)} moved to {to}{locked}{damaged}"


def _waiting(to: str) -> QuerySet[Blob]:
    return Blob.objects.filter(erased_at=None).exclude(backend=to)
