"""XLSX as a stream of rows: the zip is measured first, macros and passwords are refused, hidden sheets are not read."""

import datetime as dt
import io
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import ParseError  # the error alone; defusedxml reads # nosec B405

import openpyxl
from defusedxml.common import DefusedXmlException
from openpyxl.utils.exceptions import InvalidFileException

from . import columns, limits
from .bounds import bounded
from .refusals import NotReadable, Oversized
from .source import Source

_HEADER_WITHIN = 25
_SHEETS = 20
_BROKEN = (
    zipfile.BadZipFile,
    InvalidFileException,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    IndexError,
    EOFError,
    ParseError,
    RuntimeError,
    NotImplementedError,
    SyntaxError,
    OSError,
)


class Workbook:
    """The sheet with the findings: the first visible one that has a row of known column names, else the first visible."""

    def __init__(self, source: Source) -> None:
        measured(source)
        with _explained():
            warnings.simplefilter("ignore")
            self._book = openpyxl.load_workbook(source.handle, read_only=True, data_only=True, keep_links=False)
            visible = [sheet for sheet in self._book.worksheets if sheet.sheet_state == "visible"]
        if not visible:
            raise NotReadable(
                "The workbook has no visible sheet. Unhide the one with the findings.", code="no_visible_sheet"
            )
        self.visible = visible
        self.sheet, self.header, self.header_row = visible[0], [], 0
        best = -1
        for sheet in visible[:_SHEETS]:
            number, names = _header(sheet)
            known = sum(1 for name in names if columns.meant(name))
            if known > best:
                best, self.sheet, self.header, self.header_row = known, sheet, names, number
        if not self.header:
            raise NotReadable("The workbook's sheets are empty: there is no row with column names.", code="table_empty")

    def rows(self) -> Iterator[tuple[int, list[Any]]]:
        for number, row in _rows(self.sheet):
            if number > self.header_row:
                yield number, row


@dataclass(frozen=True, slots=True)
class Page:
    """A visible sheet whose header is known, and its rows by the numbers that the program shows."""

    title: str
    header: list[str]
    rows: Iterator[tuple[int, list[Any]]]


def pages(source: Source, is_header: Callable[[list[str]], bool]) -> Iterator[Page]:
    """Every visible sheet that has such a header in its first rows, in their order."""
    source.handle.seek(0)
    book = Workbook(source)
    for sheet in book.visible[:_SHEETS]:
        for number, row in _rows(sheet):
            names = _names(row)
            if is_header(names):
                yield Page(sheet.title, names, bounded(_below(sheet, number)))
                break
            if number >= _HEADER_WITHIN:
                break


def _below(sheet: Any, header_row: int) -> Iterator[tuple[int, list[Any]]]:
    return ((number, row) for number, row in _rows(sheet) if number > header_row)


def _names(row: list[Any]) -> list[str]:
    names = [str(cell).strip()[:100] if cell is not None else "" for cell in row]
    while names and not names[-1]:
        names.pop()
    return names


def opened(source: Source) -> Workbook:
    source.handle.seek(0)
    return Workbook(source)


def measured(source: Source) -> None:
    """Refuse what is no workbook, is locked, or would unpack to more than the limits; reads the directory only."""
    try:
        archive = zipfile.ZipFile(source.handle)
        entries = archive.infolist()
    except (*_BROKEN, UnicodeDecodeError) as error:
        raise NotReadable(
            f"The file starts like a zip archive but can't be opened ({_short(error)}): it is damaged or cut off.",
            code="zip_invalid",
        ) from error
    names = {entry.filename for entry in entries}
    if len(entries) > limits.ZIP_ENTRIES:
        raise Oversized(f"The archive has {len(entries):,} entries; a workbook has a few dozen.", code="zip_entries")
    if any(entry.flag_bits & 1 for entry in entries):
        raise NotReadable("The archive is encrypted. Save it without a password and import that.", code="zip_encrypted")
    if "xl/workbook.xml" not in names:
        what = (
            "a Word document"
            if any(name.startswith("word/") for name in names)
            else "a PowerPoint presentation"
            if any(name.startswith("ppt/") for name in names)
            else "a zip archive"
        )
        raise NotReadable(
            f"This is {what}, not a workbook. Unpack or export it and import the report itself.",
            code="zip_not_a_workbook",
        )
    total = 0
    for entry in entries:
        total += entry.file_size
        ratio = entry.file_size / max(entry.compress_size, 1)
        if entry.file_size > limits.ZIP_RATIO_FROM_BYTES and ratio > limits.ZIP_RATIO:
            raise Oversized(
                f"Part “{entry.filename[:80]}” of the workbook would unpack to {ratio:,.0f} times its size: refused as a zip bomb.",
                code="zip_bomb",
            )
    if total > limits.ZIP_TOTAL_BYTES:
        raise Oversized(
            f"The workbook would unpack to {total / limits.MB:,.0f} MB; up to {limits.ZIP_TOTAL_BYTES // limits.MB} MB are read.",
            code="zip_total",
        )
    if any(name.lower().endswith("vbaproject.bin") for name in names):
        raise NotReadable(
            "The workbook holds macros. Save it as .xlsx without macros and import that.", code="workbook_macros"
        )
    if len({name.lower() for name in names}) != len(entries):
        raise NotReadable(
            "The archive names a part twice: it was not written by a spreadsheet program.", code="zip_duplicate"
        )


def _header(sheet: Any) -> tuple[int, list[str]]:
    first: tuple[int, list[str]] = (0, [])
    for number, row in _rows(sheet):
        names = _names(row)
        if sum(1 for name in names if columns.meant(name)) >= 2:
            return number, names
        if names and not first[1]:
            first = (number, names)
        if number >= _HEADER_WITHIN:
            break
    return first


def _rows(sheet: Any) -> Iterator[tuple[int, list[Any]]]:
    with _explained():
        # A sheet may lie about its size; then its rows would be padded to it.
        sheet.reset_dimensions()
        for number, row in enumerate(sheet.iter_rows(values_only=True), 1):
            if len(row) > limits.COLUMNS and any(cell is not None for cell in row[limits.COLUMNS :]):
                raise Oversized(
                    f"Row {number:,} has more than {limits.COLUMNS} columns.", code="too_many_columns", row=number
                )
            yield number, [_plain(cell) for cell in row[: limits.COLUMNS]]


def _plain(cell: Any) -> Any:
    if isinstance(cell, dt.datetime) and cell.time() == dt.time():
        return cell.date()
    if isinstance(cell, str) and len(cell) > limits.CELL_CHARS:
        raise Oversized(
            f"A cell has {len(cell):,} characters; up to {limits.CELL_CHARS:,} are read.", code="cell_too_long"
        )
    return cell


class _explained:
    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, DefusedXmlException):
            raise NotReadable(
                "The workbook declares XML entities, which no spreadsheet program writes: refused as an attack.",
                code="xml_entities",
            ) from error
        if isinstance(error, _BROKEN) and not isinstance(error, MemoryError):
            raise NotReadable(
                f"The workbook is damaged ({_short(error)}). Open it, save it again, and import that.",
                code="xlsx_invalid",
            ) from error


def _short(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".replace("\n", " ")[:120]


def bytes_of(book: openpyxl.Workbook) -> bytes:
    """The workbook as a file, for templates."""
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
