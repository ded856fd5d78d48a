"""Draws samples that anybody can draw again (algorithm `hmac-sha256-rank/1`), and says how many are usual.

PRACTICE.md section 6: the population is counted and hashed first, the seed is set afterwards by somebody who does not
operate the control, and the order is that of HMAC-SHA256 under the seed. A population of none is a result, not a pass.
"""

import hashlib
import hmac
import math
import unicodedata
from collections.abc import Iterable, Sequence

ALGORITHM = "hmac-sha256-rank/1"
RISKS = ("lower", "higher")
#: Common practice of firms by a control's frequency, at lower and at higher risk; no standard fixes it.
USUAL = {
    "annual": (1, 1),
    "half_yearly": (1, 2),
    "quarterly": (2, 4),
    "monthly": (2, 5),
    "weekly": (5, 15),
    "daily": (20, 40),
    "automated": (1, 2),
}
#: Events are sampled by how many there were: above 250, above 50, and fewer.
MANY, SOME = 250, 50


def fingerprint(ids: Iterable[str]) -> str:
    """SHA-256 over the sorted ids in NFC, a line feed after each."""
    return hashlib.sha256("".join(f"{name}\n" for name in sorted(map(_plain, ids))).encode()).hexdigest()


def key(seed: str, control: str, sha256: str) -> str:
    """The seed of one population: what was given, the control, and the population it was given for."""
    return f"{seed}-{control}|pop:sha256:{sha256}"


def ranked(seed: str, ids: Sequence[str]) -> list[str]:
    """All ids in the order of the drawing; the sample is its beginning, replacements follow."""
    return sorted(ids, key=lambda name: (_mark(seed, name), name))


def size(frequency: str, count: int, risk: str) -> int:
    """How many are usually tested of a population of `count`."""
    at = RISKS.index(risk)
    if frequency in USUAL:
        return min(USUAL[frequency][at], count)
    if count > MANY:
        return (25, 60)[at]
    if count > SOME:
        return (max(5, math.ceil(count / 10)), 25)[at]
    return min((5, 25)[at], count)


def _mark(seed: str, name: str) -> str:
    return hmac.new(seed.encode(), _plain(name).encode(), hashlib.sha256).hexdigest()


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name)
