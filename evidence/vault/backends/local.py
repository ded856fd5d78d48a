"""Sealed bytes on a local disk: written beside their place, forced to disk, then linked; never overwritten.

The order (temporary file, fsync, link, unlink, fsync of the directory) is the one that lost none of 49 acknowledged
uploads when the process was killed at each step; what it may leave is a draft, which the janitor removes after a day.
"""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import NoReturn, Self
from uuid import uuid4

from django.conf import settings

from evidence import crashing
from evidence.vault.backends import LOCAL, BlobGone, StorageFailed, StorageFull, Stored, checked

DRAFTS = ".incoming"
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class LocalDisk:
    """One folder. It keeps no versions and can lock nothing: what must stay is refused by the database."""

    name = LOCAL

    def __init__(self, root: Path) -> None:
        self.root = root

    def draft(self, location: str) -> "LocalDraft":
        return LocalDraft(self.root, checked(location))

    def reader(self, location: str, version: str = "") -> "LocalReader":
        return LocalReader(self.root / checked(location), location)

    def listing(self, prefix: str) -> Iterator[Stored]:
        """Everything under the folder `prefix`, kept or still on its way in."""
        folder = self.root / checked(prefix)
        for path in sorted(folder.rglob("*")):
            yield from self._stored(path)

    def copies(self, location: str) -> Iterator[Stored]:
        """What is kept under exactly this location: one file or none."""
        yield from self._stored(self.root / checked(location))

    def _stored(self, path: Path) -> Iterator[Stored]:
        with suppress(FileNotFoundError):
            if path.is_file():
                facts = path.stat()
                yield Stored(
                    location=path.relative_to(self.root).as_posix(),
                    size=facts.st_size,
                    modified_at=datetime.fromtimestamp(facts.st_mtime, UTC),
                    is_draft=DRAFTS in path.parts,
                )

    def remove(self, stored: Stored) -> None:
        path = self.root / PurePosixPath(stored.location)
        path.unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            _sync_folder(path.parent)

    def lock_until(self, location: str, version: str, until: datetime) -> bool:
        return False

    def hold(self, location: str, version: str, *, on: bool) -> bool:
        return False

    def probe(self) -> None:
        """Raise StorageFailed when nothing can be written here."""
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.root) as probe:
                probe.write(b"x")
        except OSError as error:
            raise StorageFailed(f"{self.root} can't be written ({os.strerror(error.errno or 0)}).") from error

    def faults(self) -> list[str]:
        """What an operator has to mend before files are safe here."""
        try:
            self.probe()
        except StorageFailed as failure:
            return [failure.message]
        return []


def configured() -> LocalDisk:
    return LocalDisk(Path(settings.CLEARHOLD_BLOBS_DIR))


class LocalDraft:
    def __init__(self, root: Path, location: PurePosixPath) -> None:
        self._final = root / location
        self._path = root / location.parts[0] / DRAFTS / f"{location.name}.{uuid4().hex}"
        self._handle = -1
        try:
            _make_folder(self._path.parent, upto=root)
            self._handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            self._refuse(error)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._handle, view) :]
        except OSError as error:
            self._refuse(error)

    def keep(self) -> str:
        try:
            os.fsync(self._handle)
            crashing.point("upload.synced")
            self._close()
            _make_folder(self._final.parent, upto=self._final.parents[len(self._final.parts) - 2])
            os.link(self._path, self._final)
            crashing.point("upload.linked")
            self._path.unlink()
            _sync_folder(self._final.parent)
            return ""
        except FileExistsError:
            self.discard()
            raise StorageFailed(f"{self._final.name} is stored already and is never overwritten.") from None
        except OSError as error:
            self._refuse(error)

    def discard(self) -> None:
        self._close()
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _refuse(self, error: OSError) -> NoReturn:
        self.discard()
        if error.errno in FULL:
            raise StorageFull(
                "The evidence store has no space left, so nothing of this file was kept. "
                "Free space or enlarge the store, then upload it again."
            ) from error
        raise StorageFailed(
            f"The evidence store can't be written ({os.strerror(error.errno or 0)}); nothing of this file was kept."
        ) from error


class LocalReader:
    _handle = -1

    def __init__(self, path: Path, location: str) -> None:
        try:
            self._handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise BlobGone(f"The stored bytes {location} are missing from the evidence store.") from None
        except OSError as error:
            raise StorageFailed(f"The evidence store can't be read ({os.strerror(error.errno or 0)}).") from error
        self.size = os.fstat(self._handle).st_size

    def read_at(self, offset: int, length: int) -> bytes:
        data = os.pread(self._handle, length, offset)
        while 0 < len(data) < length and (more := os.pread(self._handle, length - len(data), offset + len(data))):
            data += more
        return data

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def __del__(self) -> None:
        # A response that is dropped before its first byte never enters the block that closes.
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _make_folder(folder: Path, *, upto: Path) -> None:
    """Create a folder and force its name to disk, so that a file linked into it can't vanish with it."""
    if folder.is_dir():
        return
    if folder != upto and folder.parent != folder:
        _make_folder(folder.parent, upto=upto)
    folder.mkdir(mode=0o700, exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
