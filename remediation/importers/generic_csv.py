"""A table of findings of one's own as CSV: columns by known names or by the person's mapping."""

from collections.abc import Iterator

from .reader import columns, rows
from .reader.formats import Format, Options, Sample
from .reader.records import Record, Scanned
from .reader.source import Source

RULES = rows.Rules(tool="Imported table")


def sniff(sample: Sample) -> int:
    """A title and a severity are the least that makes a table a list of findings."""
    fields = {columns.meant(name) for name in sample.header}
    return 50 if {"title", "severity"} <= fields else 0


def read(source: Source, options: Options) -> Iterator[Record]:
    yield Scanned(RULES.tool)
    yield from rows.from_table(source, options, RULES, (("title", "condition", "description"),))


FORMAT = Format(
    name="generic_csv", title="generic CSV", kinds=("csv",), sniff=sniff, read=read, fields=tuple(columns.FIELDS)
)
