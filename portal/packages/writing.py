"""Writes a PDF object by object, so that its memory does not grow with the file: only where each object stands is kept.

The same objects in the same order give the same bytes. Streams carry their length in their own dictionary, as verify.py
reads them; everything else goes into compressed object streams.
"""

import zlib
from array import array
from collections.abc import Iterable
from typing import BinaryIO

HEADER = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
TOGETHER = 400
PIECE_BYTES = 1 << 20
#: Room for the length of a stream that is written before it is known.
DIGITS = 12


class Writer:
    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self._at = 0
        #: By object number: 1 and its offset, or 2 and its stream with its place there; 0 for what was never written.
        self._kinds, self._where, self._places = bytearray(b"\0"), array("Q", [0]), array("H", [65535])
        self._waiting: list[tuple[int, bytes]] = []
        self._write(HEADER)

    def number(self, many: int = 1) -> int:
        """The first of so many new object numbers."""
        first = len(self._kinds)
        self._kinds.extend(bytes(many))
        self._where.extend([0] * many)
        self._places.extend([0] * many)
        return first

    def add(self, body: bytes) -> int:
        number = self.number()
        self.put(number, body)
        return number

    def put(self, number: int, body: bytes) -> None:
        """A dictionary, an array or any value that is not a stream."""
        self._waiting.append((number, body))
        if len(self._waiting) == TOGETHER:
            self._flush()

    def add_stream(self, data: bytes, about: bytes = b"", *, is_packed: bool = False) -> int:
        number = self.number()
        self.put_stream(number, data, about, is_packed=is_packed)
        return number

    def put_stream(self, number: int, data: bytes, about: bytes = b"", *, is_packed: bool = False) -> None:
        packed = data if is_packed else zlib.compress(data, 6)
        self._place(number)
        self._write(b"%d 0 obj\n<<%s /Filter /FlateDecode /Length %d >>\nstream\n" % (number, about, len(packed)))
        self._write(packed)
        self._write(b"\nendstream\nendobj\n")

    def put_plain(self, number: int, data: bytes, about: bytes) -> None:
        """A stream as it is: metadata that programs look for without knowing PDF."""
        self._place(number)
        self._write(b"%d 0 obj\n<<%s /Length %d >>\nstream\n" % (number, about, len(data)))
        self._write(data)
        self._write(b"\nendstream\nendobj\n")

    def put_file(self, number: int, pieces: Iterable[bytes], about: bytes) -> None:
        """A stream whose bytes come in pieces and are never held together."""
        self._place(number)
        self._write(b"%d 0 obj\n<<%s /Filter /FlateDecode /Length " % (number, about))
        gap = self._at
        self._write(b" " * DIGITS + b">>\nstream\n")
        begin = self._at
        packer = zlib.compressobj(6)
        for piece in pieces:
            self._write(packer.compress(piece))
        self._write(packer.flush())
        length = self._at - begin
        self._write(b"\nendstream\nendobj\n")
        self.file.seek(gap)
        self.file.write(b"%d" % length)
        self.file.seek(0, 2)

    def close(self, root: int, info: int, identifier: bytes) -> None:
        """The cross-reference stream; both halves of /ID have 16 bytes."""
        self._flush()
        number = self.number()
        start = self._at
        self._place(number)
        about = b"/Type /XRef /Size %d /W [1 5 2] /Root %d 0 R /Info %d 0 R /ID [<%s> <%s>]" % (
            len(self._kinds), root, info, identifier.hex().encode(), bytes(16).hex().encode(),
        )  # fmt: skip
        packed = zlib.compress(self._table(), 9)
        self._write(b"%d 0 obj\n<<%s /DecodeParms <</Predictor 12 /Columns 8>>" % (number, about))
        self._write(b" /Filter /FlateDecode /Length %d >>\nstream\n" % len(packed))
        self._write(packed)
        self._write(b"\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % start)

    def _table(self) -> bytes:
        rows = bytearray()
        before = bytes(8)
        for kind, where, place in zip(self._kinds, self._where, self._places, strict=True):
            row = bytes([kind]) + where.to_bytes(5, "big") + place.to_bytes(2, "big")
            # Each row as its difference from the one above: the table of a large file stays small (PNG predictor “up”).
            rows.append(2)
            rows += bytes((new - old) & 0xFF for new, old in zip(row, before, strict=True))
            before = row
        return bytes(rows)

    def _flush(self) -> None:
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        stream = self.number()
        heads, at = [], 0
        for place, (number, body) in enumerate(waiting):
            heads.append(b"%d %d" % (number, at))
            at += len(body) + 1
            self._kinds[number], self._where[number], self._places[number] = 2, stream, place
        head = b" ".join(heads) + b"\n"
        data = head + b"\n".join(body for _, body in waiting)
        self.put_stream(stream, data, b"/Type /ObjStm /N %d /First %d" % (len(waiting), len(head)))

    def _place(self, number: int) -> None:
        self._kinds[number], self._where[number], self._places[number] = 1, self._at, 0

    def _write(self, data: bytes) -> None:
        self.file.write(data)
        self._at += len(data)


def text(value: str) -> bytes:
    """A text string: plain when it is ASCII, else UTF-16."""
    if value.isascii():
        escaped = value.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)").replace("\r", "\\r")
        return b"(" + escaped.encode() + b")"
    return b"<feff" + value.encode("utf-16-be").hex().encode() + b">"


def name(value: str) -> bytes:
    """A name, each character that may not stand in one written by its number."""
    return b"/" + b"".join(
        bytes([octet]) if 33 <= octet <= 126 and octet not in b"#()<>[]{}/%" else b"#%02x" % octet
        for octet in value.encode()
    )


def number(value: float) -> bytes:
    return b"%d" % value if value == int(value) else f"{value:.3f}".rstrip("0").encode()


def numbers(values: Iterable[float]) -> bytes:
    return b"[" + b" ".join(map(number, values)) + b"]"


def references(values: Iterable[int]) -> bytes:
    return b"[" + b" ".join(b"%d 0 R" % value for value in values) + b"]"
