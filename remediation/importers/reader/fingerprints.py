"""The identity of a result over several runs: tool, rule, normalised place, and the tool's own fingerprint.

Line numbers are no part of it, since any edit above a weakness moves it. Results of one rule in one file that only
their line tells apart are counted instead: the first, the second, and so on, in the order of the file. Two results
on the very same spot are one.
"""

import re
from hashlib import blake2b, sha256
from urllib.parse import unquote

from .compact import CompactMap

_DIGITS = re.compile(r"\d+")
_SPACE = re.compile(r"\s+")
_OS_SUFFIX = re.compile(r" \([^()]* [\d][^()]*\)$")
_DIGEST = re.compile(r"@sha256:[0-9a-f]{8,}$")
_RUN_FOLDERS = re.compile(
    r"^/?(?:home/runner/work/[^/]+/[^/]+|github/workspace|builds/[^/]+/[^/]+|workspace|__w/[^/]+/[^/]+)/"
)


def fingerprint(tool: str, rule: str, place: str, own: str = "") -> str:
    """SHA-256 over the parts, each with its length, so that no part can run into the next."""
    parts = [b"clearhold/1", *(part.encode("utf-8", "replace") for part in (tool.casefold(), rule, place, own))]
    return sha256(b"".join(b"%d:%b" % (len(part), part) for part in parts)).hexdigest()


def path(uri: str) -> str:
    """A file's place without scheme, drive, dots and the folder of a build machine."""
    text = unquote(uri).replace("\\", "/")
    if text.lower().startswith("file:"):
        text = re.sub(r"^file:/*(?=[A-Za-z]:/)|^file:/*", "/", text, flags=re.IGNORECASE)
    text = re.sub(r"^/?[A-Za-z]:/", "/", text) if ":" in text[:4] else text
    while text.startswith("./"):
        text = text[2:]
    text = _RUN_FOLDERS.sub("", text)
    if "/./" in text or "//" in text:
        head, slashes, tail = text.partition("://")
        tail = tail if slashes else head
        tail = re.sub(r"/(?:\./)+|/{2,}", "/", tail)
        text = f"{head}{slashes}{tail}" if slashes else tail
    return text


def image(target: str) -> str:
    """A container's target without the system's version and the digest, which change with every rebuild."""
    return _DIGEST.sub("", _OS_SUFFIX.sub("", target.strip()))


def wording(text: str) -> str:
    """A message with its numbers and spacing taken out: what stays the same when lines move."""
    return _SPACE.sub(" ", _DIGITS.sub("#", text)).strip().casefold()[:2000]


class Ordinals:
    """Counts look-alikes within one file. Nearly all results look like no other, so those are kept most compactly."""

    def __init__(self) -> None:
        self._first = CompactMap()
        self._further: dict[int, int] = {}
        self._at: dict[int, int] = {}

    def of(self, look: str, spot: str) -> int:
        """The number of this spot among the spots that look alike; the same spot keeps its number."""
        if not spot:
            return 1
        look_key, spot_key = _short(look), _short(f"{look}\0{spot}") or 1
        if self._first.setdefault(look_key, spot_key) == spot_key:
            return 1
        number = self._at.get(spot_key)
        if number is None:
            number = self._at[spot_key] = self._further[look_key] = self._further.get(look_key, 1) + 1
        return number


def _short(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=8).digest())
