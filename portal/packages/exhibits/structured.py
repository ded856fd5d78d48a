"""JSON: set with one value to a line, every name, number and text exactly as it is written in the file."""

import json
import re
from collections.abc import Iterator

from django.utils.translation import gettext

from evidence.limited.readers import plain
from portal.packages.exhibits import texts
from portal.packages.exhibits.pieces import Copy, Desk, Piece

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
STEP = "  "


def copy(piece: Piece, desk: Desk) -> Copy:
    source = desk.source(piece)
    if not 0 < piece.size <= texts.WHOLE_BYTES:
        return texts.copy(piece, desk)
    text = plain.decoded(source.read_bytes())
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        texts.laid_out(piece, desk, texts.lines(source), gettext("not valid JSON, shown as text"))
        return Copy([gettext("It is not valid JSON; it is shown as text.")])
    texts.laid_out(piece, desk, enumerate(spread(text), 1), gettext("set with one value to a line"))
    return Copy()


def spread(text: str) -> Iterator[str]:
    """Lines of the same marks; an empty list or object keeps to one."""
    marks = TOKEN.findall(text)
    depth, line = 0, ""
    for at, mark in enumerate(marks):
        before, after = marks[at - 1] if at else "", marks[at + 1] if at + 1 < len(marks) else ""
        if mark in "}]":
            depth -= 1
            if before in "{[":
                line += mark
            else:
                yield line
                line = STEP * depth + mark
        elif mark == ",":
            yield line + mark
            line = STEP * depth
        elif mark == ":":
            line += ": "
        else:
            line += mark
            if mark in "{[":
                depth += 1
                if after not in "}]":
                    yield line
                    line = STEP * depth
    yield line
