"""Cuts the rows of a long table into pages before they are set, so that a changed row costs its own page and no other.

Heights are reckoned from the widths of the letters. A page is left a little short rather than run over.
"""

import io
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import TypeVar

from fontTools.ttLib import TTFont

from portal.packages import fontfiles, typefaces

Row = TypeVar("Row")

#: Height of the text area in millimetres.
PAGES = {"A4": 297 - 27 - 24, "letter": 279.4 - 27 - 24}
POINT = 25.4 / 72
#: As table.d of the style sheet: size and height of a line, padding of a row, its head, space between columns.
SIZE, LINE, PADDING, HEAD, GAP = 8.3, 8.3 * 1.42 * POINT, 4.4, 6.5, 2.4
#: Letters are reckoned so much wider than they are, and pages so many millimetres shorter.
SAFETY, SLACK = 1.04, 4.0
WIDE = 1.0


def pages(
    rows: Sequence[Row], height: Callable[[Row], float], *, paper: str, first: float
) -> Iterator[tuple[Row, ...]]:
    """The rows of each page; `first` is what stands above the table on the first, in millimetres. One page at least."""
    room = PAGES[paper] - SLACK - HEAD - first
    taken: list[Row] = []
    for row in rows:
        needed = height(row)
        if taken and needed > room:
            yield tuple(taken)
            taken, room = [], PAGES[paper] - SLACK - HEAD
        taken.append(row)
        room -= needed
    yield tuple(taken)


def row_height(*cells: tuple[float, Sequence[str]]) -> float:
    """Of a row with these cells: the column's width in millimetres, and its texts, each on lines of its own."""
    return PADDING + LINE * max(sum(lines(text, width - GAP) for text in texts) for width, texts in cells)


def lines(text: str, width: float, size: float = SIZE) -> int:
    """How many lines a text takes in a column of this width."""
    most = width / (size * POINT * SAFETY)
    many, at = 1, 0.0
    for word in text.split(" "):
        length = sum(map(_advance, word))
        if at and at + length > most:
            many, at = many + 1, 0.0
        while length > most:
            many, length = many + 1, length - most
        at += length + _advance(" ")
    return many


def _advance(char: str) -> float:
    """In parts of the size."""
    return _advances().get(ord(char), WIDE)


@cache
def _advances() -> dict[int, float]:
    font = TTFont(io.BytesIO(fontfiles.program(typefaces.figures(500))), lazy=True)
    scale, metrics = font["head"].unitsPerEm, font["hmtx"]
    return {point: metrics[glyph][0] / scale for point, glyph in font.getBestCmap().items()}
