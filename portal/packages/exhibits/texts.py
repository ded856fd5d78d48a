"""Text files and logs: every line with its number, as many as a reader can take in; what the file is written in is decoded."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from django.utils.translation import gettext

from evidence.limited.readers import plain
from portal.packages import wording
from portal.packages.exhibits import sheets
from portal.packages.exhibits.pieces import Copy, Desk, NotLaidOut, Piece

MOST_LINES, MOST_CHARACTERS = 2_000, 300_000
#: Text up to this size is decoded as a whole, so that its encoding is known; what is larger is read line by line.
WHOLE_BYTES = 8 << 20
#: What is laid out as one paragraph: the time for a line grows faster than its length.
TOGETHER = 1_000

Line = tuple[int, str]


def copy(piece: Piece, desk: Desk) -> Copy:
    if not piece.size:
        raise NotLaidOut(gettext("It is an empty file: it has no bytes to show."))
    laid_out(piece, desk, lines(desk.source(piece)))
    return Copy()


def laid_out(piece: Piece, desk: Desk, found: Iterable[Line], *more: str) -> None:
    """The lines, up to the limits; then how many there are."""
    shown: list[Line] = []
    characters, last, is_cut = 0, 0, False
    for number, text in found:
        last = max(last, number)
        if is_cut:
            continue
        kept = text.rstrip("\r\n")[: MOST_CHARACTERS - characters]
        shown.append((number, plain.cleaned(kept).expandtabs(4)))
        characters += len(kept)
        is_cut = len(shown) >= MOST_LINES or characters >= MOST_CHARACTERS
    told = sheets.lines(shown[-1][0] if shown else 0, last)
    if characters >= MOST_CHARACTERS:
        # Translators: how many lines are shown, and that these are not even whole: “Lines 1 to 9 of 9, the first 300,000 characters”.
        told = gettext("%(lines)s, the first %(number)s characters") % {
            "lines": told,
            "number": wording.figures(MOST_CHARACTERS),
        }
    data = {"head": sheets.heading(piece, told, *more), "lines": _numbered(shown)}
    sheets.lay_out("text", data, desk.target(piece), desk.paper)


def lines(source: Path) -> Iterator[Line]:
    """Numbers and texts; a very long line comes in pieces with one number."""
    if source.stat().st_size <= WHOLE_BYTES:
        yield from enumerate(plain.decoded(source.read_bytes()).removesuffix("\n").split("\n"), 1)
        return
    with source.open("rb") as file:
        yield from plain.lines(file)


def _numbered(shown: Iterable[Line]) -> Iterator[tuple[str, str]]:
    before = 0
    for number, text in shown:
        for part in folded(text):
            yield ("" if number == before else f"{number}"), part
            before = number


def folded(text: str) -> Iterator[str]:
    """A very long line in pieces that can be laid out one by one."""
    yield from (text[at : at + TOGETHER] for at in range(0, max(len(text), 1), TOGETHER))
