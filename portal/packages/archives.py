"""ZIP archives of a package: what was made for it, kept with it; and everything, streamed to who takes it.

Names are those of the manifest, entries carry the moment of the snapshot, so the same package gives the same archive.
"""

import io
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, BinaryIO

from evidence.errors import NotFound
from evidence.vault import services as vault
from evidence.vault.models import Blob
from portal.packages import manifest
from portal.packages.snapshot import Laid, Made

PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class Entry:
    """A file on its way into an archive; its bytes are asked for when its turn comes."""

    path: str
    size: int
    pieces: Callable[[], Iterable[bytes]]


def of_made(files: Iterable[Made | Laid], listed: bytes, at: datetime, out: BinaryIO) -> BinaryIO:
    """Every made file and the manifest, as an archive written to `out`, which is then at its start."""
    own = Made(manifest.NAME, listed, "application/json", "Data", "")
    entries = (Entry(file.path, file.size, file.pieces) for file in (own, *files))
    for piece in streamed(entries, at):
        out.write(piece)
    out.seek(0)
    return out


def streamed(entries: Iterable[Entry], at: datetime) -> Iterator[bytes]:
    """The archive in pieces, as they come to be. An entry whose bytes can't be read ends it in the middle."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED, allowZip64=True, compresslevel=1) as archive:
        for entry in entries:
            info = zipfile.ZipInfo(entry.path, at.astimezone(UTC).timetuple()[:6])
            # Readers that stream know the end of a stored entry from its size alone, so none is stored.
            info.compress_type, info.create_system, info.external_attr = zipfile.ZIP_DEFLATED, 3, 0o644 << 16
            info.file_size = entry.size
            with archive.open(info, "w") as sink:
                for piece in entry.pieces():
                    sink.write(piece)
                    yield from pipe.taken()
            yield from pipe.taken()
    yield from pipe.taken()


class _Pipe(io.RawIOBase):
    """Takes what the archive writes until it is asked for; it can't be sought, so no entry is written twice."""

    def __init__(self) -> None:
        self._held: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._held.append(bytes(data))
        return len(data)

    def taken(self) -> Iterator[bytes]:
        held, self._held = self._held, []
        if held:
            yield b"".join(held)


class Archive:
    """The archive that is kept with a package, opened for reading: texts, packed, so it is held in memory."""

    def __init__(self, blob: Blob | None) -> None:
        if blob is None:
            raise NotFound(
                "This package was printed before its other forms were kept.", help="Build it again, or its next issue."
            )
        self._archive = zipfile.ZipFile(io.BytesIO(b"".join(vault.open(blob))))

    def entries(self) -> Iterator[Entry]:
        return map(self.entry, self._archive.namelist())

    def entry(self, path: str) -> Entry:
        try:
            info = self._archive.getinfo(path)
        except KeyError:
            raise NotFound(f"This package has no {path[:80]}.") from None
        return Entry(path, info.file_size, lambda: self._pieces(path))

    def _pieces(self, path: str) -> Iterator[bytes]:
        with self._archive.open(path) as source:
            while piece := source.read(PIECE_BYTES):
                yield piece
