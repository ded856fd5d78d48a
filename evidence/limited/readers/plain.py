"""Text in whatever encoding it came, whole or line by line, without a line that fills the memory."""

from collections.abc import Iterator
from typing import BinaryIO

MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
LINE_BYTES = 64 * 1024
CELL_MARKS = ",;\t|"


def decoded(data: bytes, *, is_whole: bool = True) -> str:
    """By its mark, else UTF-8, else bytes that don't fit are read as Latin-1."""
    for mark, name in MARKS:
        if data.startswith(mark):
            return cleaned(data.decode(name, "replace"))
    try:
        return cleaned(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        if not is_whole and error.start > len(data) - 4:
            return cleaned(data[: error.start].decode("utf-8"))
    return cleaned(data.decode("latin-1"))


def cleaned(text: str) -> str:
    # Control characters would be shown as nothing at all, or turn the line around.
    return "".join(
        c if c in "\n\t" or (c.isprintable() or c == "\u00a0") else "\ufffd" for c in text.replace("\r\n", "\n")
    )


def lines(file: BinaryIO, most_bytes: int | None = None) -> Iterator[tuple[int, str]]:
    """Line numbers and lines of a file of any size; a very long line comes in several pieces with one number."""
    file.seek(0)
    start = file.read(4)
    file.seek(0)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        # Sixteen-bit text is rare and small: a line break is two bytes there, so it is read whole.
        for number, line in enumerate(file.read(LINE_BYTES * 256).decode("utf-16", "replace").splitlines(), 1):
            yield number, line
        return
    number, taken = 1, 0
    while (most_bytes is None or taken < most_bytes) and (data := file.readline(LINE_BYTES)):
        taken += len(data)
        yield number, data.decode("utf-8", "replace").lstrip("\ufeff")
        number += data.endswith(b"\n")


def delimiter_of(sample: str) -> str:
    """The mark between cells that the beginning of a table uses most."""
    return max(CELL_MARKS, key=sample.count) if any(mark in sample for mark in CELL_MARKS) else ","
