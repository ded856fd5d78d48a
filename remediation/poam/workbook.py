"""Workbooks written row by row: typed cells, filters, a frozen header, and the same bytes for the same rows.

No cell is a formula, and nothing of the machine or its clock goes in.
"""

import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import IO, Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.packaging.core import DocumentProperties
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.writer.excel import ExcelWriter

from remediation.poam import cells

_HEADER = PatternFill("solid", start_color="FF1F2937", end_color="FF1F2937")
_LIFTED = Font(bold=True, color="FFFFFFFF")
_TOP = Alignment(vertical="top", wrap_text=True)
_FORMATS = {date: "yyyy-mm-dd", datetime: "yyyy-mm-dd hh:mm:ss"}
#: Zip knows no time before 1980, and none of its own is needed: the workbook's dates stand in its properties.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Column:
    """A heading and its width in characters."""

    name: str
    width: int = 16


@dataclass(frozen=True, slots=True)
class Sheet:
    title: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class About:
    """What the file says about itself, beside its cells."""

    title: str
    subject: str
    creator: str
    at: datetime


def write(target: IO[bytes], about: About, sheets: Iterable[Sheet]) -> None:
    """Write the workbook. Rows are taken one at a time; none is kept."""
    book = Workbook(write_only=True)
    for sheet in sheets:
        _write_sheet(book, sheet)
    book.properties = _properties(about)
    with tempfile.TemporaryFile() as draft:
        # Workbook.save would put the present moment into the properties.
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            ExcelWriter(book, archive).write_data()
        draft.seek(0)
        _packed(draft, target, about)


def _packed(draft: IO[bytes], target: IO[bytes], about: About) -> None:
    with zipfile.ZipFile(draft) as found, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as kept:
        # The kind of file is told by its first entry, and some readers look no further.
        for name in sorted(found.namelist(), key=lambda each: (each != "[Content_Types].xml", each)):
            entry = zipfile.ZipInfo(name, _NO_TIME)
            entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, 0o600 << 16
            with found.open(name) as source, kept.open(entry, "w", force_zip64=False) as sink:
                while piece := source.read(1 << 20):
                    sink.write(piece)


def _write_sheet(book: Any, sheet: Sheet) -> None:
    page = book.create_sheet(sheet.title)
    page.freeze_panes = "B2"
    for place, column in enumerate(sheet.columns, 1):
        page.column_dimensions[get_column_letter(place)].width = column.width
    page.append(list(_heads(page, sheet.columns)))
    number = 1
    made = _Cells(page)
    for row in sheet.rows:
        page.append([made.cell(value) for value in row])
        number += 1
    # A filter over the header alone is none to Excel, but it opens.
    page.auto_filter.ref = f"A1:{get_column_letter(len(sheet.columns))}{number}"
    page.sheet_view.zoomScale = 100
    page.page_setup.orientation = "landscape"
    page.page_setup.fitToHeight = 0
    page.sheet_properties.pageSetUpPr.fitToPage = True
    page.print_title_rows = "1:1"


def _heads(page: Any, columns: Sequence[Column]) -> Iterator[Any]:
    for column in columns:
        cell = WriteOnlyCell(page, column.name)
        cell.font, cell.fill, cell.alignment = _LIFTED, _HEADER, _TOP
        yield cell


class _Cells:
    """Makes a sheet's cells; each look is reckoned once, since reckoning it costs more than writing the cell."""

    def __init__(self, page: Any) -> None:
        self._page = page
        self._looks = {kind: self._look(form) for kind, form in ((str, "General"), (int, "General"), *_FORMATS.items())}

    def _look(self, number_format: str) -> Any:
        cell = WriteOnlyCell(self._page)
        cell.alignment, cell.number_format = _TOP, number_format
        return cell._style

    def cell(self, value: Any) -> Any:
        if value is None or value == "":
            return None
        cell = WriteOnlyCell(self._page)
        cell._style = self._looks[type(value)]
        # Set past the library, which takes a text that begins with "=" for a formula.
        if isinstance(value, str):
            cell._value, cell.data_type = cells.stored(cells.shown(value)), "s"
        elif isinstance(value, datetime):
            cell._value, cell.data_type = value.astimezone(UTC).replace(tzinfo=None), "d"
        else:
            cell._value, cell.data_type = value, "d" if isinstance(value, date) else "n"
        return cell


def _properties(about: About) -> DocumentProperties:
    moment = about.at.astimezone(UTC).replace(tzinfo=None, microsecond=0)
    return DocumentProperties(
        title=cells.shown(about.title)[:250],
        subject=cells.shown(about.subject)[:250],
        creator=cells.shown(about.creator)[:250],
        created=moment,
        modified=moment,
    )
