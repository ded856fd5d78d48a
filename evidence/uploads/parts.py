"""Pieces of a file, each a sealed stream of its own on a local disk; never plain, never written twice.

A piece that is sent again gets a new id and a new salt, and so new keys: whatever a sender changes between two tries,
no nonce ever meets two texts. That is why pieces are sealed apart and joined at the end instead of being appended to
one stream, where a chunk cut off by a crash would be sealed anew under the old nonce.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from django.conf import settings

from evidence import clock
from evidence.errors import TooLarge
from evidence.identifiers import uuid7
from evidence.uploads.models import Upload
from evidence.vault import keys, sealing
from evidence.vault.backends import StorageFull, Stored
from evidence.vault.backends.local import LocalDisk
from evidence.vault.services import PIECE_BYTES, Source


@dataclass(frozen=True)
class Piece:
    """Sealed bytes that are forced to disk; `start` is where they belong in the file."""

    id: UUID
    start: int
    size: int
    location: str


def disk() -> LocalDisk:
    """Where pieces wait: a folder that is no store of evidence, so that neither scrubber nor backup minds them."""
    chosen = getattr(settings, "CLEARHOLD_UPLOADS_DIR", None)
    folder = Path(chosen or Path(settings.CLEARHOLD_BLOBS_DIR) / "parts")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return LocalDisk(folder)


def key_of(upload: Upload) -> bytes:
    return keys.keyring().unwrap(keys.Wrapped(upload.kek_id, bytes(upload.wrapped_key)), blob_id=upload.id)


def write(upload: Upload, stream: Source, *, start: int) -> Piece:
    """Seal a stream to disk while it comes. Raises TooLarge past the file's announced end; then nothing is left."""
    piece_id, size = uuid7(), 0
    location = f"{upload.organization_id.hex}/{piece_id.hex[-2:]}/{piece_id.hex}"
    sealer = sealing.Sealer(key_of(upload), piece_id.bytes)
    try:
        draft = disk().draft(location)
        try:
            draft.write(sealer.header)
            while data := stream.read(PIECE_BYTES):
                size += len(data)
                if start + size > upload.length:
                    raise TooLarge(
                        f"{upload.length} bytes were announced for this file, and more came. "
                        "The piece was not kept; what was here before it is.",
                        details={"offset": start, "length": upload.length},
                    )
                draft.write(sealer.update(data))
            draft.write(sealer.finish())
            draft.keep()
        except BaseException:
            draft.discard()
            raise
    except StorageFull as full:
        raise storage_full() from full
    return Piece(piece_id, start, size, location)


def opened(upload: Upload, pieces: list[Piece]) -> Iterator[bytes]:
    """The plain bytes of pieces, one after the other; raises what `sealing.Opener` raises."""
    data_key, store = key_of(upload), disk()
    for piece in pieces:
        with store.reader(piece.location) as reader:
            opener = sealing.Opener(
                reader.read_at,
                reader.size,
                data_key=data_key,
                context=piece.id.bytes,
                name=f"piece {piece.id} of upload {upload.id}",
                size=piece.size,
            )
            yield from opener.read()


def remove(locations: list[str]) -> None:
    """Remove pieces that no row names any more."""
    store = disk()
    for location in locations:
        store.remove(Stored(location, size=0, modified_at=clock.now(), is_draft=False))


def storage_full() -> StorageFull:
    return StorageFull(
        "The evidence store has no space left, so this piece was not kept. What came before it is.",
        help="When space has been made, the upload goes on from there.",
    )
