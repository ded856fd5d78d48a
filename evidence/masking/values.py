"""Run as a program of its own: masks values of text, tables and workbooks, from standard input to standard output.

It imports nothing of the project, and limits itself before it parses the first byte. Standard input is a line of JSON,
the order, and then the file: names to mask would be seen by others in a command line.
Output: a line of JSON ({"counts": ..., ...} or {"error": text}), then the copy.
"""

import csv
import io
import json
import re
import resource
import sys
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from functools import partial
from typing import Any

MEMORY_BYTES = 1024**3
CPU_SECONDS = 40
SHOWN_ROWS, SHOWN_COLUMNS, SHOWN_CELL, SHOWN_TEXT = 30, 30, 200, 6000
MAX_KEYS = 200
MASK = "[masked]"

Order = dict[str, Any]
Facts = dict[str, Any]
Sheet = tuple[str, list[list[Any]]]

SHAPES = {
    "email": r"[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}",
    "ssn": r"(?<![\d-])(?!000|666|9\d\d)\d{3}([- ]?)(?!00)\d{2}\1(?!0000)\d{4}(?![\d-])",
    "phone": r"(?<!\d)(?:\+?\d{1,3}[ .-]?)?\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?!\d)",
    "id": r"(?<!\w)(?:[A-Za-z]{1,3}-?)?\d{6,10}(?!\w)",
}


