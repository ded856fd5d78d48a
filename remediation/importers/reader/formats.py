"""The contract that every format keeps, and how the right one is found: by content, with a refusal that names what it is."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

from .json_stream import Outline
from .records import Record
from .refusals import NotReadable
from .source import Source

CLOSE = 10
"""Two formats whose scores are nearer than this are ambiguous."""

_NOT_FORMATS = {"sandbox", "services", "template", "matching", "writing", "jobs"}


@dataclass(frozen=True, slots=True)
class Sample:
    """What detection looks at."""

    name: str
    head: bytes
    outline: Outline | None = None
    header: tuple[str, ...] = ()
    """Column names of a table, normalised."""
    columns: tuple[str, ...] = ()
    """The same as they stand there."""
    kind: str = ""
    """`json`, `csv` or `xlsx`."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the person chose: column → field, and the order of dates."""

    mapping: Mapping[str, str] = field(default_factory=dict)
    date_order: str = ""


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of file: its name, how sure it is of a sample (0 to 100), and its reader."""

    name: str
    title: str
    kinds: tuple[str, ...]
    sniff: Callable[[Sample], int]
    read: Callable[[Source, Options], Iterator[Record]]
    fields: tuple[str, ...] = ()
    """For tables: the fields that a column may be mapped to."""


@cache
def all_formats() -> dict[str, Format]:
    """Every module beside this package that defines FORMAT."""
    package = importlib.import_module("remediation.importers")
    found = {}
    for module in pkgutil.iter_modules(package.__path__):
        if not module.ispkg and module.name not in _NOT_FORMATS:
            each = importlib.import_module(f"remediation.importers.{module.name}").FORMAT
            found[each.name] = each
    return found


def chosen(source: Source, sample: Sample, name: str | None) -> Format:
    """The format asked for, or the one that the content shows."""
    formats = all_formats()
    if name:
        if name not in formats:
            raise NotReadable(f"“{name}” is no format. Known: {', '.join(sorted(formats))}.", code="format_unknown")
        if sample.kind not in formats[name].kinds:
            raise NotReadable(
                f"{formats[name].title} is read from {' or '.join(kind.upper() for kind in formats[name].kinds)}; "
                f"this file is {sample.kind.upper() or 'neither'}.",
                code="format_mismatch",
            )
        return formats[name]
    scores = sorted(
        ((each.sniff(sample), each.name) for each in formats.values() if sample.kind in each.kinds), reverse=True
    )
    scores = [(score, each) for score, each in scores if score > 0]
    if not scores:
        raise unknown(sample)
    if len(scores) > 1 and scores[0][0] - scores[1][0] < CLOSE:
        close = [each for score, each in scores if scores[0][0] - score < CLOSE]
        raise NotReadable(
            f"The file could be {' or '.join(close)}. Say which with the format choice (--format on the command line).",
            code="format_ambiguous",
        )
    return formats[scores[0][1]]


def unknown(sample: Sample) -> NotReadable:
    from_columns = ""
    if any(sample.columns):
        from_columns = f" Its columns are: {', '.join(name for name in sample.columns[:12] if name)}{'…' if len(sample.columns) > 12 else ''}."
    elif sample.outline and sample.outline.paths:
        keys = [path for path in sample.outline.paths if path and path.count(".") <= 1][:10]
        from_columns = f" Its fields are: {', '.join(keys)}." if keys else ""
    return NotReadable(
        f"No importer knows this file.{from_columns} Clearhold reads: {', '.join(each.title for each in all_formats().values())}. "
        "For a table of your own, choose the generic format and map its columns.",
        code="format_not_recognised",
    )
