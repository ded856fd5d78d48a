"""The file as the readers see it: its kind, its bytes as UTF-8 without a mark, its lines; never the whole in memory."""

import codecs
import io
import resource
import sys
from collections.abc import Iterator
from functools import cached_property
from typing import BinaryIO

from . import limits
from .refusals import NotReadable, Oversized

HEAD_BYTES = 256 * 1024
CHUNK_BYTES = 1024 * 1024
_peak_allowed = sys.maxsize

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class Source:
    """A seekable file with a name that is only ever shown, never opened."""

    def __init__(self, handle: BinaryIO, name: str = "") -> None:
        self.handle = handle
        self.name = name
        self.size = handle.seek(0, io.SEEK_END)
        if self.size > limits.FILE_BYTES:
            raise Oversized(
                f"The file has {self.size / limits.MB:,.0f} MB; an import takes up to {limits.FILE_BYTES // limits.MB} MB. "
                "Split it, or export fewer columns or a shorter period.",
                code="file_too_large",
            )
        handle.seek(0)
        self.raw_head = handle.read(HEAD_BYTES)
        if not self.raw_head.strip(b"\x00 \t\r\n"):
            raise NotReadable("The file is empty: there is nothing in it to import.", code="file_empty")
        self.encoding, self._mark = _encoding(self.raw_head)

    @cached_property
    def head(self) -> bytes:
        """The first bytes as UTF-8, for detection only."""
        raw = self.raw_head[self._mark :]
        if self.encoding == "utf-8":
            return raw
        return raw.decode(self.encoding, "ignore").encode("utf-8", "ignore")

    @property
    def is_zip(self) -> bool:
        return self.raw_head.startswith((b"PK\x03\x04", b"PK\x05\x06"))

    @property
    def looks_like_json(self) -> bool:
        start = self.head.lstrip(b" \t\r\n")[:1]
        return start in (b"{", b"[") or self.head.strip() in (b"null", b"true", b"false")

    @property
    def is_binary(self) -> bool:
        return self.encoding == "utf-8" and b"\x00" in self.raw_head[:4096]

    def utf8(self) -> "Utf8":
        """From the start, as UTF-8 bytes."""
        self.handle.seek(self._mark)
        return Utf8(self.handle, self.encoding, self._mark)

    def lines(self) -> Iterator[str]:
        """The lines with their ends, each of bounded length, strictly decoded."""
        buffered = io.BufferedReader(_Raw(self.utf8()), CHUNK_BYTES)  # type: ignore[type-var]
        stream = io.TextIOWrapper(buffered, encoding="utf-8", newline="")
        number = 0
        while True:
            number += 1
            line = stream.readline(limits.VALUE_BYTES)
            if not line:
                return
            if len(line) >= limits.VALUE_BYTES:
                raise Oversized(
                    f"Line {number} is longer than {limits.VALUE_BYTES // limits.MB} MB, so this is no table of findings. "
                    "Check that the file was exported whole and with line ends.",
                    code="line_too_long",
                    row=number,
                )
            if "\x00" in line:
                raise NotReadable(
                    f"Line {number} holds a NUL byte, which text never does. Export the file again as UTF-8.",
                    code="nul_byte",
                    row=number,
                )
            if number % 4096 == 0:
                check_memory()
            yield line


class Utf8:
    """A file object whose `read` gives UTF-8 and refuses what isn't, with the place."""

    def __init__(self, handle: BinaryIO, encoding: str, start: int) -> None:
        self._handle = handle
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder(encoding)("strict")
        self.position = start
        self._lines = 0

    def read(self, size: int = CHUNK_BYTES) -> bytes:
        if size == 0:
            return b""
        raw = self._handle.read(size if size > 0 else CHUNK_BYTES)
        check_memory()
        try:
            text = self._decoder.decode(raw, final=not raw)
        except UnicodeDecodeError as error:
            line = self._lines + 1 + raw.count(b"\n", 0, max(error.start, 0))
            raise NotReadable(
                f"The file is not {self._encoding.upper()}: byte {self.position + max(error.start, 0):,}, line {line:,}, "
                "can't be read. Save it as UTF-8 (in Excel: “CSV UTF-8”) and import that.",
                code="not_utf8",
                row=line,
            ) from error
        self.position += len(raw)
        self._lines += raw.count(b"\n")
        if raw and not text:
            return self.read(size)
        return raw if self._encoding == "utf-8" and len(text) == len(raw) else text.encode("utf-8")


class _Raw(io.RawIOBase):
    def __init__(self, stream: Utf8) -> None:
        self._stream = stream
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        if not self._left:
            self._left = self._stream.read(CHUNK_BYTES)
        taken = self._left[: len(buffer)]
        buffer[: len(taken)] = taken
        self._left = self._left[len(taken) :]
        return len(taken)


def limit_memory(peak_bytes: int) -> None:
    """From now on this process is refused more; without it, as in tests that read in their own, nothing is checked."""
    global _peak_allowed
    _peak_allowed = peak_bytes


def check_memory() -> None:
    """Where the system knows no limit of address space (macOS), this is the limit."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if peak * (1 if sys.platform == "darwin" else 1024) > _peak_allowed and _own_peak() > _peak_allowed:
        raise MemoryError


def _own_peak() -> int:
    # On Linux the figure above begins with the peak of the process that started this one, which may be a large worker.
    try:
        with open("/proc/self/status", "rb") as status:
            line = next(line for line in status if line.startswith(b"VmHWM:"))
    except (OSError, StopIteration):
        return sys.maxsize
    return int(line.split()[1]) * 1024


def _encoding(head: bytes) -> tuple[str, int]:
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding, len(mark)
    start = head[:64]
    if len(start) >= 4 and start[1:2] == b"\x00" and start[3:4] == b"\x00" and start[0:1] not in (b"\x00", b""):
        return "utf-16-le", 0
    if len(start) >= 4 and start[0:1] == b"\x00" and start[2:3] == b"\x00" and start[1:2] != b"\x00":
        return "utf-16-be", 0
    return "utf-8", 0
