"""Where sealed bytes lie: one module per kind of store, all with the shape below; none of them sees plain bytes.

A location is a relative name with slashes, chosen by the vault and never reused. A store refuses to overwrite. Where
it keeps versions, `keep` tells the version of these very bytes, and readers ask for that one.
"""

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from types import TracebackType
from typing import Protocol, Self

from django.conf import settings

from evidence.errors import Unavailable

LOCAL = "local"
S3 = "s3"


class StorageFull(Unavailable):
    code = "storage_full"
    status = 507


class StorageFailed(Unavailable):
    code = "storage_failed"


class BlobGone(Unavailable):
    code = "blob_missing"


class Locked(Unavailable):
    """The store keeps these bytes until a day that nobody can bring forward."""

    code = "blob_locked"


@dataclass(frozen=True)
class Stored:
    """One stored thing as the store lists it. `version` names it where the store keeps several, or the draft."""

    location: str
    size: int
    modified_at: datetime
    is_draft: bool
    version: str = ""


class Draft(Protocol):
    """Bytes on their way in. Nothing is visible before `keep`; without it `discard` leaves nothing behind."""

    def write(self, data: bytes | bytearray | memoryview) -> None: ...

    def keep(self) -> str: ...

    def discard(self) -> None: ...


class Reader(Protocol):
    """Read access to one stored blob at any place."""

    size: int

    def read_at(self, offset: int, length: int) -> bytes: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Backend(Protocol):
    """A store. `lock_until` and `hold` say whether the store could do it: a local disk can't."""

    name: str

    def draft(self, location: str) -> Draft: ...

    def reader(self, location: str, version: str = "") -> Reader: ...

    def listing(self, prefix: str) -> Iterator[Stored]: ...

    def copies(self, location: str) -> Iterator[Stored]: ...

    def remove(self, stored: Stored) -> None: ...

    def lock_until(self, location: str, version: str, until: datetime) -> bool: ...

    def hold(self, location: str, version: str, *, on: bool) -> bool: ...

    def probe(self) -> None: ...

    def faults(self) -> list[str]: ...


def named(name: str) -> Backend:
    """The store of that name, as the settings describe it: each module of this folder has `configured()`."""
    if not name.isidentifier():
        raise ValueError(f"no store is called {name!r}")
    backend: Backend = importlib.import_module(f"{__name__}.{name}").configured()
    return backend


def current() -> str:
    """The name of the store that takes new files."""
    return str(getattr(settings, "CLEARHOLD_BLOB_BACKEND", LOCAL))


def known() -> list[str]:
    """The names of the stores that are set up, the current one first."""
    is_there = {LOCAL: True, S3: bool(getattr(settings, "CLEARHOLD_S3", {}).get("bucket"))}
    return [current(), *(name for name, is_set in is_there.items() if is_set and name != current())]


def checked(location: str) -> PurePosixPath:
    """A location as a path. Raises ValueError for one that points out of the store."""
    path = PurePosixPath(location)
    if path.is_absolute() or not path.parts or ".." in path.parts or "\x00" in location:
        raise ValueError(f"not a place inside the store: {location!r}")
    return path
