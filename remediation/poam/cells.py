"""What a cell may hold: never a formula, never a character that XML forbids, never more than Excel takes.

`shown` and `read` are inverse, so that a workbook or table that was exported comes back with the same words.
"""

import re
from datetime import date, datetime
from typing import Any

CELL_CHARS = 32_767
"""Excel's limit; a longer text is cut and says so."""
CUT = "… [cut here: a cell holds no more; the whole text stands in the JSON beside it]"

#: A cell that begins with one of these is run by spreadsheet programs, so it gets an apostrophe in front.
#: The wide ones begin a formula too where East Asian input is usual.
FORMULA_STARTS = "=+-@\t\r\n＝＋－＠"

_RISKY = re.compile(f"'*[{re.escape(FORMULA_STARTS)}]")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# Excel reads _x0041_ in a text as the letter A, unless the first underscore is written as one itself.
_ESCAPE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
_ESCAPED = re.compile("_x005F_(?=x[0-9A-Fa-f]{4}_)")


def shown(value: str) -> str:
    """The text as a cell may hold it."""
    text = _FORBIDDEN.sub("\ufffd", value.replace("\r\n", "\n").replace("\r", "\n"))
    if _RISKY.match(text):
        text = f"'{text}"
    return text if len(text) <= CELL_CHARS else text[: CELL_CHARS - len(CUT)] + CUT


def read(value: Any) -> Any:
    """What `shown` was given; other values as they are."""
    if not isinstance(value, str):
        return value
    return value[1:] if value.startswith("'") and _RISKY.match(value) else value


def stored(text: str) -> str:
    """The text as the workbook's XML stores it."""
    return _ESCAPE.sub("_x005F_", text)


def unstored(text: str) -> str:
    return _ESCAPED.sub("_", text)


def plain(value: Any) -> Any:
    """A value as CSV takes it: dates as ISO text, nothing as an empty cell."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return shown(value) if isinstance(value, str) else value
