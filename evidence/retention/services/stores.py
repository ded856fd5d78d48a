"""Keeps the stores' own legal holds in step with ours: who gets at the bucket past us can't delete what a hold keeps.

The database refuses disposal by itself and at once; this follows within minutes, and only where a store has such holds.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

from django.db import connections

from evidence import tenancy
from evidence.actors import Actor
from evidence.retention.models import StoreHold
from evidence.vault import services as vault
from evidence.vault.backends import LOCAL
from evidence.vault.models import Blob

BATCH_ROWS = 200

Inside = Callable[[], AbstractContextManager[Any]]
Watch = Callable[[int, int | None, str], None]

_WANTED = """
SELECT b.id FROM vault_blob b
 WHERE b.backend <> %(local)s AND b.erased_at IS NULL AND b.id > %(after)s
   AND EXISTS (SELECT 1 FROM artifacts_artifactversion v, retention_holding(v.artifact_id) WHERE v.blob_id = b.id)
   AND NOT EXISTS (SELECT 1 FROM retention_storehold s WHERE s.blob_id = b.id AND s.backend = b.backend
                      AND s.store_version = b.store_version)
 ORDER BY b.id LIMIT %(rows)s
"""
_OVER = """
SELECT s.blob_id FROM retention_storehold s JOIN vault_blob b ON b.id = s.blob_id
 WHERE s.blob_id > %(after)s AND NOT EXISTS (
         SELECT 1 FROM artifacts_artifactversion v, retention_holding(v.artifact_id) WHERE v.blob_id = s.blob_id)
 ORDER BY s.blob_id LIMIT %(rows)s
"""


def is_behind() -> bool:
    """Whether a store of the entered organization still lacks a hold, or keeps one that is over."""
    return bool(_some(_WANTED, UUID(int=0), 1) or _some(_OVER, UUID(int=0), 1))


def settle(*, actor: Actor, inside: Inside, watch: Watch) -> dict[str, int]:
    """Put holds on and take them off, file by file; answers how many of each. Raises Unavailable while a store is away.

    Starting it again does no harm: a store takes the same hold twice.
    """
    done = {"on": 0, "off": 0}
    for statement, is_on in ((_WANTED, True), (_OVER, False)):
        for blob in _each(statement, inside):
            # The store first and outside a transaction: what is done but not noted is done again, which changes nothing.
            stands = vault.hold_bytes(blob, on=is_on)
            with inside():
                _note(blob, is_on, stands)
            done["on" if is_on else "off"] += stands
            watch(done["on"] + done["off"], None, f"{done['on']} held, {done['off']} let go")
    return done


def _note(blob: Blob, is_on: bool, stands: bool) -> None:
    if not is_on:
        StoreHold.objects.filter(blob=blob).delete()
        return
    found = {"backend": blob.backend, "store_version": blob.store_version, "stands": stands}
    StoreHold.objects.update_or_create(
        blob=blob, defaults=found, create_defaults={"organization_id": blob.organization_id, **found}
    )


def _each(statement: str, inside: Inside) -> Iterator[Blob]:
    last = UUID(int=0)
    while True:
        with inside():
            ids = _some(statement, last, BATCH_ROWS)
            blobs = list(Blob.objects.filter(pk__in=ids).order_by("pk"))
        yield from blobs
        if len(ids) < BATCH_ROWS:
            return
        last = ids[-1]


def _some(statement: str, after: UUID, rows: int) -> list[UUID]:
    with connections[tenancy.alias()].cursor() as cursor:
        cursor.execute(statement, {"local": LOCAL, "after": after, "rows": rows})
        return [row[0] for row in cursor.fetchall()]
