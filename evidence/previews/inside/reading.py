"""Read the beginning of a document as rows and text for a page, cut to what a page can show. Nothing is computed."""

import csv
import io
import json
from typing import Any, BinaryIO

from evidence.limited.readers import mail, plain, sheets, words

READ_BYTES = 256 * 1024
MAIL_BYTES = 32 * 1024 * 1024
MAX_LINES = 200
MAX_ROWS = 60
MAX_SHEET_ROWS = 200
MAX_COLUMNS = 40
MAX_CELL = 300
MAX_LINE = 2000
MAX_ATTACHED = 100


def main(file: BinaryIO, size: int, *, kind: str, sheet: int) -> tuple[dict[str, Any], bytes]:
    """Facts in the shape of evidence.previews.texts.Shown."""
    return {"table": _table, "sheet": _sheet, "mail": _mail, "document": _document}.get(kind, _text)(
        file, size, kind, sheet
    ), b""


def _text(file: BinaryIO, size: int, kind: str, sheet: int) -> dict[str, Any]:
    text, is_whole = _beginning(file, size)
    if kind == "json" and is_whole:
        text = _indented(text)
    return _lines(kind, text.splitlines(), is_whole=is_whole)


def _beginning(file: BinaryIO, size: int) -> tuple[str, bool]:
    file.seek(0)
    is_whole = size <= READ_BYTES
    return plain.decoded(file.read(READ_BYTES), is_whole=is_whole), is_whole


def _lines(kind: str, lines: list[str], *, is_whole: bool) -> dict[str, Any]:
    cut = "\n".join(line if len(line) <= MAX_LINE else line[:MAX_LINE] + "…" for line in lines[:MAX_LINES])
    return {"kind": kind, "text": cut, "is_whole": is_whole and len(lines) <= MAX_LINES}


def _table(file: BinaryIO, size: int, kind: str, sheet: int) -> dict[str, Any]:
    text, is_whole = _beginning(file, size)
    csv.field_size_limit(READ_BYTES)
    rows: list[list[str]] = []
    widest = 0
    try:
        for row in csv.reader(io.StringIO(text), delimiter=plain.delimiter_of(text[:4096])):
            widest = max(widest, len(row))
            rows.append(row)
            if len(rows) > MAX_ROWS:
                break
    except csv.Error:
        return {"kind": "text", "text": text[:MAX_LINE], "is_whole": False}
    if not rows:
        return {"kind": "text", "is_whole": is_whole}
    return _rows(kind, rows[:MAX_ROWS], widest) | {"is_whole": is_whole and len(rows) <= MAX_ROWS}


def _rows(kind: str, rows: list[list[str]], widest: int) -> dict[str, Any]:
    cut = [[_cell(cell) for cell in row[:MAX_COLUMNS]] for row in rows]
    return {"kind": kind, "head": cut[0], "rows": cut[1:], "columns_left_out": max(0, widest - MAX_COLUMNS)}


def _cell(text: str) -> str:
    text = plain.cleaned(text)
    return text if len(text) <= MAX_CELL else text[:MAX_CELL] + "…"


def _indented(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def _sheet(file: BinaryIO, size: int, kind: str, sheet: int) -> dict[str, Any]:
    book = sheets.book(file)
    names = [{"name": plain.cleaned(each.name), "is_hidden": each.is_hidden} for each in book.sheets]
    if not book.sheets:
        return {"kind": "text", "is_whole": True, "problem": "The workbook holds no sheet that can be shown."}
    at = min(max(sheet, 1), len(book.sheets))
    chosen = book.sheets[at - 1]
    rows: list[list[str]] = []
    widest, is_whole = 0, True
    for number, cells in sheets.rows(book, chosen, formulas=True):
        if len(rows) >= MAX_SHEET_ROWS:
            is_whole = False
            break
        widest = max(widest, len(cells))
        rows.append([str(number), *cells])
    width = min(widest, MAX_COLUMNS)
    shown = [[*row[: width + 1], *[""] * (width + 1 - len(row))] for row in rows]
    letters = ["", *(_letter(column) for column in range(width))]
    found = _rows(kind, [letters, *shown], widest + 1) if rows else {"kind": kind, "head": [], "rows": []}
    return found | {
        "columns_left_out": max(0, widest - MAX_COLUMNS),
        "is_whole": is_whole,
        "sheets": names,
        "sheet": at,
        "row_count": len(rows) if is_whole else max(sheets.size(book, chosen), len(rows)),
    }


def _letter(column: int) -> str:
    return (chr(64 + column // 26) if column >= 26 else "") + chr(65 + column % 26)


def _mail(file: BinaryIO, size: int, kind: str, sheet: int) -> dict[str, Any]:
    file.seek(0)
    message = mail.read(file.read(MAIL_BYTES))
    found = _lines(kind, plain.cleaned(message.body).splitlines(), is_whole=size <= MAIL_BYTES)
    return found | {
        "headers": [[name, plain.cleaned(value)[:1000]] for name, value in message.headers],
        "attached": [[plain.cleaned(name)[:200], mime[:100], len(data)] for name, mime, data in message.attached][
            :MAX_ATTACHED
        ],
    }


def _document(file: BinaryIO, size: int, kind: str, sheet: int) -> dict[str, Any]:
    lines = []
    for line in words.lines(file):
        lines.append(plain.cleaned(line))
        if len(lines) > MAX_LINES:
            break
    return _lines(kind, lines, is_whole=True)
