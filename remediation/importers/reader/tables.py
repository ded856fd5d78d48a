"""Tables from CSV text and XLSX workbooks alike: a header, then numbered rows of bounded size."""

import csv
import importlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from . import columns, limits
from .bounds import bounded
from .refusals import NotReadable, Oversized
from .source import Source

_DELIMITERS = ",;\t|"
_HEADER_WITHIN = 25


@dataclass(frozen=True, slots=True)
class Table:
    header: list[str]
    rows: Iterator[tuple[int, list[Any]]]
    """Row numbers are those that a spreadsheet shows: the header is above them."""


def is_table(source: Source) -> bool:
    return source.is_zip or not (source.looks_like_json or source.is_binary)


def header(source: Source) -> list[str]:
    """The column names, for detection."""
    if source.is_zip:
        return list(_workbook(source).header)
    return _header_and_rest(_csv_rows(source))[0]


def table(source: Source) -> Table:
    if source.is_zip:
        book = _workbook(source)
        return Table(book.header, bounded(book.rows()))
    names, rest = _header_and_rest(_csv_rows(source))
    return Table(names, bounded(rest))


def _workbook(source: Source) -> Any:
    """The spreadsheet library is loaded for spreadsheets only: it is half of the child's start."""
    return importlib.import_module("remediation.importers.reader.workbooks").opened(source)


def _csv_rows(source: Source) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(limits.CELL_CHARS)
    delimiter = _delimiter(source)
    lines = source.lines()
    first = next(lines, "")
    if not first.lower().startswith("sep="):
        lines = chain([first], lines)
    quotes = _Quotes(lines)
    reader = csv.reader(quotes, delimiter=delimiter, strict=False)
    number = 0
    try:
        for number, row in enumerate(reader, 1):
            yield number, row
            quotes.next_row()
        quotes.check_closed(number)
    except csv.Error as error:
        if "field larger" in str(error):
            raise Oversized(
                f"A cell near row {number + 1} is longer than {limits.CELL_CHARS // limits.MB} MB: often a quotation mark "
                "that is never closed. Check that row, or export again.",
                code="cell_too_long",
                row=number + 1,
            ) from error
        raise NotReadable(
            f"Row {number + 1} can't be read as CSV: {error}.", code="csv_invalid", row=number + 1
        ) from error


class _Quotes:
    """Watches the quotation marks: one that is never closed would swallow the rest of the file as one cell."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._taken = self._marks = 0
        self._last = (0, 0)

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self._taken += 1
            self._marks += line.count('"')
            yield line

    def next_row(self) -> None:
        self._last = (self._taken, self._marks)
        self._taken = self._marks = 0

    def check_closed(self, row: int) -> None:
        lines, marks = self._last
        if lines > 1 and marks % 2:
            raise NotReadable(
                f"A quotation mark that opens in row {row} is never closed, so the last {lines:,} lines would become one cell. "
                "Close it, or export the file again.",
                code="quote_not_closed",
                row=row,
            )


def _delimiter(source: Source) -> str:
    """The one that splits the most known column names in the first lines; else the one that splits most."""
    text = source.head.decode("utf-8", "ignore")
    sample = text[: 64 * 1024]
    if sample.lower().startswith("sep=") and len(sample) > 4:
        return sample[4]
    best = (0, 0, ",")
    for delimiter in _DELIMITERS:
        known = width = 0
        try:
            for _, row in zip(
                range(_HEADER_WITHIN), csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter), strict=False
            ):
                known = max(known, sum(1 for cell in row if columns.meant(cell)))
                width = max(width, sum(1 for cell in row if 0 < len(cell) < 80))
        except csv.Error:
            continue
        best = max(best, (known, width, delimiter), key=lambda each: each[:2])
    return best[2]


def _header_and_rest(rows: Iterator[tuple[int, list[Any]]]) -> tuple[list[str], Iterator[tuple[int, list[Any]]]]:
    """The header is the first row with two known names, within the first rows; else the first row that isn't empty."""
    early: list[tuple[int, list[Any]]] = []
    for number, row in rows:
        early.append((number, row))
        if sum(1 for cell in row if columns.meant(cell)) >= 2:
            return _names(row), rows
        if len(early) >= _HEADER_WITHIN:
            break
    for index, (_, row) in enumerate(early):
        if any(str(cell or "").strip() for cell in row):
            return _names(row), chain(early[index + 1 :], rows)
    raise NotReadable("The table is empty: there is no row with column names.", code="table_empty")


def _names(row: list[Any]) -> list[str]:
    if len(row) > limits.COLUMNS:
        raise Oversized(
            f"The table has {len(row):,} columns; up to {limits.COLUMNS} are read.", code="too_many_columns"
        )
    names = [str(cell or "").strip()[:100] for cell in row]
    while names and not names[-1]:
        names.pop()
    return names
