"""Findings of one's own as JSON: a list of objects, JSON Lines, or an object with such a list; keys like columns."""

from collections.abc import Iterator, Mapping
from typing import Any

from .reader import columns, rows
from .reader.formats import Format, Options, Sample
from .reader.json_stream import items, kind_of, outline
from .reader.records import Record, RowError, Scanned
from .reader.source import Source

LISTS = ("findings", "exceptions", "results", "issues", "items", "rows")
_RULES = rows.Rules(tool="Imported list")


def keys_at(sample: Sample, prefix: str) -> set[str]:
    """The fields that the keys at a prefix mean."""
    if sample.outline is None:
        return set()
    dot = f"{prefix}." if prefix else ""
    return {
        columns.meant(path[len(dot) :])
        for path in sample.outline.paths
        if path.startswith(dot) and "." not in path[len(dot) :]
    }


def _prefix(sample: Sample) -> str | None:
    for prefix in ("item", *(f"{name}.item" for name in LISTS), ""):
        if {"title", "severity"} <= keys_at(sample, prefix):
            return prefix
    return None


def _sniff(sample: Sample) -> int:
    if sample.head.strip() == b"[]":
        return 30
    return 50 if _prefix(sample) is not None else 0


def _read(source: Source, options: Options) -> Iterator[Record]:
    yield Scanned(_RULES.tool)
    report = rows.Rows(_RULES, options.date_order)
    chosen = {columns.plain(name): field for name, field in options.mapping.items()}
    number = 0
    for number, each in enumerate(_objects(source), 1):
        if isinstance(each, dict):
            yield report.record(number, fields_of(each, chosen))
        else:
            yield RowError(number, f"Row {number} is {kind_of(each)}, where an object with title and severity belongs.")


def _objects(source: Source) -> Iterator[Any]:
    if source.head.lstrip()[:1] == b"[":
        yield from items(source, "item")
        return
    look = outline(source.head)
    inner = next(
        (
            name
            for name in LISTS
            if look.has(f"{name}.item") or (look.has(name) and look.documents == 1 and look.paths.get(name) is None)
        ),
        None,
    )
    if inner and not look.has("title"):
        yield from items(source, f"{inner}.item")
    else:
        yield from items(source, "")


def fields_of(row: Mapping[str, Any], mapping: Mapping[str, str]) -> dict[str, Any]:
    """Field → value: the person's mapping first, then the known names."""
    found: dict[str, Any] = {}
    for key, value in row.items():
        field = mapping.get(columns.plain(key)) or columns.meant(key)
        if field and value not in (None, "", []) and not isinstance(value, dict):
            found.setdefault(field, value)
    return found


FORMAT = Format(
    name="generic_json", title="generic JSON", kinds=("json",), sniff=_sniff, read=_read, fields=tuple(columns.FIELDS)
)
