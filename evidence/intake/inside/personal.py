"""Search a file for data about persons. What comes out are kinds, places and counts, never a value.

It will miss some and report some wrongly (UX.md section 16): a person decides.
"""

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from evidence.intake.inside import headings, kinds, values
from evidence.intake.inside.found import INNER_BYTES, MAX_DEPTH, Inner
from evidence.limited.readers import mail, plain, sheets, words

MAX_LINES = 12
MAX_PLACES = 100
MAX_PAGES = 300
MAX_ROWS = 5_000_000
MAX_TEXT_BYTES = 1024 * 1024 * 1024
MAX_INNER = 200
FREE_ADDRESSES = 4
DISTINCT_MOST = 5_000
SAMPLE_ROWS = 400
ENTRY_BYTES = 64 * 1024 * 1024
# "key": "value" or "key": 123456 of JSON, whole or cut at any place.
_PAIR = re.compile(r'"([A-Za-z][\w .-]{0,60})"\s{0,8}:\s{0,8}(?:"((?:[^"\\]|\\.){0,400})"|(\d{4,20}))')


@dataclass
class Place:
    """One column, key or text with data of one kind."""

    kind: str
    where: tuple[str, ...]
    column: str
    unit: str
    count: int = 0
    lines: list[int] = field(default_factory=list)

    def add(self, line: int) -> None:
        self.count += 1
        if len(self.lines) < MAX_LINES and line not in self.lines[-1:]:
            self.lines.append(line)


@dataclass
class Search:
    """What is found so far. Addresses in running text count only when they are several."""

    own_domains: frozenset[str]
    places: dict[tuple[str, tuple[str, ...], str], Place] = field(default_factory=dict)
    free: dict[tuple[str, ...], set[int]] = field(default_factory=dict)
    schools: set[tuple[str, ...]] = field(default_factory=set)
    inner: int = 0
    is_whole: bool = True
    was_read: bool = False

    def add(self, kind: str, where: tuple[str, ...], line: int, *, column: str = "", unit: str = "line") -> None:
        key = (kind, where, column)
        if key not in self.places and len(self.places) < MAX_PLACES:
            self.places[key] = Place(kind, where, column, unit)
        if key in self.places:
            self.places[key].add(line)

    def text(self, text: str, where: tuple[str, ...], line: int, *, unit: str = "line", is_said: bool = True) -> None:
        """Look at one line, page or cell of no known meaning; `is_said` when words may say what a number is."""
        for _ in values.SSN.finditer(text):
            self.add("ssn", where, line, unit=unit)
        low = text.lower() if is_said else ""
        for kind, pattern, signs in _SAID:
            if any(sign in low for sign in signs):
                for _ in pattern.finditer(text):
                    self.add(kind, where, line, unit=unit)
        for address in values.addresses(text, self.own_domains):
            distinct = self.free.setdefault(where, set())
            if len(distinct) < DISTINCT_MOST:
                distinct.add(hash(address))
            if values.is_school(address):
                self.schools.add(where)
            self.add("email", where, line, unit=unit)

    def result(self) -> dict[str, Any]:
        for key in [key for key, place in self.places.items() if self._is_too_little(place)]:
            del self.places[key]
        rows = sorted(self.places.values(), key=lambda place: (_ORDER.index(place.kind), place.where, place.column))
        return {
            "was_read": self.was_read,
            "is_whole": self.is_whole,
            "places": [
                {
                    "kind": place.kind,
                    "where": list(place.where),
                    "column": place.column,
                    "unit": place.unit,
                    "count": place.count,
                    "lines": place.lines,
                }
                for place in rows
            ],
        }

    def _is_too_little(self, place: Place) -> bool:
        is_free = place.kind == "email" and not place.column and place.where not in self.schools
        return is_free and len(self.free.get(place.where, ())) < FREE_ADDRESSES


_ORDER = ("ssn", "student_id", "birth", "name", "email")
# Searched only in lines that hold one of the words, which is quick to see.
_SAID = (
    ("ssn", values.SSN_SAID, ("ssn", "social")),
    ("student_id", values.STUDENT_SAID, ("student", "learner", "pupil", "applicant", "sis", "fafsa")),
    ("birth", values.BIRTH_SAID, ("birth", "dob")),
)


def search(upload: Inner, own_domains: frozenset[str]) -> dict[str, Any]:
    """Everything found in the upload and in the files inside it."""
    found = Search(own_domains, is_whole=upload.size <= MAX_TEXT_BYTES)
    _search(upload, found)
    return found.result()


