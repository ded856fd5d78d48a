"""What a reader hands over for each row: a reading, an ignored row with its reason, or a row in error."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from operator import attrgetter
from typing import Any

from . import limits
from .text import clean, clean_line


@dataclass(frozen=True, slots=True)
class Reading:
    """One result of the file that counts as a finding."""

    row: int
    fingerprint: str
    title: str
    severity: str
    tool: str
    rule_id: str = ""
    location: str = ""
    asset: str = ""
    scope: str = ""
    description: str = ""
    original_severity: str = ""
    severity_note: str = ""
    tool_fingerprint: str = ""
    detected_at: str = ""
    """ISO date, or ISO time; without an offset it is meant in the organization's zone."""
    cvss_vector: str = ""
    kev: bool = False
    audit_rating: str = ""
    references: tuple[str, ...] = ()
    criteria: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()
    cause: str = ""
    source: str = "scanner"
    first_severity: str = ""
    """The severity before it was adjusted, where the file knows both."""
    due_on: str = ""
    """The date that the file promises, and the one that took its place; "" leaves both to the policy."""
    current_due_on: str = ""
    state: str = ""
    state_note: str = ""
    milestones: tuple[str, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ignored:
    """A row that is no finding, with the reason that the person sees."""

    row: int
    reason: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class RowError:
    """A row that should be a finding and can't be read; one of them refuses the file."""

    row: int
    message: str


@dataclass(frozen=True, slots=True)
class Scanned:
    """The file reports on this tool and scope, whether or not it found anything there."""

    tool: str
    scope: str = ""
    at: str = ""


Record = Reading | Ignored | RowError | Scanned

_values = attrgetter(*(each.name for each in fields(Reading)))
_TUPLES = tuple(
    index
    for index, each in enumerate(fields(Reading))
    if each.name in ("references", "criteria", "controls", "milestones")
)


def packed(record: Record) -> list[Any]:
    """The record as JSON can carry it between the two processes."""
    match record:
        case Reading():
            return ["r", *_values(record)]
        case Ignored(row, reason, title):
            return ["i", row, reason, title]
        case RowError(row, message):
            return ["e", row, message]
        case Scanned(tool, scope, at):
            return ["s", tool, scope, at]


def unpacked(values: list[Any]) -> Record:
    kind, *rest = values
    if kind == "r":
        for index in _TUPLES:
            rest[index] = tuple(rest[index])
        return Reading(*rest)
    if kind == "i":
        return Ignored(*rest)
    return RowError(*rest) if kind == "e" else Scanned(*rest)


@lru_cache(1_000)
def _key(text: str) -> str:
    return clean_line(text, 80)


def small(raw: Mapping[str, Any]) -> dict[str, Any]:
    """A few facts of the source row, each cut to size; empty ones are left out."""
    kept: dict[str, Any] = {}
    for key, value in raw.items():
        if value is None or value == "" or value == [] or len(kept) >= limits.RAW_KEYS:
            continue
        if isinstance(value, (bool, int)):
            kept[_key(key)] = value
        elif isinstance(value, (list, tuple)):
            kept[_key(key)] = [clean_line(each, 200) for each in value[:20]]
        else:
            kept[_key(key)] = clean(value, limits.RAW_VALUE_CHARS)
    return kept


def names(values: Iterable[Any] | str | None, limit: int = 20) -> tuple[str, ...]:
    """Distinct non-empty strings in their order."""
    if values is None:
        return ()
    if isinstance(values, str):
        values = [values]
    seen: dict[str, None] = {}
    for value in values:
        word = clean_line(value, limits.NAME_CHARS)
        if word:
            seen[word] = None
        if len(seen) >= limit:
            break
    return tuple(seen)