class Mask:
    """Replaces what fits, counts it, and gives the same value the same number when asked to."""

    def __init__(self, order: Order) -> None:
        self.numbered = bool(order.get("numbered"))
        self.counts: dict[str, int] = {}
        self.known: dict[str, int] = {}
        # Words first, then shapes from the strictest to the loosest, each over what the ones before have left.
        self.shapes: list[tuple[str, re.Pattern[str]]] = []
        words = [re.escape(word) for word in order.get("words", []) if word.strip()]
        if words:
            longest = sorted(words, key=len, reverse=True)
            self.shapes.append(("words", re.compile(r"(?<!\w)(?:" + "|".join(longest) + r")(?!\w)", re.I)))
        wanted = order.get("patterns", [])
        self.shapes += [(name, re.compile(shape)) for name, shape in SHAPES.items() if name in wanted]

    def text(self, value: str) -> str:
        for name, shape in self.shapes:
            value = shape.sub(partial(self._found, name), value)
        return value

    def _found(self, name: str, found: re.Match[str]) -> str:
        return self.cell(found.group(), name)

    def cell(self, value: object, name: str) -> str:
        self.counts[name] = self.counts.get(name, 0) + 1
        if not self.numbered:
            return MASK
        number = self.known.setdefault(str(value).strip().casefold(), len(self.known) + 1)
        return f"[masked {number}]"

    def value(self, value: Any) -> Any:
        """A value of a table or document: text by its parts, a number as a whole."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            shown = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
            masked = self.text(shown)
            return value if masked == shown else masked
        return value


def limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Output goes through the pipe; a parser that wants to write a file can't.
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def decoded(data: bytes) -> str:
    for mark, name in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(name)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


# Tables


def table_rows(text: str) -> tuple[str, list[list[str]]]:
    sample = text[:4096]
    delimiter = max(",;\t|", key=sample.count) if any(mark in sample for mark in ",;\t|") else ","
    csv.field_size_limit(10_000_000)
    return delimiter, list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


def table_shape(data: bytes) -> Facts:
    _, rows = table_rows(decoded(data))
    return {"columns": [[str(index), name] for index, name in enumerate(rows[0] if rows else [])]}


def table_mask(data: bytes, order: Order) -> tuple[Mask, bytes, Facts]:
    text = decoded(data)
    delimiter, rows = table_rows(text)
    mask = Mask(order)
    chosen = {int(key) for key in order.get("columns", [])}
    made = [[mask.text(cell) for cell in rows[0]]] if rows else []
    made += [
        [
            mask.cell(cell, "columns") if index in chosen and cell.strip() else mask.text(cell)
            for index, cell in enumerate(row)
        ]
        for row in rows[1:]
    ]
    target = io.StringIO(newline="")
    csv.writer(target, delimiter=delimiter, lineterminator="\r\n" if "\r\n" in text else "\n").writerows(made)
    return mask, target.getvalue().encode(), {"extension": ".csv", "rows": shown_rows(made)}


def shown_rows(rows: list[list[Any]]) -> list[list[str]]:
    return [
        [str("" if cell is None else cell)[:SHOWN_CELL] for cell in row[:SHOWN_COLUMNS]] for row in rows[:SHOWN_ROWS]
    ]


# Text and JSON


def text_shape(data: bytes) -> Facts:
    return {}


def text_mask(data: bytes, order: Order) -> tuple[Mask, bytes, Facts]:
    mask = Mask(order)
    made = mask.text(decoded(data))
    return mask, made.encode(), {"extension": ".txt", "text": made[:SHOWN_TEXT]}


def json_keys(value: Any, found: dict[str, None]) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            if len(found) < MAX_KEYS:
                found.setdefault(key, None)
            json_keys(inner, found)
    elif isinstance(value, list):
        for inner in value:
            json_keys(inner, found)


def json_shape(data: bytes) -> Facts:
    found: dict[str, None] = {}
    json_keys(json.loads(decoded(data)), found)
    return {"columns": [[key, key] for key in found]}


def json_mask(data: bytes, order: Order) -> tuple[Mask, bytes, Facts]:
    mask = Mask(order)
    chosen = set(order.get("columns", []))

    def whole(value: Any) -> Any:
        if isinstance(value, dict):
            return {mask.text(key): whole(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [whole(inner) for inner in value]
        return value if value is None or value == "" else mask.cell(value, "columns")

    def walked(value: Any) -> Any:
        if isinstance(value, dict):
            return {mask.text(key): whole(inner) if key in chosen else walked(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [walked(inner) for inner in value]
        return mask.value(value)

    made = json.dumps(walked(json.loads(decoded(data))), indent=2, ensure_ascii=False)
    return mask, made.encode(), {"extension": ".json", "text": made[:SHOWN_TEXT]}


# Workbooks: read for their values, written anew as values, so no formula, comment, hidden cache or picture comes along.


def sheets_of(data: bytes) -> Iterator[tuple[str, Iterator[list[Any]]]]:
    from openpyxl import load_workbook

    book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
    for sheet in book.worksheets:
        sheet.reset_dimensions()
        yield sheet.title, (list(row) for row in sheet.iter_rows(values_only=True))


def letter(index: int) -> str:
    name = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        name = chr(65 + rest) + name
    return name


def workbook_shape(data: bytes) -> Facts:
    columns = []
    for number, (title, rows) in enumerate(sheets_of(data)):
        for index, name in enumerate(next(rows, [])):
            columns.append([f"{number}.{index}", f"{title} · {letter(index)}: {'' if name is None else name}"[:120]])
    return {"columns": columns[:MAX_KEYS]}


def workbook_mask(data: bytes, order: Order) -> tuple[Mask, bytes, Facts]:
    mask = Mask(order)
    chosen = set(order.get("columns", []))
    sheets: list[Sheet] = []
    shown: list[list[str]] = []
    for number, (title, rows) in enumerate(sheets_of(data)):
        made = []
        for at, row in enumerate(rows):
            is_head = at == 0
            made.append(
                [
                    mask.cell(cell, "columns")
                    if f"{number}.{index}" in chosen and not is_head and cell not in (None, "")
                    else mask.value(cell)
                    for index, cell in enumerate(row)
                ]
            )
        sheets.append((mask.text(title), made))
        if len(shown) < SHOWN_ROWS:
            shown += shown_rows(made)
    return mask, written(sheets), {"extension": ".xlsx", "rows": shown[:SHOWN_ROWS]}


_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_DOC = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PKG = "http://schemas.openxmlformats.org/package/2006"
_OOXML = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
# The characters that XML 1.0 can't hold.
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def escaped(text: str) -> str:
    text = _UNFIT.sub("\ufffd", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def written(sheets: list[Sheet]) -> bytes:
    """A workbook of values alone. The same values give the same bytes."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:

        def put(name: str, text: str) -> None:
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, _HEAD + text)

        count = range(1, len(sheets) + 1)
        parts = "".join(
            f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{_OOXML}.worksheet+xml"/>' for n in count
        )
        put(
            "[Content_Types].xml",
            f'<Types xmlns="{_PKG}/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            '<Default Extension="xml" ContentType="application/xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{_OOXML}.sheet.main+xml"/>{parts}</Types>',
        )
        put(
            "_rels/.rels",
            f'<Relationships xmlns="{_PKG}/relationships">'
            f'<Relationship Id="rId1" Type="{_DOC}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        named = "".join(
            f'<sheet name="{escaped(title)[:31] or "Sheet"}" sheetId="{n}" r:id="rId{n}"/>'
            for n, (title, _) in zip(count, unlike(sheets), strict=True)
        )
        put("xl/workbook.xml", f'<workbook xmlns="{_MAIN}" xmlns:r="{_DOC}"><sheets>{named}</sheets></workbook>')
        links = "".join(
            f'<Relationship Id="rId{n}" Type="{_DOC}/worksheet" Target="worksheets/sheet{n}.xml"/>' for n in count
        )
        put("xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{_PKG}/relationships">{links}</Relationships>')
        for n, (_, rows) in zip(count, sheets, strict=True):
            body = "".join(
                f"<row>{''.join(written_cell(at, index, cell) for index, cell in enumerate(row))}</row>"
                for at, row in enumerate(rows, 1)
            )
            put(f"xl/worksheets/sheet{n}.xml", f'<worksheet xmlns="{_MAIN}"><sheetData>{body}</sheetData></worksheet>')
    return target.getvalue()


def unlike(sheets: list[Sheet]) -> Iterator[Sheet]:
    """Titles that stay apart when they are masked to the same."""
    seen: set[str] = set()
    for title, rows in sheets:
        plain = re.sub(r"[\[\]:*?/\\]", " ", title).strip()[:27] or "Sheet"
        name, number = plain, 1
        while name.casefold() in seen:
            number += 1
            name = f"{plain} {number}"
        seen.add(name.casefold())
        yield name, rows


def written_cell(row: int, index: int, value: Any) -> str:
    if value is None or value == "":
        return ""
    place = f"{letter(index)}{row}"
    if isinstance(value, bool):
        return f'<c r="{place}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, (int, float)) and value == value and abs(value) != float("inf"):
        return f'<c r="{place}"><v>{value!r}</v></c>'
    if isinstance(value, (datetime, date, time)):
        value = value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
    return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{escaped(str(value))}</t></is></c>'


SHAPES_OF = {"text": text_shape, "table": table_shape, "json": json_shape, "workbook": workbook_shape}
MASKS = {"text": text_mask, "table": table_mask, "json": json_mask, "workbook": workbook_mask}


def carried_out(data: bytes, order: Order) -> tuple[Facts, bytes]:
    if order["do"] == "shape":
        return SHAPES_OF[order["way"]](data), b""
    mask, made, facts = MASKS[order["way"]](data, order)
    return {**facts, "counts": mask.counts}, made


def main() -> int:
    order = json.loads(sys.stdin.buffer.readline())
    data = sys.stdin.buffer.read()
    limit()
    try:
        facts, made = carried_out(data, order)
    except (Exception, MemoryError) as error:
        facts, made = {"error": f"{type(error).__name__}: {error}"[:200]}, b""
    sys.stdout.buffer.write(json.dumps(facts).encode() + b"\n" + made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
