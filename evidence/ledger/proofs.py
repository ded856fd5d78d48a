"""Proofs as text, in the forms of C2SP: tlog-proof for one event, tlog-witness's body for one tree inside another.

C2SP has no form for many leaves at once; `Inclusions` is a tlog-proof with many indexes and the hashes shared.
"""

import base64
import binascii
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from evidence.ledger.notes import Unreadable

HEADER = "c2sp.org/tlog-proof@v1"
MANY_HEADER = "clearhold/tlog-multi-proof@v1"
SINGLE_LIMIT = 64


@dataclass(frozen=True)
class Inclusion:
    """That a leaf stands at `index` in the tree of the signed checkpoint."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: str

    def __str__(self) -> str:
        return f"{HEADER}\nindex {self.index}\n{_lines(self.hashes)}\n{self.checkpoint}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a tlog-proof; extra data is allowed and ignored. Raises Unreadable."""
        top, checkpoint = _halves(text)
        if not top or top.pop(0) != HEADER:
            raise Unreadable("this is not a tlog-proof")
        if top and top[0].startswith("extra "):
            top.pop(0)
        return cls(_number(top, "index"), _hashes(top[1:]), checkpoint)


@dataclass(frozen=True)
class Inclusions:
    """That leaves stand at `indexes`, which rise, in the tree of the signed checkpoint (see `tree.multi_proof`)."""

    indexes: tuple[int, ...]
    hashes: tuple[bytes, ...]
    checkpoint: str

    def __str__(self) -> str:
        return f"{MANY_HEADER}\nindexes {spans(self.indexes)}\n{_lines(self.hashes)}\n{self.checkpoint}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a proof of many events. Raises Unreadable."""
        top, checkpoint = _halves(text)
        if len(top) < 2 or top[0] != MANY_HEADER or not top[1].startswith("indexes "):
            raise Unreadable("this is not a proof of many events")
        hashes = _hashes([line for line in top[2:] if line], limit=None)
        return cls(tuple(_spread(top[1].removeprefix("indexes "))), hashes, checkpoint)


def with_event(proof: str, body: bytes) -> str:
    """The tlog-proof with the event's own bytes in its extra line, so that it can be checked alone."""
    header, _, rest = proof.partition("\n")
    return f"{header}\nextra {base64.b64encode(body).decode()}\n{rest}"


def spans(numbers: Iterable[int]) -> str:
    """Rising numbers as text, neighbours joined: “3 5-9”."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return " ".join(f"{first}-{last}" if last > first else f"{first}" for first, last in found)


@dataclass(frozen=True)
class Consistency:
    """That the tree of the signed checkpoint begins with the tree of `old` leaves."""

    old: int
    hashes: tuple[bytes, ...]
    checkpoint: str

    def __str__(self) -> str:
        return f"old {self.old}\n{_lines(self.hashes)}\n{self.checkpoint}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a consistency proof. Raises Unreadable."""
        top, checkpoint = _halves(text)
        return cls(_number(top, "old"), _hashes(top[1:]), checkpoint)


def _halves(text: str) -> tuple[list[str], str]:
    top, gap, checkpoint = text.partition("\n\n")
    if not gap or not checkpoint:
        raise Unreadable("a proof ends with an empty line and a checkpoint")
    return top.split("\n"), checkpoint


def _number(lines: Sequence[str], word: str) -> int:
    name, _, digits = lines[0].partition(" ") if lines else ("", "", "")
    if name != word or not digits.isascii() or not digits.isdigit() or str(int(digits)) != digits:
        raise Unreadable(f"a proof says “{word}” and a number")
    return int(digits)


def _spread(text: str) -> Iterator[int]:
    before = -1
    for span in text.split(" "):
        first, dash, last = span.partition("-")
        if not all(part.isascii() and part.isdigit() for part in (first, last or "0")) or (dash and not last):
            raise Unreadable("the indexes of a proof are numbers and spans of numbers")
        for number in range(int(first), int(last or first) + 1):
            if number <= before:
                raise Unreadable("the indexes of a proof rise")
            yield number
            before = number


def _hashes(lines: Sequence[str], limit: int | None = SINGLE_LIMIT) -> tuple[bytes, ...]:
    try:
        hashes = tuple(base64.b64decode(line, validate=True) for line in lines)
    except (binascii.Error, ValueError) as fault:
        raise Unreadable("a proof's hashes are base64, one a line") from fault
    if (limit is not None and len(hashes) > limit) or any(len(each) != 32 for each in hashes):
        raise Unreadable("a proof has at most 64 SHA-256 hashes")
    return hashes


def _lines(hashes: Sequence[bytes]) -> str:
    return "".join(base64.b64encode(each).decode() + "\n" for each in hashes)
