"""Tables: CSV and workbooks, values as they are stored, with a limit of rows that is said; nothing is computed."""

import csv
import io
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError
from django.utils.translation import gettext, ngettext

from evidence.limited.readers import plain
from evidence.limited.readers import sheets as workbooks
from portal.packages import wording
from portal.packages.exhibits import sheets, texts
from portal.packages.exhibits.pieces import Copy, Desk, NotLaidOut, Piece

MOST_ROWS, MOST_CELLS, MOST_COLUMNS = 1_000, 8_000, 60
CELL_CHARACTERS = 400
#: So many columns stand beside each other on upright paper, and on paper laid across; more follow beneath.
UPRIGHT, ACROSS = 6, 11
#: Rows of one table of the page: what is laid out as one grows slow with its length.
TOGETHER = 250
UNPACKED_BYTES = 300 << 20
SAMPLE_BYTES = 1 << 16
LINE_CHARACTERS = 1 << 20

Row = tuple[int, list[str]]


@dataclass
class Taken:
    """The rows that are shown, how many there are, how many columns are shown, and how many the widest row has."""

    rows: list[Row]
    total: int
    columns: int
    widest: int = 0


def copy(piece: Piece, desk: Desk) -> Copy:
    if not piece.size:
        raise NotLaidOut(gettext("It is an empty file: it has no bytes to show."))
    try:
        taken = take(_csv(desk.source(piece)), MOST_CELLS)
    except csv.Error:
        return texts.copy(piece, desk)
    data = {
        "head": sheets.heading(piece, _told(taken)),
        "tables": list(_tables(taken)),
        "wide": taken.columns > UPRIGHT,
    }
    sheets.lay_out("table", data, desk.target(piece), desk.paper)
    return Copy()


def copy_workbook(piece: Piece, desk: Desk) -> Copy:
    return copied(desk.source(piece), piece, desk)


def copied(source: Path, piece: Piece, desk: Desk) -> Copy:
    """The sheets of a workbook that lies in `source`, as pages of the exhibit."""
    with source.open("rb") as file:
        try:
            _refuse_bomb(file)
            book = workbooks.book(file)
            found = list(_sheets(book))
        except (
            zipfile.BadZipFile,
            KeyError,
            ParseError,
            DefusedXmlException,
            ValueError,
            EOFError,
            zlib.error,
        ) as fault:
            raise NotLaidOut(
                gettext("It is no workbook that can be read (%(cause)s).") % {"cause": type(fault).__name__}
            ) from None
    if not found:
        raise NotLaidOut(gettext("It is a workbook without sheets."))
    wide = any(taken.columns > UPRIGHT for _, taken in found)
    words = ngettext("%(number)s sheet, values as stored", "%(number)s sheets, values as stored", len(found))
    told = words % {"number": len(found)}
    shown = [{"title": title, "told": _told(taken), "tables": list(_tables(taken))} for title, taken in found]
    data = {"head": sheets.heading(piece, told), "sheets": shown, "wide": wide}
    sheets.lay_out("workbook", data, desk.target(piece), desk.paper)
    hidden = sum(sheet.is_hidden for sheet in book.sheets)
    return Copy([gettext("Hidden sheets are shown too: %(number)s.") % {"number": hidden}] if hidden else [])


def take(rows: Iterable[Row], cells: int) -> Taken:
    """As many rows as there is room for; the others are counted."""
    taken = Taken([], 0, 0)
    for number, row in rows:
        taken.total += 1
        taken.widest = max(taken.widest, len(row))
        kept = row[:MOST_COLUMNS]
        if len(taken.rows) < MOST_ROWS and cells > 0:
            taken.rows.append((number, sheets.cut(map(plain.cleaned, kept), CELL_CHARACTERS)))
            cells -= len(kept) + 1
            taken.columns = max(taken.columns, len(kept))
    return taken


