"""JSON read as a stream: outline for detection, a guard against depth and endless values, items one at a time."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import ijson

from . import limits
from .refusals import NotReadable, Oversized
from .source import CHUNK_BYTES, Source

_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_SCALARS = {"string", "number", "boolean", "null"}


@dataclass(slots=True)
class Outline:
    """Which paths the head of a document has, with the first scalar of each; `item` stands for a list's elements."""

    start: str = ""
    paths: dict[str, Any] = field(default_factory=dict)
    documents: int = 0

    def has(self, *paths: str) -> bool:
        return all(path in self.paths for path in paths)

    def text(self, path: str) -> str:
        value = self.paths.get(path)
        return value if isinstance(value, str) else ""


def outline(head: bytes) -> Outline:
    """As much as the head tells; never raises for a document that is cut off or broken later."""
    found = Outline()
    where: list[str] = []

    def take(event: tuple[str, str, Any]) -> None:
        prefix, kind, value = event
        if kind in ("start_map", "start_array"):
            found.start = found.start or ("{" if kind == "start_map" else "[")
            if not where:
                found.documents += 1
            where.append(prefix)
            if len(where) > 40:
                raise RecursionError
            found.paths.setdefault(prefix, None)
        elif kind in ("end_map", "end_array"):
            where.pop()
        elif kind == "map_key":
            found.paths.setdefault(f"{prefix}.{value}" if prefix else str(value), None)
        elif kind in _SCALARS and found.paths.get(prefix) is None and len(found.paths) < 5000:
            found.paths[prefix] = value if not isinstance(value, str) else value[:200]

    @ijson.coroutine  # type: ignore[untyped-decorator]
    def sink() -> Any:
        while True:
            take((yield))

    try:
        parser = ijson.parse_coro(sink(), multiple_values=True)
        for start in range(0, len(head), 16 * 1024):
            parser.send(head[start : start + 16 * 1024])
    except (ijson.JSONError, RecursionError, ValueError, StopIteration):
        pass
    return found


def guard(source: Source) -> None:
    """Refuse nesting deeper than the limit and values longer than it, before anything is built from them.

    Brackets are counted on the bytes: pairs are struck out round by round, so this runs at the speed of memory.
    Brackets inside of texts can only make it suspicious; then the exact parser decides.
    """
    stream = source.utf8()
    open_brackets = b""
    since_quote = 0
    while chunk := stream.read(CHUNK_BYTES):
        if b"\x00" in chunk:
            raise NotReadable("The file holds a NUL byte, which JSON never does. Export it again.", code="nul_byte")
        first = chunk.find(b'"')
        since_quote = since_quote + len(chunk) if first < 0 else len(chunk) - chunk.rfind(b'"')
        if since_quote > limits.VALUE_BYTES:
            raise Oversized(
                f"A single value near byte {stream.position:,} is longer than {limits.VALUE_BYTES // limits.MB} MB, "
                "so this is no report of findings.",
                code="value_too_long",
            )
        open_brackets += chunk.translate(None, _BRACKETS)
        rounds = 0
        while rounds <= limits.JSON_DEPTH:
            rounds += 1
            shorter = open_brackets.replace(b"{}", b"").replace(b"[]", b"")
            if len(shorter) == len(open_brackets):
                break
            open_brackets = shorter
        if rounds > limits.JSON_DEPTH or len(open_brackets) > limits.JSON_DEPTH:
            _exact_depth(source)
            return


def _exact_depth(source: Source) -> None:
    depth = 0
    stream = source.utf8()
    with reporting(source):
        for kind, _ in ijson.basic_parse(stream, multiple_values=True):
            if kind in ("start_map", "start_array"):
                depth += 1
                if depth > limits.JSON_DEPTH:
                    raise Oversized(
                        f"The JSON is nested deeper than {limits.JSON_DEPTH} levels near byte {stream.position:,}; "
                        "no report of findings is. The file was not read further.",
                        code="too_deep",
                    )
            elif kind in ("end_map", "end_array"):
                depth -= 1


def items(source: Source, prefix: str) -> Iterator[Any]:
    """The elements at `prefix`, one at a time, across all documents of the file (JSON Lines too)."""
    with reporting(source):
        yield from ijson.items(source.utf8(), prefix, multiple_values=True, buf_size=64 * 1024)


def events(source: Source) -> Iterator[tuple[str, Any]]:
    with reporting(source):
        yield from ijson.basic_parse(source.utf8(), multiple_values=True, buf_size=64 * 1024)


class reporting:
    """Turns the parser's error into one that names line and column."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, (ijson.JSONError, UnicodeDecodeError)) or (
            isinstance(error, ValueError) and not isinstance(error, NotReadable)
        ):
            raise _broken(self._source, error) from error


def _broken(source: Source, error: BaseException) -> NotReadable:
    """Feed the bytes again, first in large pieces, then the refused one byte by byte: that byte is the place."""

    good = _good_bytes(source, 64 * 1024)
    good = _good_bytes(source, 1, after=good)
    stream, line, column, left = source.utf8(), 1, 1, good
    while left > 0 and (chunk := stream.read(64 * 1024)):
        chunk, left = chunk[:left], left - len(chunk)
        line += chunk.count(b"\n")
        column = len(chunk) - chunk.rfind(b"\n") if b"\n" in chunk else column + len(chunk)
    cut = isinstance(error, ijson.IncompleteJSONError) and "premature" in str(error).lower()
    what = re.sub(r"\s+", " ", str(error).split("\n")[0])[:120]
    if cut:
        return NotReadable(
            f"The JSON ends in the middle, after line {line:,}: the file was cut off. Export it again and import the whole file.",
            code="json_cut_off",
            row=line,
        )
    return NotReadable(
        f"The file is not valid JSON: {what}, near line {line:,}, column {column:,}. Export it again from the tool.",
        code="json_invalid",
        row=line,
    )


def _good_bytes(source: Source, piece: int, after: int = 0) -> int:
    """How many bytes the parser takes before the piece that it refuses; the first `after` go in at once."""

    @ijson.coroutine  # type: ignore[untyped-decorator]
    def sink() -> Any:
        while True:
            yield

    parser = ijson.basic_parse_coro(sink(), multiple_values=True)
    stream, good = source.utf8(), 0
    try:
        while chunk := stream.read(64 * 1024):
            step = len(chunk) if good + len(chunk) <= after else piece
            for start in range(0, len(chunk), step):
                parser.send(chunk[start : start + step])
                good += len(chunk[start : start + step])
    except (ijson.JSONError, StopIteration, ValueError):
        pass
    return good


def kind_of(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a yes/no value"
        case str():
            return "a text"
        case list():
            return "a list"
        case dict():
            return "an object"
        case _:
            return "a number"


def mapping(value: Any) -> dict[str, Any]:
    """The value if it is an object, else an empty one: producers put null or text where the schema has an object."""
    return value if isinstance(value, dict) else {}


def sequence(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def word(value: Any) -> str:
    """A scalar as text; "" for objects, lists and nothing."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or value is None or isinstance(value, (list, dict)):
        return ""
    return str(int(value)) if isinstance(value, (float, Decimal)) and value == value // 1 else str(value)


def number(value: Any) -> int | float | None:
    """A number, also one that was written as text; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, str) and value.isdigit() and len(value) < 20:
        return int(value)
    return value if isinstance(value, float) else None
