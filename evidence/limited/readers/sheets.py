"""Spreadsheets of Office Open XML as rows of text: values as they are stored, formulas as text, nothing computed."""

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, BinaryIO

from defusedxml.ElementTree import iterparse

MAX_SHARED = 200_000
MAX_COLUMNS = 256
MAX_SHEETS = 50
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_REL = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_DATES = frozenset({*range(14, 23), *range(45, 48)})
_DATE_FORM = re.compile(r"[ymdhs]", re.I)
_LETTERS = re.compile(r"[A-Z]{1,3}")
_EPOCH = datetime(1899, 12, 30)


@dataclass(frozen=True)
class Sheet:
    name: str
    path: str
    is_hidden: bool


@dataclass
class Book:
    """An open workbook. Raises KeyError, BadZipFile or a parse error when it is none."""

    archive: zipfile.ZipFile
    sheets: list[Sheet] = field(default_factory=list)
    shared: list[str] = field(default_factory=list)
    dates: frozenset[int] = frozenset()


def book(file: BinaryIO) -> Book:
    found = Book(zipfile.ZipFile(file))
    names = set(found.archive.namelist())
    targets = {}
    if "xl/_rels/workbook.xml.rels" in names:
        for each in _elements(found.archive, "xl/_rels/workbook.xml.rels", "Relationship"):
            targets[each.get("Id", "")] = _inside(each.get("Target", ""))
    for each in _elements(found.archive, "xl/workbook.xml", "sheet"):
        path = targets.get(each.get(f"{_REL}id", ""), "")
        if path in names and len(found.sheets) < MAX_SHEETS:
            found.sheets.append(Sheet(each.get("name", ""), path, each.get("state", "visible") != "visible"))
    if "xl/sharedStrings.xml" in names:
        for each in _elements(found.archive, "xl/sharedStrings.xml", "si"):
            found.shared.append(_text(each))
            if len(found.shared) >= MAX_SHARED:
                break
    if "xl/styles.xml" in names:
        found.dates = _date_styles(found.archive)
    return found


def rows(found: Book, sheet: Sheet, *, formulas: bool = False) -> Iterator[tuple[int, list[str]]]:
    """Row numbers and cells of one sheet, with empty cells between; a formula's text comes instead of its value."""
    last = 0
    for row in _elements(found.archive, sheet.path, "row"):
        number = row.get("r", "")
        last = int(number) if number.isdigit() and len(number) < 9 else last + 1
        cells: list[str] = []
        for cell in row.iter(f"{_MAIN}c"):
            at = _column(cell.get("r", ""), len(cells))
            if at >= MAX_COLUMNS:
                break
            cells += [""] * (at - len(cells) + 1)
            cells[at] = _value(found, cell, formulas=formulas)
        yield last, cells


def size(found: Book, sheet: Sheet) -> int:
    """How many rows the sheet says it has, or 0 when it doesn't say."""
    with found.archive.open(sheet.path) as stream:
        for _, each in iterparse(stream, events=("start",)):
            if each.tag == f"{_MAIN}dimension":
                last = re.search(r"(\d{1,8})$", each.get("ref", ""))
                return int(last.group(1)) if last else 0
            if each.tag == f"{_MAIN}sheetData":
                return 0
    return 0


def _value(found: Book, cell: Any, *, formulas: bool) -> str:
    kind, value = cell.get("t", "n"), cell.find(f"{_MAIN}v")
    formula = cell.find(f"{_MAIN}f")
    if formulas and formula is not None and formula.text:
        return f"={formula.text}"
    if kind == "inlineStr":
        inline = cell.find(f"{_MAIN}is")
        return _text(inline) if inline is not None else ""
    text = value.text or "" if value is not None else ""
    if kind == "s":
        return found.shared[int(text)] if text.isdigit() and int(text) < len(found.shared) else ""
    if kind == "b":
        return "TRUE" if text == "1" else "FALSE"
    style = cell.get("s", "")
    if kind == "n" and style.isdigit() and int(style) in found.dates:
        return _date(text)
    return text


def _date(text: str) -> str:
    try:
        moment = _EPOCH + timedelta(days=float(text))
    except (ValueError, OverflowError):
        return text
    moment = (moment + timedelta(microseconds=500_000)).replace(microsecond=0)
    return f"{moment:%Y-%m-%d}" if moment.time() == _EPOCH.time() else f"{moment:%Y-%m-%d %H:%M:%S}"


def _date_styles(archive: zipfile.ZipFile) -> frozenset[int]:
    own, styles, inside = set(_DATES), [], False
    with archive.open("xl/styles.xml") as stream:
        for event, each in iterparse(stream, events=("start", "end")):
            if each.tag == f"{_MAIN}cellXfs":
                inside = event == "start"
            elif event == "start" and each.tag == f"{_MAIN}numFmt" and _is_date(each.get("formatCode", "")):
                own.add(int(each.get("numFmtId", "0")))
            elif event == "start" and inside and each.tag == f"{_MAIN}xf":
                styles.append(int(each.get("numFmtId", "0") or 0))
    return frozenset(at for at, form in enumerate(styles) if form in own)


def _is_date(code: str) -> bool:
    return bool(_DATE_FORM.search(re.sub(r'"[^"]*"|\[[^\]]*\]|\\.', "", code))) and "0" not in code


def _column(ref: str, otherwise: int) -> int:
    letters = _LETTERS.match(ref)
    if letters is None:
        return otherwise
    number = 0
    for letter in letters.group():
        number = number * 26 + ord(letter) - 64
    return max(number - 1, otherwise)


def _inside(target: str) -> str:
    return target.removeprefix("/") if target.startswith("/") else f"xl/{target}"


def _text(element: Any) -> str:
    return "".join(each.text or "" for each in element.iter(f"{_MAIN}t"))


def _elements(archive: zipfile.ZipFile, path: str, name: str) -> Iterator[Any]:
    """Each element of that name, whole, and forgotten afterwards."""
    with archive.open(path) as stream:
        root = None
        for event, each in iterparse(stream, events=("start", "end")):
            if root is None:
                root = each
            elif event == "end" and each.tag.rpartition("}")[2] == name:
                yield each
                each.clear()
                root.clear()
