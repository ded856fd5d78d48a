"""A unit as it was painted: its pages, structure, links and letters, as bytes that depend on nothing but its text.

Read back, it is checked for its form, never trusted for its content: that is what its key and its seal are for.
"""

import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

MAGIC = b"clearhold-leaf/1\n"


@dataclass(frozen=True)
class Number:
    """Where the number of a link's page is filled in: right end and base line in points, size, face and colour."""

    mcid: int
    target: str
    x: float
    y: float
    size: float
    face: str
    colour: tuple[float, float, float]


@dataclass(frozen=True)
class Link:
    page: int
    element: int
    target: str
    rectangle: tuple[float, float, float, float]


@dataclass(frozen=True)
class Index:
    """What must be known of every unit before the first page is written."""

    pages: int
    anchors: tuple[tuple[str, int, float, float], ...] = ()
    outline: tuple[tuple[str, int, float], ...] = ()
    links: int = 0
    #: By the font's file, each glyph used with the text that it stands for.
    letters: dict[str, dict[int, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Leaf:
    """`elements` are [role, parent, page, kids, attributes, alternative text]; see portal/packages/painting.py."""

    index: Index
    size: tuple[float, float]
    contents: tuple[bytes, ...]
    parents: tuple[tuple[int, ...], ...]
    numbers: tuple[tuple[Number, ...], ...]
    links: tuple[Link, ...]
    elements: tuple[list[Any], ...]
    resources: str = ""
    things: tuple[tuple[str, bytes], ...] = ()


def dump(leaf: Leaf) -> bytes:
    blobs = [*leaf.contents, *(data for _, data in leaf.things)]
    body = {
        "size": leaf.size,
        "parents": leaf.parents,
        "numbers": [[asdict(number) for number in page] for page in leaf.numbers],
        "links": [asdict(link) for link in leaf.links],
        "elements": leaf.elements,
        "resources": leaf.resources,
        "things": [about for about, _ in leaf.things],
        "blobs": [len(blob) for blob in blobs],
    }
    parts = [_packed(asdict(leaf.index)), _packed(body), b"".join(blobs)]
    return MAGIC + b"".join(len(part).to_bytes(4) + part for part in parts)


def index(data: bytes) -> Index:
    """Only what is known beforehand. Raises ValueError."""
    told = _unpacked(_parts(data)[0])
    return Index(
        pages=told["pages"],
        anchors=tuple((name, page, x, y) for name, page, x, y in told["anchors"]),
        outline=tuple((label, page, y) for label, page, y in told["outline"]),
        links=told["links"],
        letters={file: {int(glyph): text for glyph, text in used.items()} for file, used in told["letters"].items()},
    )


def load(data: bytes) -> Leaf:
    """Raises ValueError."""
    _, packed, joined = _parts(data)
    body = _unpacked(packed)
    blobs, at = [], 0
    for length in body["blobs"]:
        blobs.append(joined[at : at + length])
        at += length
    if at != len(joined):
        raise ValueError("A painted unit has another length than it says.")
    known = index(data)
    return Leaf(
        index=known,
        size=tuple(body["size"]),
        contents=tuple(blobs[: known.pages]),
        parents=tuple(tuple(page) for page in body["parents"]),
        numbers=tuple(tuple(_number(number) for number in page) for page in body["numbers"]),
        links=tuple(_link(link) for link in body["links"]),
        elements=tuple(body["elements"]),
        resources=body["resources"],
        things=tuple(zip(body["things"], blobs[known.pages :], strict=True)),
    )


def _number(told: dict[str, Any]) -> Number:
    return Number(**told | {"colour": tuple(told["colour"])})


def _link(told: dict[str, Any]) -> Link:
    return Link(**told | {"rectangle": tuple(told["rectangle"])})


def _packed(value: Any) -> bytes:
    return zlib.compress(json.dumps(value, separators=(",", ":")).encode(), 6)


def _unpacked(data: bytes) -> Any:
    try:
        return json.loads(zlib.decompress(data))
    except zlib.error as fault:
        raise ValueError("A painted unit is damaged.") from fault


def _parts(data: bytes) -> Sequence[bytes]:
    if not data.startswith(MAGIC):
        raise ValueError("This is not a painted unit.")
    parts, at = [], len(MAGIC)
    for _ in range(3):
        length = int.from_bytes(data[at : at + 4])
        parts.append(data[at + 4 : at + 4 + length])
        at += 4 + length
    if at != len(data):
        raise ValueError("A painted unit has another length than it says.")
    return parts
