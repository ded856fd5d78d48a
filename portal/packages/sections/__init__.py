"""The sections of a package: one file each, found by name, printed in the order of their numbers.

A section file `sNN_<subject>.py` has TITLE, NUMBERED (does it take a number in the contents) and `sheets(edition)`,
which yields one Sheet per page that must start anew. Its template is `packages/sections/<subject>.html`.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from portal.packages.edition import Edition

FILE = re.compile(r"s(\d\d)_([a-z_]+)")


@dataclass(frozen=True)
class Sheet:
    """One stretch of pages: where links to it point, what contents and running head call it, what its template reads."""

    anchor: str
    label: str
    data: dict[str, Any] = field(default_factory=dict)
    listed: bool = True
    #: Set for the further pages of a long table: they have no title of their own.
    continues: bool = False


@dataclass(frozen=True)
class Section:
    order: int
    subject: str
    title: str
    numbered: bool
    sheets: Callable[[Edition], Iterable[Sheet]]

    @property
    def template(self) -> str:
        return f"packages/sections/{self.subject}.html"


@cache
def found() -> tuple[Section, ...]:
    sections = []
    for path in sorted(Path(__file__).parent.glob("s*.py")):
        match = FILE.fullmatch(path.stem)
        if match is None:
            continue
        module = import_module(f"{__name__}.{path.stem}")
        sections.append(Section(int(match[1]), match[2], module.TITLE, module.NUMBERED, module.sheets))
    return tuple(sections)


def numbered(subject: str) -> int | None:
    """The number that contents give to a section."""
    numbers = [section.subject for section in found() if section.numbered]
    return numbers.index(subject) + 1 if subject in numbers else None
