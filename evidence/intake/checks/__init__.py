"""Dangers and oddities of an upload, one module each, found by file name: `check(file) -> Iterator[Note]`."""

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass, field

from evidence.intake.looks import Fact, Look


@dataclass(frozen=True)
class Note:
    """What a check found. `blocks` sends the artifact into quarantine until a person decides."""

    code: str
    sentence: str
    blocks: bool = False


@dataclass(frozen=True)
class Incoming:
    """What checks may know of a file: its beginning, and the facts that a limited process found in the rest."""

    filename: str
    extension: str
    mime: str
    claimed_mime: str
    size: int
    head: bytes
    look: Look = field(default_factory=Look)
    given_name: str = ""


def modules() -> list[str]:
    """The names of all checks, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def notes_on(incoming: Incoming) -> Iterator[Note]:
    """Every note of every check."""
    for name in modules():
        yield from importlib.import_module(f"{__name__}.{name}").check(incoming)


def subject(fact: Fact, word: str) -> str:
    """What a sentence is about: “The archive” or “The archive a.zip inside it”."""
    return f"The {word} “{fact.place}” inside it" if fact.where else f"The {word}"
