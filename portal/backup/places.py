"""Folders of backups on disk: names, durable writing, and which sets are whole; it refuses a place it can't trust."""

import errno
import fcntl
import gzip
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO

from evidence.errors import Refused
from evidence.vault.services import readable

COMPLETE = "COMPLETE"
MANIFEST = "manifest.json"
PIECE_BYTES = 1 << 20
#: Below this no set is begun: even its rows would not fit.
LEAST_FREE_BYTES = 16 << 20
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class BackupRefused(Refused):
    """The backup was not made, or not restored; the message says what was kept and what to do."""

    code = "backup_refused"


@dataclass(frozen=True)
class Written:
    """A finished file: its name within the set, its bytes on disk, their hash."""

    file: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Set:
    """One set of a folder."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def is_whole(self) -> bool:
        return (self.folder / COMPLETE).is_file()

    def manifest(self) -> dict[str, Any]:
        """The manifest, once it is the one that was sealed. Raises BackupRefused."""
        try:
            raw = (self.folder / MANIFEST).read_bytes()
            told = json.loads((self.folder / COMPLETE).read_text())
            found: dict[str, Any] = json.loads(raw)
        except (OSError, ValueError) as fault:
            raise BackupRefused(f"The set {self.name} can't be read: {fault}. Nothing was changed.") from fault
        if hashlib.sha256(raw).hexdigest() != told.get("manifest_sha256"):
            raise BackupRefused(f"The manifest of {self.name} is not the one that was written. Nothing was changed.")
        return found

    def check(self, file: str, sha256: str) -> Path:
        """The path of one of its files. Raises BackupRefused when its bytes are others."""
        path = inside(self.folder, file)
        if not path.is_file() or digest(path) != sha256:
            raise BackupRefused(f"{self.name}/{file} is missing or altered. Nothing was changed; take another set.")
        return path


@dataclass(frozen=True)
class Folder:
    """A folder of backups."""

    root: Path

    @property
    def files(self) -> Path:
        return self.root / "files"

    @property
    def incoming(self) -> Path:
        """Where a file lies until it is whole."""
        return self.root / "incoming"

    def sets(self) -> list[Set]:
        """Every set that was begun, oldest first."""
        return [Set(path) for path in sorted((self.root / "sets").glob("*")) if path.is_dir()]

    def whole(self) -> list[Set]:
        return [each for each in self.sets() if each.is_whole]

    def chosen(self, name: str = "") -> Set:
        """The set of that name, or the newest whole one. Raises BackupRefused."""
        found = [each for each in self.whole() if not name or each.name == name]
        if found:
            return found[-1]
        begun = len(self.sets())
        said = f"{begun} sets were begun there, and none is whole" if begun else "no set was ever begun there"
        wanted = f"no whole set “{name}”" if name else "no whole backup"
        raise BackupRefused(f"{self.root} holds {wanted}: {said}. Nothing was changed.")

    def prepare(self) -> None:
        """Make it, or refuse a place that can't be written or is full."""
        try:
            for folder in (self.root, self.root / "sets", self.files, self.incoming):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            probe = self.root / f".probe-{os.getpid()}"
            probe.write_bytes(b"x")
            probe.unlink()
        except OSError as fault:
            raise BackupRefused(
                f"{self.root} can't be written: {fault.strerror}. No backup was made.",
                help="Choose a folder that this user may write.",
            ) from fault
        self.require_space(LEAST_FREE_BYTES)

    def require_space(self, needed: int) -> None:
        free = shutil.disk_usage(self.root).free
        if free < needed:
            raise BackupRefused(
                f"{self.root} has {readable(free)} free, and this backup needs {readable(needed)} more. "
                "No backup was made; earlier sets are as they were.",
                help="Free space there, or choose another place.",
            )

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep a second backup out of the folder meanwhile. The kernel drops the lock with its process."""
        with (self.root / ".lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as fault:
                raise BackupRefused(f"Another backup into {self.root} is running. No second one was begun.") from fault
            yield

    def clear_unfinished(self) -> list[str]:
        """Remove what a killed backup left; the names of the sets."""
        left = [each for each in self.sets() if not each.is_whole]
        for each in left:
            shutil.rmtree(each.folder)
        for path in self.incoming.iterdir():
            path.unlink()
        return [each.name for each in left]


class Hashing:
    """A file being written whose bytes are hashed on the way."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.size, self._digest = file, 0, hashlib.sha256()

    def write(self, data: Any) -> int:
        self._digest.update(data)
        self.size += len(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()

    def sha256(self) -> str:
        return self._digest.hexdigest()


@contextmanager
def writing(folder: Path, file: str, done: list[Written]) -> Iterator[IO[bytes]]:
    """A compressed file of a set: forced to disk when the block ends well, then named in `done`."""
    path = inside(folder, file)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("xb") as raw:
        hashed = Hashing(raw)
        # Without a name and a time inside, the same rows give the same bytes.
        with gzip.GzipFile(filename="", mode="wb", compresslevel=3, fileobj=hashed, mtime=0) as packed:  # type: ignore[arg-type]
            yield packed
        raw.flush()
        os.fsync(raw.fileno())
    done.append(Written(file, hashed.size, hashed.sha256()))


def put(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Write a small file under another name, force it to disk and give it its name at once."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync(path.parent)


def keep(folder: Path, file: str, content: bytes, *, mode: int = 0o600) -> Written:
    put(inside(folder, file), content, mode=mode)
    return Written(file, len(content), hashlib.sha256(content).hexdigest())


def inside(folder: Path, file: str) -> Path:
    """The path of a relative name. Raises BackupRefused for one that leads elsewhere."""
    name = PurePosixPath(file)
    if name.is_absolute() or not name.parts or ".." in name.parts or "\x00" in file:
        raise BackupRefused(f"The name {file!r} leads out of the backup. Nothing was changed.")
    return folder / name


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
