"""The fonts that ship with the project: which files a text needs, and what to print when no font has a character."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "fonts"
SANS, SERIF, MONO = "Inter", "Source Serif 4", "JetBrains Mono"
TEXT_FAMILIES = (SANS, SERIF, MONO)


@dataclass(frozen=True)
class Face:
    family: str
    weight: int
    file: str
    covers: frozenset[int]


@cache
def faces() -> tuple[Face, ...]:
    listed = json.loads((FOLDER / "index.json").read_text())["fonts"]
    return tuple(Face(row["family"], row["weight"], row["file"], _points(row["covers"])) for row in listed)


@cache
def name(file: str) -> str:
    """What a font is called in the PDF's pages: the same in every package made with these fonts."""
    return f"F{[face.file for face in faces()].index(file)}"


@cache
def figures(weight: int) -> str:
    """The file of the sans with the figures of this weight."""
    return next(face.file for face in faces() if face.family == SANS and face.weight == weight and 0x30 in face.covers)


@cache
def covered() -> frozenset[int]:
    return frozenset().union(*(face.covers for face in faces()))


def needed(points: frozenset[int]) -> list[Face]:
    """The text families' slices that occur, then as few of the others as cover the rest."""
    chosen: list[Face] = []
    for family in TEXT_FAMILIES:
        for weight in sorted({face.weight for face in faces() if face.family == family}):
            left = points
            for face in (face for face in faces() if face.family == family and face.weight == weight):
                if face.covers & left:
                    chosen.append(face)
                    left -= face.covers
    sans = frozenset().union(*(face.covers for face in chosen if face.family == SANS))
    # What the sans has, the serif and the mono may still lack; every family falls back to the same others.
    serif = frozenset().union(*(face.covers for face in chosen if face.family == SERIF))
    mono = frozenset().union(*(face.covers for face in chosen if face.family == MONO))
    rest = points - (sans & serif & mono)
    others = [face for face in faces() if face.family not in TEXT_FAMILIES]
    for regular in (face for face in others if face.weight == 400):
        if not regular.covers & rest:
            continue
        chosen.append(regular)
        chosen += [f for f in others if f.family == regular.family and f.weight != 400 and f.covers == regular.covers]
        rest -= regular.covers
    return chosen


def stack(first: str) -> str:
    """A font-family value that can show every script we ship."""
    families = [first, *(name for name in _families() if name != first)]
    return ",".join(f"'{name}'" for name in families)


def showable(text: str) -> str:
    """The text with each character that no font has written as its code point, and control characters left out."""
    missing = {point for point in set(map(ord, text)) - covered() if not _is_silent(point)}
    unwanted = {point: None for point in map(ord, set(text)) if _is_control(point)}
    marks: dict[int, str | None] = {point: f"⟨U+{point:04X}⟩" for point in missing if point not in unwanted}
    return text.translate(marks | unwanted)


@cache
def _families() -> tuple[str, ...]:
    return tuple(dict.fromkeys((SANS, *(face.family for face in faces()))))


def _points(text: str) -> frozenset[int]:
    return frozenset(_expanded(text.split()))


def _expanded(parts: Iterable[str]) -> Iterator[int]:
    for part in parts:
        first, _, last = part.partition("-")
        yield from range(int(first, 16), int(last or first, 16) + 1)


def _is_control(point: int) -> bool:
    return (point < 0x20 and point not in (0x09, 0x0A)) or 0x7F <= point < 0xA0 or 0xD800 <= point < 0xE000


def _is_silent(point: int) -> bool:
    """Characters that shape their neighbours and show nothing themselves."""
    return (
        point in (0x09, 0x0A, 0x20, 0xA0, 0xAD, 0x034F, 0x061C, 0x180E, 0xFEFF)
        or 0x2000 <= point <= 0x200F
        or 0x2028 <= point <= 0x202F
        or 0x205F <= point <= 0x206F
        or 0xFE00 <= point <= 0xFE0F
        or 0xE0000 <= point <= 0xE0FFF
    )
