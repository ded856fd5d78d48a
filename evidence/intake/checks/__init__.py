"""Dangers and oddities of an upload, one module each, found by file name: `check(file) -> Iterator[Note]`."""

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass

from evidence.intake.types import ZipLook


@dataclass(frozen=True)
class Note:
    """What a check found. `blocks` sends the artifact into quarantine until a person decides."""

    code: str
    sentence: str
    blocks: bool = False


@dataclass(frozen=True)
class Incoming:
    """What checks may know of a file: they get no bytes beyond the head."""

    filename: str
    extension: str
    mime: str
    claimed_mime: str
    size: int
    head: bytes
    zip: ZipLook | None


def modules() -> list[str]:
    """The names of all checks, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def notes_on(incoming: Incoming) -> Iterator[Note]:
    """Every note of every check."""
    for name in modules():
        yield from importlib.import_module(f"{__name__}.{name}").check(incoming)
