"""Proofs as text, in the forms of C2SP: tlog-proof for one event, tlog-witness's body for one tree inside another."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from evidence.ledger.notes import Unreadable

HEADER = "c2sp.org/tlog-proof@v1"


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


def _hashes(lines: Sequence[str]) -> tuple[bytes, ...]:
    try:
        hashes = tuple(base64.b64decode(line, validate=True) for line in lines)
    except (binascii.Error, ValueError) as fault:
        raise Unreadable("a proof's hashes are base64, one a line") from fault
    if len(hashes) > 64 or any(len(each) != 32 for each in hashes):
        raise Unreadable("a proof has at most 64 SHA-256 hashes")
    return hashes


def _lines(hashes: Sequence[bytes]) -> str:
    return "".join(base64.b64encode(each).decode() + "\n" for each in hashes)
