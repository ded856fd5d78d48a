"""Whether white text can be read on a colour, and that colour as text on white (WCAG 2.2, 1.4.3: at least 4.5 to 1)."""

import re

LEAST = 4.5
FORM = re.compile(r"#[0-9a-f]{6}")
_STEPS = 64


def contrast(colour: str) -> float:
    """Between white and a colour as #rrggbb, from 1 to 21."""
    return 1.05 / (_luminance(_parts(colour)) + 0.05)


def readable(colour: str) -> bool:
    return contrast(colour) >= LEAST


def darker(colour: str) -> str:
    """The nearest darker shade that can be read: what to choose instead."""
    parts = _parts(colour)
    for step in range(_STEPS, -1, -1):
        shade = "#" + "".join(f"{part * step // _STEPS:02x}" for part in parts)
        if readable(shade):
            return shade
    raise AssertionError("black can be read")


def _parts(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(parts: tuple[int, int, int]) -> float:
    red, green, blue = (_linear(part / 255) for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    linear: float = part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
    return linear
