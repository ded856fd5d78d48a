"""The tree's tiles as they stand in the database, for the pure functions of tree.py."""

from collections.abc import Mapping
from uuid import UUID

from django.db import connections

from evidence import tenancy
from evidence.ledger.tree import HASH_BYTES, Read

_READ = "SELECT hashes FROM ledger_tile WHERE organization_id = %s AND level = %s AND index = %s"
_WRITE = (
    "INSERT INTO ledger_tile (organization_id, level, index, hashes, width) VALUES (%s, %s, %s, %s, %s)"
    " ON CONFLICT (organization_id, level, index) DO UPDATE SET hashes = EXCLUDED.hashes, width = EXCLUDED.width"
)


def reader(organization_id: UUID) -> Read:
    """Reads tiles of one organization, each at most once."""
    known: dict[tuple[int, int], bytes] = {}

    def read(level: int, index: int) -> bytes:
        if (level, index) not in known:
            with connections[tenancy.alias()].cursor() as cursor:
                cursor.execute(_READ, [organization_id, level, index])
                row = cursor.fetchone()
            known[level, index] = bytes(row[0]) if row else b""
        return known[level, index]

    return read


def over(read: Read, changed: Mapping[tuple[int, int], bytes]) -> Read:
    """Reads what changed first, then what was there."""

    def read_changed(level: int, index: int) -> bytes:
        hashes = changed.get((level, index))
        return read(level, index) if hashes is None else hashes

    return read_changed


def write(organization_id: UUID, changed: Mapping[tuple[int, int], bytes]) -> None:
    """Keep new and longer tiles."""
    with connections[tenancy.alias()].cursor() as cursor:
        cursor.executemany(
            _WRITE,
            [
                [organization_id, level, index, hashes, len(hashes) // HASH_BYTES]
                for (level, index), hashes in changed.items()
            ],
        )
