"""Where sealed bytes lie: one module per kind of store, all with the shape below; none of them sees plain bytes.

A location is a relative name with slashes, chosen by the vault and never reused. A store refuses to overwrite.
"""

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self

from evidence.errors import Unavailable


class StorageFull(Unavailable):
    code = "storage_full"


class StorageFailed(Unavailable):
    code = "storage_failed"


class BlobGone(Unavailable):
    code = "blob_missing"


@dataclass(frozen=True)
class Stored:
    """One stored thing as the store lists it."""

    location: str
    size: int
    modified_at: datetime
    is_draft: bool


class Draft(Protocol):
    """Bytes on their way in. Nothing is visible before `keep`; without it `discard` leaves nothing behind."""

    def write(self, data: bytes | bytearray | memoryview) -> None: ...

    def keep(self) -> None: ...

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
    name: str

    def draft(self, location: str) -> Draft: ...

    def reader(self, location: str) -> Reader: ...

    def listing(self, prefix: str) -> Iterator[Stored]: ...

    def copies(self, location: str) -> Iterator[Stored]: ...

    def remove(self, stored: Stored) -> None: ...


def named(name: str) -> Backend:
    """The store of that name, as the settings describe it: each module of this folder has `configured()`."""
    if not name.isidentifier():
        raise ValueError(f"no store is called {name!r}")
    backend: Backend = importlib.import_module(f"{__name__}.{name}").configured()
    return backend
