"""Keep bytes and give them back: sealed while they stream in, checked while they stream out.

Storing runs outside any transaction (it may take minutes) and leaves a file that no row knows; `adopt` then inserts
the row in the caller's transaction. A file that was never adopted is removed by the janitor after a day.
"""

import hashlib
import hmac
import io
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Protocol, Self
from uuid import UUID

from django.db import connections, transaction

from evidence import clock, crashing, tenancy
from evidence.actors import Actor
from evidence.errors import Invalid, NotFound, TooLarge, Unavailable, WrongState
from evidence.identifiers import uuid7
from evidence.ledger import services as ledger
from evidence.vault import backends, events, keys, sealing
from evidence.vault.backends import BlobGone, Locked, Reader, Stored, named
from evidence.vault.models import Blob

PIECE_BYTES = 1024 * 1024
HEAD_BYTES = 64 * 1024
ORPHAN_AGE = timedelta(hours=24)
SWEEP_ROWS = 500


class Erased(Unavailable):
    """The blob's key was destroyed: its bytes can't be opened any more, by anyone, from any copy."""

    code = "blob_erased"
    status = 410


class Source(Protocol):
    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True)
class Sealed:
    """Bytes that are stored and forced to disk, but belong to nothing yet. `head` is their plain beginning."""

    blob_id: UUID
    organization_id: UUID
    sha256: str
    size: int
    kek_id: str
    wrapped_key: bytes
    backend: str
    location: str
    format: int
    head: bytes
    store_version: str = ""


class Writing:
    """One stream on its way in: `write` pieces, then `finish`, or `abandon`, which leaves nothing."""

    def __init__(self, organization_id: UUID, *, limit_bytes: int) -> None:
        self.blob_id = uuid7()
        self.size = 0
        self._organization_id, self._limit_bytes = organization_id, limit_bytes
        data_key = sealing.new_data_key()
        self._wrapped = keys.keyring().wrap(data_key, blob_id=self.blob_id)
        self._hash = hashlib.sha256()
        self._head = bytearray()
        self._sealer = sealing.Sealer(data_key, self.blob_id.bytes)
        self._backend = backends.current()
        self._location = f"{organization_id.hex}/{self.blob_id.hex[-2:]}/{self.blob_id.hex}"
        self._draft = named(self._backend).draft(self._location)
        self._draft.write(self._sealer.header)
        crashing.point("upload.begun")

    def write(self, data: sealing.Buffer) -> None:
        """Seal one piece. Raises TooLarge past the limit; then and on any failure nothing is left behind."""
        view = memoryview(data)
        self.size += len(view)
        try:
            if self.size > self._limit_bytes:
                raise TooLarge(
                    f"Files may have up to {readable(self._limit_bytes)} here, and this one is larger. "
                    "Nothing of it was kept.",
                    help="Split it, or ask an administrator to raise the limit.",
                    details={"limit_bytes": self._limit_bytes},
                )
            self._hash.update(view)
            if len(self._head) < HEAD_BYTES:
                self._head += view[: HEAD_BYTES - len(self._head)]
            self._draft.write(self._sealer.update(view))
            crashing.point("upload.piece")
        except BaseException:
            self.abandon()
            raise

    def finish(self) -> Sealed:
        """Force all of it to disk under its final name."""
        try:
            self._draft.write(self._sealer.finish())
            version = self._draft.keep()
        except BaseException:
            self.abandon()
            raise
        crashing.point("upload.sealed")
        return Sealed(
            blob_id=self.blob_id,
            organization_id=self._organization_id,
            sha256=self._hash.hexdigest(),
            size=self.size,
            kek_id=self._wrapped.kek_id,
            wrapped_key=self._wrapped.data,
            backend=self._backend,
            location=self._location,
            format=sealing.FORMAT,
            head=bytes(self._head),
            store_version=version,
        )

    def abandon(self) -> None:
        self._draft.discard()


