"""Wrap data keys with the current key-encryption key; the sealed bytes stay as they are."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import Count, QuerySet

from evidence.actors import Actor
from evidence.ledger import services as ledger
from evidence.vault import events, keys
from evidence.vault.checking import Inside, Watch
from evidence.vault.models import Blob

# A key management service is asked twice for each, inside the batch's transaction.
BATCH_ROWS = 50


@dataclass(frozen=True)
class Wrapping:
    """One key-encryption key: how many files of the organization it wraps, and whether it can be had."""

    kek_id: str
    files: int
    is_current: bool
    is_here: bool


def rewrap(blob_id: UUID, *, actor: Actor) -> bool:
    """Wrap one blob's data key with the current key. False when it already is, or was destroyed."""
    return rewrap_some([blob_id], actor=actor) == 1


@transaction.atomic
def rewrap_some(blob_ids: Sequence[UUID], *, actor: Actor) -> int:
    """Wrap these blobs' data keys with the current key, all or none, and record how many; passes by the rest."""
    actor.require("settings.manage")
    ring = keys.keyring()
    rows = Blob.objects.select_for_update(of=("self",)).filter(pk__in=blob_ids, erased_at=None)
    blobs = list(rows.exclude(kek_id=ring.current).order_by("pk"))
    before = Counter(blob.kek_id for blob in blobs)
    for blob in blobs:
        data_key = ring.unwrap(keys.Wrapped(blob.kek_id, bytes(blob.wrapped_key)), blob_id=blob.id)
        wrapped = ring.wrap(data_key, blob_id=blob.id)
        Blob.objects.filter(pk=blob.pk).update(kek_id=wrapped.kek_id, wrapped_key=wrapped.data)
    if blobs:
        data = {"files": len(blobs), "from": dict(sorted(before.items())), "to": ring.current}
        ledger.record(events.VAULT_REWRAPPED, subject=events.vault(actor.organization_id), actor=actor, data=data)
    return len(blobs)


def rewrap_all(*, actor: Actor, inside: Inside, watch: Watch) -> int:
    """Wrap every data key of the organization with the current key, a batch at a time; can be stopped and begun again.

    Raises KeysUnavailable or Damaged for a key that can't be unwrapped; the batches before it are done.
    """
    current, done = keys.keyring().current, 0
    with inside():
        actor.require("settings.manage")
        total = _waiting(current).count()
    while True:
        watch(done, total, f"{done} of {total} keys are wrapped by {current}")
        with inside():
            batch = list(_waiting(current).order_by("pk").values_list("pk", flat=True)[:BATCH_ROWS])
            changed = rewrap_some(batch, actor=actor) if batch else 0
        if not batch:
            watch(total, total, f"{done} keys are wrapped by {current}")
            return done
        done += changed


def _waiting(current: str) -> "QuerySet[Blob]":
    return Blob.objects.filter(erased_at=None).exclude(kek_id=current)


def wrappings() -> list[Wrapping]:
    """Every key that is here or that wraps files of the entered organization."""
    rows = Blob.objects.filter(erased_at=None).values_list("kek_id").annotate(files=Count("pk"))
    counts: dict[str, int] = dict(rows)
    try:
        ring = keys.keyring()
        current, here = ring.current, set(ring.known())
    except keys.KeysUnavailable:
        current, here = "", set()
    return [
        Wrapping(kek_id, counts.get(kek_id, 0), is_current=kek_id == current, is_here=kek_id in here)
        for kek_id in sorted(here | counts.keys())
    ]
