"""The sections of a package: one file each, found by name. Which are printed, and in which order, its template says.

A section file `sNN_<subject>.py` has TITLE, NUMBERED (does it take a number in the contents) and `sheets(edition)`,
which yields one Sheet per page that must start anew. Where it has `applies(edition)`, it is printed only when that holds.
Its template is `packages/sections/<subject>.html`.
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
    applies: Callable[[Edition], bool]

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
        applies = getattr(module, "applies", _always)
        sections.append(Section(int(match[1]), match[2], module.TITLE, module.NUMBERED, module.sheets, applies))
    return tuple(sections)


def _always(edition: Edition) -> bool:
    return True


@cache
def by_subject() -> dict[str, Section]:
    return {section.subject: section for section in found()}


def chosen(edition: Edition) -> list[Section]:
    """The sections of this package in their order, without those that have nothing to tell in it."""
    return [section for subject in edition.sections if (section := by_subject()[subject]).applies(edition)]


def numbers(edition: Edition) -> dict[str, int]:
    """The numbers that contents give to sections, by their subject."""
    counted = [section.subject for section in chosen(edition) if section.numbered]
    return {subject: place for place, subject in enumerate(counted, 1)}