def _search(inner: Inner, found: Search) -> None:
    kind = kinds.kind_of(inner.start(), inner.name)
    reader = _READERS.get(kind)
    if reader is None or inner.depth > MAX_DEPTH:
        return
    try:
        reader(inner, found)
    except Exception:  # a document that can't be read is reported as such by the readers of structure
        found.is_whole = False
    else:
        found.was_read = True


def _inside(inner: Inner, found: Search, data: bytes, name: str) -> None:
    found.inner += 1
    if found.inner > MAX_INNER:
        found.is_whole = False
        return
    _search(inner.holds(data, name), found)


def _text(inner: Inner, found: Search) -> None:
    sample = plain.decoded(inner.start(8192), is_whole=False)
    if _is_table(sample, inner.name):
        _table(_cells(inner, plain.delimiter_of(sample)), inner.where, found, unit="line")
        return
    for line, text in plain.lines(inner.file, MAX_TEXT_BYTES):
        found.text(text, inner.where, line)


def _is_table(sample: str, name: str) -> bool:
    if name.lower().endswith((".csv", ".tsv")):
        return True
    first = [line for line in sample.splitlines()[:6] if line]
    mark = plain.delimiter_of(first[0]) if first else ","
    counts = {line.count(mark) for line in first[:5]}
    return len(first) >= 2 and len(counts) == 1 and counts != {0}