def readable(size: int) -> str:
    """A size as pages and browsers write it, in decimal units: 5.4 GB, 1.5 MB, 18 bytes."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("KB", 10**3)):
        if size >= factor:
            return f"{size / factor:.1f}".removesuffix(".0") + f" {unit}"
    return f"{size} bytes"


def begin(*, organization_id: UUID, limit_bytes: int) -> Writing:
    """Start a stream whose pieces are pushed in. Raises Unavailable when keys or the store are away."""
    return Writing(organization_id, limit_bytes=limit_bytes)


def store(stream: Source, *, organization_id: UUID, limit_bytes: int) -> Sealed:
    """Hash, seal, write and force to disk in one pass, in constant memory; a failure leaves nothing."""
    writing = begin(organization_id=organization_id, limit_bytes=limit_bytes)
    try:
        while piece := stream.read(PIECE_BYTES):
            writing.write(piece)
    except BaseException:
        writing.abandon()
        raise
    return writing.finish()


def adopt(sealed: Sealed) -> Blob:
    """Give stored bytes their row, in the caller's transaction."""
    return Blob.objects.create(
        id=sealed.blob_id,
        organization_id=sealed.organization_id,
        sha256=sealed.sha256,
        size=sealed.size,
        kek_id=sealed.kek_id,
        wrapped_key=sealed.wrapped_key,
        backend=sealed.backend,
        location=sealed.location,
        store_version=sealed.store_version,
        format=sealed.format,
    )


def discard(sealed: Sealed) -> None:
    """Remove stored bytes that were refused. Only for bytes whose row is certain not to be committed.

    Where the store is away or keeps them under a lock, they stay for the janitor; without a key they are noise.
    """
    with suppress(Unavailable):
        discard_copies(sealed.backend, sealed.location)


def discard_copies(backend: str, location: str) -> None:
    """Remove all that a store keeps under one location."""
    store_ = named(backend)
    for stored in store_.copies(location):
        store_.remove(stored)


