"""The beginning of a text, table or JSON document, decoded and cut to what a page can show."""

import csv
import io
import json
from dataclasses import dataclass

from evidence.previews import Kind
from evidence.vault import services as vault
from evidence.vault.models import Blob

READ_BYTES = 256 * 1024
MAX_LINES = 200
MAX_ROWS = 60
MAX_COLUMNS = 40
MAX_CELL = 300
MAX_LINE = 2000


@dataclass(frozen=True)
class Shown:
    """What a page shows. `is_whole` is false when the file goes on."""

    kind: Kind
    text: str = ""
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    columns_left_out: int = 0
    is_whole: bool = True


def shown(blob: Blob, kind: Kind) -> Shown:
    """The beginning of the file as text. Reads no more than 256 KB of it."""
    data = b"".join(vault.open(blob, 0, READ_BYTES))
    is_whole = blob.size <= READ_BYTES
    text = decoded(data, is_whole=is_whole)
    if kind is Kind.TABLE:
        return _table(text, is_whole=is_whole)
    if kind is Kind.JSON and is_whole:
        text = _indented(text)
    lines = text.splitlines()
    cut = "\n".join(line if len(line) <= MAX_LINE else line[:MAX_LINE] + "…" for line in lines[:MAX_LINES])
    return Shown(kind, text=cut, is_whole=is_whole and len(lines) <= MAX_LINES)


def decoded(data: bytes, *, is_whole: bool = True) -> str:
    """Text in whatever encoding it came: by its mark, else UTF-8, else bytes that don't fit are replaced."""
    for mark, name in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return _clean(data.decode(name, "replace"))
    try:
        return _clean(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        if not is_whole and error.start > len(data) - 4:
            return _clean(data[: error.start].decode("utf-8"))
    return _clean(data.decode("latin-1"))


def _clean(text: str) -> str:
    # Control characters would be shown as nothing at all, or turn the line around.
    return "".join(
        c if c in "\n\t" or (c.isprintable() or c == "\u00a0") else "\ufffd" for c in text.replace("\r\n", "\n")
    )


def _table(text: str, *, is_whole: bool) -> Shown:
    sample = text[:4096]
    delimiter = max(",;\t|", key=sample.count) if any(mark in sample for mark in ",;\t|") else ","
    rows: list[tuple[str, ...]] = []
    widest = 0
    previous = csv.field_size_limit(READ_BYTES)
    try:
        for row in csv.reader(io.StringIO(text), delimiter=delimiter):
            widest = max(widest, len(row))
            rows.append(tuple(_cell(cell) for cell in row[:MAX_COLUMNS]))
            if len(rows) > MAX_ROWS:
                break
    except csv.Error:
        return Shown(Kind.TEXT, text=text[:MAX_LINE], is_whole=False)
    finally:
        csv.field_size_limit(previous)
    if not rows:
        return Shown(Kind.TEXT, text="", is_whole=is_whole)
    return Shown(
        Kind.TABLE,
        head=rows[0],
        rows=tuple(rows[1:MAX_ROWS]),
        columns_left_out=max(0, widest - MAX_COLUMNS),
        is_whole=is_whole and len(rows) <= MAX_ROWS,
    )


def _cell(text: str) -> str:
    return text if len(text) <= MAX_CELL else text[:MAX_CELL] + "…"


def _indented(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
