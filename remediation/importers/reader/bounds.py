"""How many rows a table may have, and how many empty ones in a row."""

from collections.abc import Iterator
from typing import Any

from . import limits
from .refusals import Oversized


def bounded(rows: Iterator[tuple[int, list[Any]]]) -> Iterator[tuple[int, list[Any]]]:
    blank = 0
    for number, row in rows:
        if number > limits.TABLE_ROWS:
            raise Oversized(
                f"The table has more than {limits.TABLE_ROWS:,} rows. Split it.", code="too_many_rows", row=number
            )
        if not any(cell is not None and cell != "" and str(cell).strip() for cell in row):
            blank += 1
            if blank > limits.BLANK_ROWS:
                raise Oversized(
                    f"More than {limits.BLANK_ROWS:,} empty rows before row {number:,}: the sheet claims rows that it doesn't have. "
                    "Delete the empty rows and save it again.",
                    code="too_many_blank_rows",
                    row=number,
                )
            continue
        blank = 0
        yield number, row