def _csv(source: Path) -> Iterator[Row]:
    csv.field_size_limit(1 << 20)
    with source.open("rb") as file:
        sample = file.read(SAMPLE_BYTES)
    encoding = next((name for mark, name in plain.MARKS if sample.startswith(mark)), "")
    encoding = encoding or ("utf-8" if _is_utf8(sample) else "latin-1")
    mark = plain.delimiter_of(sample.decode(encoding, "replace").partition("\n")[0])
    with io.TextIOWrapper(source.open("rb"), encoding, errors="replace", newline="") as text:
        yield from enumerate(csv.reader(_lines(text), delimiter=mark), 1)


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    """Raises csv.Error for a line that is none of a table, before it fills the memory."""
    while line := text.readline(LINE_CHARACTERS):
        if len(line) == LINE_CHARACTERS:
            raise csv.Error("a line without end")
        yield line


def _is_utf8(sample: bytes) -> bool:
    try:
        sample.decode()
    except UnicodeDecodeError as error:
        return error.start > len(sample) - 4
    return True


def _refuse_bomb(file: io.BufferedReader) -> None:
    with zipfile.ZipFile(file) as archive:
        unpacked = sum(each.file_size for each in archive.infolist())
        if any(each.flag_bits & 1 for each in archive.infolist()):
            raise NotLaidOut(gettext("It is locked with a password, which the portal does not have."))
    if unpacked > UNPACKED_BYTES:
        raise NotLaidOut(
            gettext("It would unpack to %(number)s MB, more than is read of a workbook.")
            % {"number": wording.figures(round(unpacked / 1e6))}
        )


def _sheets(book: workbooks.Book) -> Iterator[tuple[str, Taken]]:
    left = MOST_CELLS
    for sheet in book.sheets:
        taken = take(workbooks.rows(book, sheet), left)
        left -= sum(len(row) + 1 for _, row in taken.rows)
        name = sheet.name or gettext("Sheet")
        yield gettext("%(sheet)s (hidden)") % {"sheet": name} if sheet.is_hidden else name, taken


def _told(taken: Taken) -> str:
    # Translators: the rows that are shown, and how many columns there are: “Rows 1 to 40 of 90, 7 columns”.
    words = ngettext("%(rows)s, %(columns)s column", "%(rows)s, %(columns)s columns", taken.columns)
    if taken.columns < taken.widest:
        # Translators: the rows that are shown, and the columns: “Rows 1 to 40 of 90, columns 1 to 60 of 16,384”.
        words = gettext("%(rows)s, columns 1 to %(columns)s of %(all)s")
    shown = {"rows": sheets.rows(len(taken.rows), taken.total), "columns": taken.columns}
    return words % {**shown, "all": wording.figures(taken.widest)}


def _tables(taken: Taken) -> Iterator[dict[str, object]]:
    """Columns that fit beside each other, then the next; each in stretches of rows under the same head."""
    if not taken.rows:
        return
    beside = UPRIGHT if taken.columns <= UPRIGHT else ACROSS
    for first in range(0, max(taken.columns, 1), beside):
        last = min(first + beside, taken.columns)
        columns = range(first, last)
        head, *body = [(number, [_cell(row, at) for at in columns]) for number, row in taken.rows]
        rows = iter(body)
        words = gettext("Columns %(first)s to %(last)s") % {"first": first + 1, "last": last}
        part = words if taken.columns > beside else ""
        widths = _widths([head[1], *(row for _, row in body)])
        yield {"part": part, "head": head, "rows": list(islice(rows, TOGETHER)), "widths": widths}
        while some := list(islice(rows, TOGETHER)):
            yield {"part": "", "head": head, "rows": some, "widths": widths}


def _cell(row: Sequence[str], at: int) -> str:
    return row[at] if at < len(row) else ""


def _widths(rows: Sequence[Sequence[str]]) -> list[str]:
    """Shares of the width in percent, by how long the texts of a column are."""
    columns = list(zip(*rows, strict=True))
    weights = [min(40.0, max(5.0, *(float(len(text)) for text in column[:200]))) for column in columns]
    return [f"{95 * weight / sum(weights):.2f}" for weight in weights]
