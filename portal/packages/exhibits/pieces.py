"""What is laid out, what came of it, and how a reader says that it can't."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.utils.translation import gettext


class NotLaidOut(Exception):
    """There is no reading copy; `reason` is a sentence for the slip sheet. `listing` names what is inside."""

    def __init__(self, reason: str, listing: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.reason, self.listing = reason, listing


@dataclass(frozen=True)
class Piece:
    """An exhibit, or what was attached to one (E-004.1). `source` is its file in the folder where volumes are made.

    `missing` says why there are no bytes of it; `where` says where the original is; `told` are its facts, each with
    its name.
    """

    number: str
    title: str
    filename: str
    media_type: str
    size: int
    sha256: str
    source: str
    where: str
    version: int = 1
    missing: str = ""
    told: tuple[tuple[str, str], ...] = ()
    depth: int = 0

    @property
    def label(self) -> str:
        """What its pages are stamped with."""
        if self.version == 1:
            return self.number
        return gettext("%(exhibit)s, version %(version)s") % {"exhibit": self.number, "version": self.version}


@dataclass
class Copy:
    """What a reader made: sentences about the copy, whether the file was repaired, and what was attached to it."""

    notes: list[str] = field(default_factory=list)
    is_repaired: bool = False
    parts: list[Piece] = field(default_factory=list)


@dataclass(frozen=True)
class Desk:
    """Where a reader works: the folder, and the paper of what it lays out itself."""

    folder: Path
    paper: str

    def source(self, piece: Piece) -> Path:
        return self.folder / piece.source

    def target(self, piece: Piece) -> Path:
        return self.folder / f"copy-{piece.number}.pdf"


def piece_from(told: dict[str, Any]) -> Piece:
    return Piece(**told | {"told": tuple((name, value) for name, value in told["told"])})
