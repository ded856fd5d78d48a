"""Copies that show less: values masked in text, tables and workbooks, areas blacked out on pages and pictures.

Nothing of a file is parsed in this process: a child with limits of memory and time makes the copy, and no clear byte
is ever on disk. A file that can't be read safely is refused, and a person masks it.
"""

from dataclasses import dataclass
from enum import StrEnum


class Way(StrEnum):
    """How the portal can make a redacted copy of a file."""

    TEXT = "text"
    TABLE = "table"
    JSON = "json"
    WORKBOOK = "workbook"
    IMAGE = "image"
    PDF = "pdf"


WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_TEXTS = frozenset({"text/plain", "application/x-ndjson", "text/x-shellscript", "message/rfc822"})
_TABLES = frozenset({"text/csv", "text/tab-separated-values"})
_PICTURES = frozenset(
    {"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/x-ms-bmp", "image/tiff"}
)

#: What can be found by its shape, with the words for it. `values.py` holds the shapes.
PATTERNS = {
    "email": "E-mail addresses",
    "ssn": "Numbers like a social security number",
    "id": "Student and account numbers (6 to 10 digits)",
    "phone": "Telephone numbers",
}


@dataclass(frozen=True)
class Recipe:
    """What to mask. `columns` are keys of a Shape; `words` are masked wherever they stand, in any case."""

    columns: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    numbered: bool = False

    @property
    def is_empty(self) -> bool:
        return not (self.columns or self.patterns or self.words)


@dataclass(frozen=True)
class Box:
    """An area of a page in thousandths of its width and height, from the upper left corner."""

    page: int
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Shape:
    """What a file has to choose from: columns as (key, name), and pages."""

    columns: tuple[tuple[str, str], ...] = ()
    pages: int = 0


@dataclass(frozen=True)
class Masked:
    """A finished copy. `counts` says how many values of each kind were masked; `rows` and `text` show its beginning."""

    data: bytes
    extension: str
    counts: dict[str, int]
    rows: tuple[tuple[str, ...], ...] = ()
    text: str = ""
    pages: int = 0
    sha256: str = ""


def way_of(mime: str) -> Way | None:
    """How the portal can redact files of this sniffed type; None when only a person can."""
    if mime in _TABLES:
        return Way.TABLE
    if mime in ("application/json", "application/sarif+json"):
        return Way.JSON
    if mime in _TEXTS:
        return Way.TEXT
    if mime == WORKBOOK:
        return Way.WORKBOOK
    if mime in _PICTURES:
        return Way.IMAGE
    return Way.PDF if mime == "application/pdf" else None
