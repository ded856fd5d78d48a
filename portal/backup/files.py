"""Stored files on their way into a backup and back: sealed bytes, copied once, never opened here."""

import gzip
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.backends.utils import CursorWrapper

from evidence import tenancy
from evidence.errors import Unavailable
from evidence.vault import backends, sealing
from evidence.vault.backends import BlobGone, named
from evidence.vault.models import Blob
from portal.backup import places
from portal.backup.places import PIECE_BYTES

WANTED = "files.wanted.gz"
LISTING = "files.jsonl.gz"
TELL_EVERY = 200

Say = Callable[[str], None]

_WANTED = """
SELECT id, location, backend, store_version, size FROM vault_blob
WHERE organization_id = %s AND erased_at IS NULL ORDER BY location COLLATE "C"
"""
_SETTLE = """
UPDATE vault_blob b SET backend = %s, store_version = r.version FROM restored_files r WHERE r.location = b.location
"""


@dataclass(frozen=True)
class Wanted:
    """A stored file that the snapshot's rows name."""

    id: str
    organization: str
    location: str
    backend: str
    version: str
    size: int


@dataclass
class Copied:
    """What was done about the files of a set."""

    files: int = 0
    stored_bytes: int = 0
    new_files: int = 0
    new_bytes: int = 0
    lost: list[str] = field(default_factory=list)


def want(cursor: CursorWrapper, organizations: list[UUID], folder: Path) -> None:
    """Write down, within the snapshot, which files belong to it; by location, so that two listings can be merged.

    A file whose key was destroyed is nobody's any more: its row is kept, its bytes are not.
    """
    with places.writing(folder, WANTED, []) as file:
        for organization_id in organizations:
            with tenancy.entered(organization_id, using="owner"):
                cursor.execute(_WANTED, [organization_id])
                while rows := cursor.fetchmany(1000):
                    for blob_id, location, backend, version, size in rows:
                        row = Wanted(str(blob_id), str(organization_id), location, backend, version, size)
                        file.write(json.dumps(asdict(row)).encode() + b"\n")


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """A listing, row by row."""
    with gzip.open(path, "rt") as file:
        for line in file:
            yield json.loads(line)


class _Known:
    """The listing of the set before, read beside the new one; both are in the order of their locations."""

    def __init__(self, listing: Path | None) -> None:
        self._rows = lines(listing) if listing else iter(())
        self._row = next(self._rows, None)

    def find(self, location: str) -> dict[str, Any] | None:
        while self._row is not None and self._row["location"] < location:
            self._row = next(self._rows, None)
        return self._row if self._row is not None and self._row["location"] == location else None


def missing_bytes(folder: places.Folder, wanted: Path) -> int:
    """How much room the files take that the folder doesn't hold yet."""
    sizes = (
        sealing.sealed_length(row["size"]) for row in lines(wanted) if not _held(folder, row["location"]).is_file()
    )
    return sum(sizes)


def copy_out(folder: places.Folder, set_folder: Path, before: Path | None, say: Say) -> tuple[Copied, places.Written]:
    """Copy what the folder doesn't hold, and list all of it with the hash of its sealed bytes."""
    copied, done, touched = Copied(), list[places.Written](), set[Path]()
    known = _Known(before)
    with places.writing(set_folder, LISTING, done) as listing:
        for row in lines(set_folder / WANTED):
            sha256 = _one(folder, Wanted(**row), known.find(row["location"]), copied, touched)
            if sha256:
                row |= {"stored_bytes": sealing.sealed_length(row["size"]), "stored_sha256": sha256}
                listing.write(json.dumps(row).encode() + b"\n")
                copied.files += 1
                copied.stored_bytes += row["stored_bytes"]
            if (copied.files + len(copied.lost)) % TELL_EVERY == 0:
                say(f"files: {copied.files:,} listed, {copied.new_files:,} of them new")
    for path in sorted(touched, key=lambda path: len(path.parts), reverse=True):
        places.sync(path)
    return copied, done[0]


def _one(
    folder: places.Folder, wanted: Wanted, known: dict[str, Any] | None, copied: Copied, touched: set[Path]
) -> str:
    """The hash of the sealed bytes, now held; empty when the store has lost them."""
    target, length = _held(folder, wanted.location), sealing.sealed_length(wanted.size)
    if target.is_file() and target.stat().st_size == length:
        # Held files carry a hash already, unless the backup that brought them was killed before it listed them.
        return str(known["stored_sha256"]) if known else places.digest(target)
    try:
        sha256 = _fetch(folder, wanted, target, length)
    except Unavailable as fault:
        copied.lost.append(f"{wanted.location}: {fault.message}")
        return ""
    touched |= {target.parent, target.parent.parent, folder.files}
    copied.new_files += 1
    copied.new_bytes += length
    return sha256