def _cells(inner: Inner, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(plain.LINE_BYTES * 16)
    reader = csv.reader((text for _, text in plain.lines(inner.file, MAX_TEXT_BYTES)), delimiter=delimiter)
    yield from ((reader.line_num, row) for row in reader)


def _table(rows: Iterable[tuple[int, list[str]]], where: tuple[str, ...], found: Search, *, unit: str) -> None:
    rows = iter(rows)
    first = next(rows, None)
    if first is None:
        return
    line, head = first
    known = {at: kind for at, cell in enumerate(head) if (kind := headings.kind_of(cell))}
    names = {at: _label(head[at], f"column {at + 1}") for at in known}
    if not known:
        # No heading that means anything, or none at all: the first row is looked at like the others.
        _row(line, head, {}, {}, where, found, unit)
    maybe = [at for at, kind in known.items() if kind == "maybe_name"]
    sample: list[tuple[int, list[str]]] = []
    for taken, (line, row) in enumerate(rows):
        if taken >= MAX_ROWS:
            found.is_whole = False
            break
        if maybe and len(sample) < SAMPLE_ROWS:
            sample.append((line, row))
        _row(line, row, known, names, where, found, unit)
    for at in maybe:
        _perhaps_names(sample, at, names[at], where, found, unit)


def _row(
    line: int,
    row: list[str],
    known: dict[int, str],
    names: dict[int, str],
    where: tuple[str, ...],
    found: Search,
    unit: str,
) -> None:
    for at, value in enumerate(row):
        if not value:
            continue
        kind = known.get(at, "")
        if kind == "email":
            for _ in values.addresses(value, found.own_domains):
                found.add("email", where, line, column=names[at], unit=unit)
        elif kind == "ssn":
            if values.SSN.search(value) or values.SSN_BARE.fullmatch(value.strip()):
                found.add("ssn", where, line, column=names[at], unit=unit)
        elif kind in ("student_id", "birth", "name"):
            if values.is_given(value) and (kind != "name" or any(letter.isalpha() for letter in value)):
                found.add(kind, where, line, column=names[at], unit=unit)
        elif len(value) >= 6:
            found.text(value, where, line, unit=unit)


def _perhaps_names(
    sample: list[tuple[int, list[str]]], at: int, label: str, where: tuple[str, ...], found: Search, unit: str
) -> None:
    given = [(line, row[at]) for line, row in sample if at < len(row) and values.is_given(row[at])]
    named = [line for line, value in given if values.looks_like_name(value)]
    if len(named) >= 2 and len(named) * 10 >= len(given) * 6:
        for line in named:
            found.add("name", where, line, column=label, unit=unit)


def _label(heading: str, otherwise: str) -> str:
    """The heading, unless it may itself be a value: a table without headings has its first row in their place."""
    text = heading.strip()
    is_value = "@" in text or sum(letter.isdigit() for letter in text) > 3 or len(text) > 60
    return otherwise if is_value else text


def _json(inner: Inner, found: Search) -> None:
    maybe: dict[str, set[str]] = {}
    lines: dict[str, list[int]] = {}
    for line, text in plain.lines(inner.file, MAX_TEXT_BYTES):
        found.text(text, inner.where, line, is_said=False)
        for pair in _PAIR.finditer(text):
            kind = headings.kind_of(pair.group(1))
            value = pair.group(2) if pair.group(2) is not None else pair.group(3)
            if kind == "maybe_name" and values.looks_like_name(value) and headings.is_whole_name(pair.group(1)):
                maybe.setdefault(pair.group(1), set()).add(value)
                lines.setdefault(pair.group(1), []).append(line)
            elif kind in ("student_id", "birth", "name") and values.is_given(value):
                found.add(kind, inner.where, line, column=_label(pair.group(1), "a field"))
            elif kind == "ssn" and values.SSN_BARE.fullmatch(value):
                found.add("ssn", inner.where, line, column=_label(pair.group(1), "a field"))
    for key, distinct in maybe.items():
        if len(distinct) >= 2:
            for line in lines[key]:
                found.add("name", inner.where, line, column=key)


def _pdf(inner: Inner, found: Search) -> None:
    import pypdfium2

    inner.file.seek(0)
    document = pypdfium2.PdfDocument(inner.file)
    for number in range(len(document)):
        if number >= MAX_PAGES:
            found.is_whole = False
            break
        text = document[number].get_textpage().get_text_bounded()
        found.text(text, inner.where, number + 1, unit="page")


def _mail(inner: Inner, found: Search) -> None:
    data = inner.whole()
    if data is None:
        found.is_whole = False
        return
    message = mail.read(data)
    # Who wrote to whom is in every message; only what they wrote about is looked at.
    writers = frozenset(address for _, words in message.headers for address in values.addresses(words, frozenset()))
    for number, line in enumerate(message.body.splitlines(), 1):
        for address in writers:
            line = line.replace(address, "")
        found.text(line, inner.where, number)
    for name, _, part in message.attached:
        if 0 < len(part) <= INNER_BYTES:
            _inside(inner, found, part, name)


def _zip(inner: Inner, found: Search) -> None:
    inner.file.seek(0)
    with zipfile.ZipFile(inner.file) as archive:
        names = set(archive.namelist())
        if "xl/workbook.xml" in names:
            _book(inner, found)
        elif words.BODY in names:
            for number, line in enumerate(words.lines(inner.file), 1):
                found.text(line, inner.where, number, unit="paragraph")
        elif "[Content_Types].xml" not in names:
            _members(archive, inner, found)


def _members(archive: zipfile.ZipFile, inner: Inner, found: Search) -> None:
    spent = 0
    for entry in archive.infolist():
        if entry.is_dir() or entry.flag_bits & 1:
            continue
        with archive.open(entry) as stream:
            data = stream.read(INNER_BYTES + 1)
        spent += len(data)
        if len(data) > INNER_BYTES or spent > ENTRY_BYTES:
            found.is_whole = False
        if len(data) <= INNER_BYTES:
            _inside(inner, found, data, entry.filename)
        if spent > ENTRY_BYTES:
            return


def _book(inner: Inner, found: Search) -> None:
    book = sheets.book(inner.file)
    for sheet in book.sheets:
        _table(sheets.rows(book, sheet), (*inner.where, sheet.name), found, unit="row")


def _gzip(inner: Inner, found: Search) -> None:
    import gzip

    inner.file.seek(0)
    with gzip.GzipFile(fileobj=inner.file) as stream:
        data = stream.read(INNER_BYTES + 1)
    if len(data) > INNER_BYTES:
        found.is_whole = False
        data = data[:INNER_BYTES]
    _inside(inner, found, data, inner.name.rpartition(".")[0])


def _tar(inner: Inner, found: Search) -> None:
    import tarfile

    inner.file.seek(0)
    with tarfile.open(fileobj=io.BytesIO(inner.file.read(ENTRY_BYTES)), mode="r:") as archive:
        for member in archive:
            source = archive.extractfile(member) if member.isreg() and 0 < member.size <= INNER_BYTES else None
            if source is not None:
                _inside(inner, found, source.read(), member.name)


_READERS = {
    "text": _text,
    "json": _json,
    "pdf": _pdf,
    "mail": _mail,
    "zip": _zip,
    "gzip": _gzip,
    "tar": _tar,
}
