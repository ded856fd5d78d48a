"""Takes out of a text what no stranger may read: people, addresses, hosts, files, the assets that findings were seen on.

Rather a word too many than one too few: what is taken out is said to be.
"""

import dataclasses
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from django.utils.translation import gettext_lazy

from portal.packages.snapshot import Snapshot

REMOVED = gettext_lazy("[removed]")
#: A name's part or a piece of an asset shorter than this is also a common word.
SHORTEST_NAME, SHORTEST_ASSET = 3, 4
ADDRESSES = (
    r"\b[a-z][a-z0-9+.-]*://\S+",
    r"\barn:\S+",
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+",
    r"\b\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2})?(?::\d+)?\b",
    r"(?<![\w:])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{1,4}\b",
    r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b",
    r"\b[A-Za-z]:\\\S+|\\\\[\w.-]+\\\S*",
    r"(?<![\w/])(?:/[\w.-]+){2,}/?",
    r"\b(?:[A-Za-z0-9](?:[\w-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}\b(?::\d+)?",
    # A name of a machine or an account: small letters, a hyphen, a number.
    r"\b[a-z][a-z0-9]*(?:-[a-z0-9]+)*-[a-z]*\d+[a-z0-9]*\b",
)
Row = TypeVar("Row")


@dataclass(frozen=True)
class Mask:
    """What is taken out: the known words as they are written, and everything that looks like an address."""

    pattern: re.Pattern[str]

    def text(self, value: str) -> str:
        return self.pattern.sub(str(REMOVED).replace("\\", r"\\"), value)

    def row(self, row: Row, *keeping: str) -> Row:
        """The dataclass with all of its texts masked, those in its tuples and rows too, save the fields named."""
        changes = {
            field.name: self._any(getattr(row, field.name))
            for field in dataclasses.fields(row)  # type: ignore[arg-type]
            if field.name not in keeping
        }
        return dataclasses.replace(row, **changes)  # type: ignore[type-var]

    def _any(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, tuple):
            return tuple(self._any(item) for item in value)
        return self.row(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else value


def of(snapshot: Snapshot) -> Mask:
    """The mask for what a snapshot knows of people and assets."""
    words = {*_parts(people(snapshot)), *_assets(snapshot)}
    known = "|".join(rf"(?<!\w){re.escape(word)}(?!\w)" for word in sorted(words, key=lambda word: (-len(word), word)))
    return Mask(re.compile("|".join((*([known] if known else []), *ADDRESSES))))


def people(snapshot: Snapshot) -> set[str]:
    """Everybody whom the rows name."""
    return {name for name in _named(snapshot) if len(name) >= SHORTEST_NAME}


def _named(snapshot: Snapshot) -> Iterator[str]:
    yield snapshot.identity.prepared_by
    yield from (control.owner for control in snapshot.controls)
    yield from (exhibit.collected_by for exhibit in snapshot.exhibits)
    for carried in (*snapshot.acceptances, *snapshot.deferrals):
        yield from (carried.requested_by, *carried.decided_by.split(" for "))
    for finding in snapshot.findings:
        yield from (finding.owner, finding.assignee, finding.finder)
        yield from (task.assignee for task in finding.tasks)
        yield from (event.actor for event in finding.history)
        for request in finding.requests:
            yield request.requested_by
            for decision in request.decisions:
                yield from (decision.person, decision.on_behalf_of)


def _parts(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        yield name
        yield from (part for part in name.split() if len(part) >= SHORTEST_NAME and part[:1].isupper())


def _assets(snapshot: Snapshot) -> Iterator[str]:
    for finding in snapshot.findings:
        for text in (finding.asset, *re.split(r"[,;]", finding.asset)):
            if len(text.strip()) >= SHORTEST_ASSET:
                yield text.strip()
