"""Makes the PDF of a package and closes it with a fingerprint over every byte.

The second half of the PDF's /ID is the first 16 bytes of the SHA-256 of the whole file with that half set to zeros.
It is not a signature: it shows damage, not who did it. The file's full SHA-256 is an event of the ledger.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from portal.packages import assembly
from portal.packages.assembly import About, Bound, Enclosure
from portal.packages.writing import Writer

__all__ = ["About", "Bound", "Enclosure", "bind", "first_identifier", "is_whole", "seal"]

#: The trailer's identifiers; both halves have 16 bytes.
IDENTIFIERS = re.compile(rb"/ID\s*\[\s*<([0-9a-fA-F]{32})>\s*<([0-9a-fA-F]{32})>\s*\]")
TAIL_BYTES = 1 << 20


def silent(done: int, total: int) -> None:
    """Reports to nobody."""


def bind(
    target: Path,
    units: Sequence[Bound],
    enclosures: Iterable[Enclosure],
    about: About,
    *,
    manifest_sha256: str,
    report: assembly.Report = silent,
) -> int:
    """Write the package; the first half of /ID is cut from the manifest's SHA-256. Answers how many pages it has."""
    with target.open("w+b") as file:
        pages = assembly.assemble(Writer(file), units, enclosures, about, bytes.fromhex(manifest_sha256[:32]), report)
    seal(target)
    return pages


def seal(path: Path) -> None:
    """Write the fingerprint, without holding the file."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(max(0, size - TAIL_BYTES))
        start = file.tell() + _identifiers(file.read()).start(2)
        file.seek(start)
        file.write(b"0" * 32)
        file.seek(0)
        fingerprint = hashlib.file_digest(file, "sha256").hexdigest()[:32]
        file.seek(start)
        file.write(fingerprint.encode())


def is_whole(data: bytes) -> bool:
    """Whether the fingerprint in the file is that of the file. Raises ValueError when there is none."""
    start, end = _second_half(data)
    blank = data[:start] + b"0" * 32 + data[end:]
    return data[start:end].lower() == hashlib.sha256(blank).hexdigest()[:32].encode()


def first_identifier(data: bytes) -> str:
    match = _identifiers(data)
    return match[1].decode().lower()


def _second_half(data: bytes) -> tuple[int, int]:
    match = _identifiers(data)
    begin = max(0, len(data) - TAIL_BYTES)
    return match.start(2) + begin, match.end(2) + begin


def _identifiers(data: bytes) -> re.Match[bytes]:
    found = list(IDENTIFIERS.finditer(data[-TAIL_BYTES:]))
    if not found:
        raise ValueError("The file has no fingerprint: it was not made here, or its end is missing.")
    return found[-1]