def _fetch(folder: places.Folder, wanted: Wanted, target: Path, length: int) -> str:
    digest = hashlib.sha256()
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = folder.incoming / target.name
    try:
        with _reader(wanted) as reader, part.open("wb") as file:
            part.chmod(0o600)
            if reader.size != length:
                raise sealing.Truncated(f"The store holds {reader.size} bytes of it, and {length} were sealed.")
            for offset in range(0, length, PIECE_BYTES):
                piece = reader.read_at(offset, min(PIECE_BYTES, length - offset))
                digest.update(piece)
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return digest.hexdigest()


def _reader(wanted: Wanted) -> Any:
    try:
        return named(wanted.backend).reader(wanted.location, wanted.version)
    except BlobGone:
        # It may have been moved to another store after the snapshot; its row says where it is now.
        with transaction.atomic(), tenancy.entered(UUID(wanted.organization), system=True):
            now = Blob.objects.filter(pk=wanted.id, erased_at=None).values_list("backend", "store_version").first()
        if now is None or now == (wanted.backend, wanted.version):
            raise
        return named(now[0]).reader(wanted.location, now[1])


def _held(folder: places.Folder, location: str) -> Path:
    return places.inside(folder.files, location)


def copy_back(folder: places.Folder, listing: Path, notes: Path, say: Say) -> Copied:
    """Put every file of a set into the store of this installation; what is there already must be the same.

    `notes` tells `settle` under which version each file lies in a store that keeps versions.
    """
    copied = Copied()
    notes.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with notes.open("w") as versions:
        for row in lines(listing):
            version = _put_back(folder, row, copied)
            versions.write(f"{row['location']}\t{version}\n")
            copied.files += 1
            copied.stored_bytes += row["stored_bytes"]
            if copied.files % TELL_EVERY == 0:
                say(f"files: {copied.files:,} in place")
    return copied


def _put_back(folder: places.Folder, row: dict[str, Any], copied: Copied) -> str:
    """The version that the store gave it, empty where it keeps none."""
    source, location = _held(folder, row["location"]), row["location"]
    kept = _in_place(location, row["stored_sha256"])
    if kept is not None:
        return kept
    if not source.is_file():
        raise places.BackupRefused(f"The backup has lost the file {location}. The database was not touched.")
    draft, digest = named(backends.current()).draft(location), hashlib.sha256()
    try:
        with source.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                digest.update(piece)
                draft.write(piece)
        if digest.hexdigest() != row["stored_sha256"]:
            raise places.BackupRefused(f"The backup's file {location} was altered. The database was not touched.")
        version = draft.keep()
    except BaseException:
        draft.discard()
        raise
    copied.new_files += 1
    copied.new_bytes += row["stored_bytes"]
    return version


def _in_place(location: str, sha256: str) -> str | None:
    """The version under which the store has it already, from a restore that was killed; None when it hasn't.

    Raises BackupRefused when it holds something else of that name.
    """
    store = named(backends.current())
    found = [each.version for each in store.copies(location) if not each.is_draft]
    for version in found:
        digest = hashlib.sha256()
        with store.reader(location, version) as reader:
            for offset in range(0, reader.size, PIECE_BYTES):
                digest.update(reader.read_at(offset, min(PIECE_BYTES, reader.size - offset)))
        if digest.hexdigest() == sha256:
            return version
    if found:
        raise places.BackupRefused(
            f"The store already holds other bytes as {location}. Nothing was overwritten; the database was not touched.",
            help="Restore into an empty store.",
        )
    return None


def settle(cursor: CursorWrapper, notes: Path) -> None:
    """Within the load: the rows name the store, and the version in it, in which the files lie now."""
    cursor.execute("CREATE TEMPORARY TABLE restored_files (location text, version text) ON COMMIT DROP")
    with notes.open("rb") as file, cursor.copy("COPY restored_files FROM STDIN") as copy:
        while piece := file.read(PIECE_BYTES):
            copy.write(piece)
    cursor.execute(_SETTLE, [backends.current()])