class Plain(io.RawIOBase):
    """Plain bytes of one blob as a file that can seek; closes its store when closed."""

    def __init__(self, reader: Reader, opener: sealing.Opener) -> None:
        self._reader, self._opener, self._at = reader, opener, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._opener.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, target: memoryview) -> int:  # type: ignore[override]
        data = b"".join(self._opener.read(self._at, len(target)))
        target[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._reader.__exit__(None, None, None)
        super().close()

    def __enter__(self) -> Self:
        return self


def plain(blob: Blob | Sealed) -> io.BufferedReader:
    """The plain bytes as a seekable file, for readers that need one (zip, PDF, images)."""
    source, opener = _opened(blob)
    return io.BufferedReader(Plain(source, opener), PIECE_BYTES)


def open(blob: Blob | Sealed, start: int | None = None, length: int | None = None) -> Iterator[bytes]:  # noqa: A001
    """Plain bytes in pieces, each checked before it is given; a whole read is also checked against the SHA-256.

    Raises Damaged (naming blob and chunk) when the stored bytes are not what was sealed.
    """
    source, opener = _opened(blob)
    return _pieces(blob, source, opener, start or 0, length)


def verify(blob: Blob) -> None:
    """Read, decrypt and hash all of it; raises what `open` raises."""
    for _piece in open(blob):
        pass


def _pieces(
    blob: Blob | Sealed, source: Reader, opener: sealing.Opener, start: int, length: int | None
) -> Iterator[bytes]:
    digest = hashlib.sha256() if start == 0 and (length is None or length >= opener.size) else None
    held = b""
    with source:
        for piece in opener.read(start, length):
            if digest is not None:
                digest.update(piece)
            if held:
                yield held
            held = piece
    # The last piece waits for the hash, so that a whole read never ends well on different bytes.
    if digest is not None and not hmac.compare_digest(digest.hexdigest(), blob.sha256):
        raise sealing.Altered(f"Blob {_id(blob)} opens, but its SHA-256 is not the one on record.")
    if held:
        yield held


def _opened(blob: Blob | Sealed) -> tuple[Reader, sealing.Opener]:
    blob_id = _id(blob)
    if isinstance(blob, Blob) and blob.erased_at is not None:
        raise erased(blob)
    wrapped = keys.Wrapped(blob.kek_id, bytes(blob.wrapped_key))
    data_key = keys.keyring().unwrap(wrapped, blob_id=blob_id)
    source = reader(blob)
    try:
        opener = sealing.Opener(
            source.read_at,
            source.size,
            data_key=data_key,
            context=blob_id.bytes,
            name=f"blob {blob_id}",
            size=blob.size,
        )
    except BaseException:
        source.__exit__(None, None, None)
        raise
    return source, opener


def reader(blob: Blob | Sealed) -> Reader:
    """The sealed bytes of a blob, wherever its row says by now. Raises BlobGone when no store has them."""
    try:
        return named(blob.backend).reader(blob.location, blob.store_version)
    except BlobGone:
        # It may have moved to another store since its row was read.
        rows = Blob.objects.filter(pk=_id(blob)).values_list("backend", "store_version")
        row = rows.first() if isinstance(blob, Blob) else None
        if row is None or row == (blob.backend, blob.store_version):
            raise
    return named(row[0]).reader(blob.location, row[1])


def _id(blob: Blob | Sealed) -> UUID:
    return blob.blob_id if isinstance(blob, Sealed) else blob.id


def erased(blob: Blob) -> Erased:
    """The refusal to open a blob whose key was destroyed, with the day and the person."""
    by = blob.erased_by.name if blob.erased_by is not None else "the product"
    return Erased(
        f"Blob {blob.pk} was erased on {blob.erased_at:%d %b %Y} by {by}: its key was destroyed, so nobody can open it.",
        help="Its SHA-256, its size and the record of its disposal stay in the history.",
        details={"sha256": blob.sha256, "size": blob.size},
    )


@transaction.atomic
def erase(blob_id: UUID, *, actor: Actor, reason: str) -> Blob:
    """Destroy a blob's data key in the caller's transaction, so that no copy of its bytes can ever be opened again.

    The row stays with SHA-256 and size. Whoever disposes has asked for the rights and looked for holds before; after
    the commit, `remove_bytes` clears the store. Raises NotFound, Invalid without a reason, WrongState when it is done.
    """
    blob = Blob.objects.select_for_update(of=("self",)).filter(pk=blob_id).first()
    if blob is None:
        raise NotFound("There is no such stored file here.")
    if not reason.strip():
        raise Invalid("Say why the file is erased.", fields={"reason": ["A reason is needed."]})
    if blob.erased_at is not None:
        raise WrongState(erased(blob).message, code=Erased.code)
    moment = clock.now()
    # Recorded before it is done: the database refuses an erasure that the history doesn't know.
    data = {"sha256": blob.sha256, "size": blob.size, "kek_id": blob.kek_id, "backend": blob.backend}
    ledger.record(events.VAULT_ERASED, subject=events.file(blob), actor=actor, data=data, reason=reason.strip())
    Blob.objects.filter(pk=blob.pk).update(erased_at=moment, erased_by_id=actor.person_id, wrapped_key=b"")
    blob.refresh_from_db()
    return blob


def remove_bytes(blob: Blob) -> bool:
    """Remove the sealed bytes of an erased blob, after the commit; calling it again does no harm.

    False when the store keeps them, because it is away or holds a lock on them: without their key they are noise, and
    the janitor tries again. Raises WrongState for a blob that was not erased.
    """
    if blob.erased_at is None:
        raise WrongState("Only the bytes of an erased file are removed; this one was not erased.")
    try:
        discard_copies(blob.backend, blob.location)
    except (Unavailable, OSError):
        return False
    return True


def lock_bytes(blob: Blob, until: datetime) -> bool:
    """Have the store keep the bytes at least until then; a longer lock stays. False where the store can't lock."""
    return named(blob.backend).lock_until(blob.location, blob.store_version, until)


def hold_bytes(blob: Blob, *, on: bool) -> bool:
    """Put the store's own legal hold on the bytes, or take it off. False where the store has none."""
    return named(blob.backend).hold(blob.location, blob.store_version, on=on)


def sweep(organization_id: UUID) -> list[str]:
    """Remove drafts and unadopted files of the organization that are older than a day; the locations removed.

    Raises Invalid unless that organization is entered: without it every row is invisible and every file would look
    unadopted.
    """
    with connections[tenancy.alias()].cursor() as cursor:
        cursor.execute("SELECT current_organization()")
        if cursor.fetchone()[0] != organization_id:
            raise Invalid("The janitor works inside the organization whose files it looks at.")
    before, removed = clock.now() - ORPHAN_AGE, []
    for name in backends.known():
        store_ = named(name)
        old = (stored for stored in store_.listing(organization_id.hex) if stored.modified_at <= before)
        while batch := list(islice(old, SWEEP_ROWS)):
            for stored in _leftovers(name, batch):
                # What a lock keeps stays until the lock has ended.
                with suppress(FileNotFoundError, Locked):
                    store_.remove(stored)
                    removed.append(stored.location)
    return removed


def _leftovers(store_name: str, batch: list[Stored]) -> list[Stored]:
    """What nobody will ask for: drafts, files without a row, copies left behind by a move, bytes of erased blobs."""
    rows = Blob.objects.filter(location__in=[stored.location for stored in batch], erased_at=None)
    places = dict(rows.values_list("location", "backend"))
    return [stored for stored in batch if stored.is_draft or places.get(stored.location) != store_name]
