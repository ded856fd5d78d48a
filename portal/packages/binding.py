"""Puts the files of a package into its PDF and closes it with a fingerprint over every byte.

The second half of the PDF's /ID is the first 16 bytes of the SHA-256 of the whole file with that half set to zeros.
It is not a signature: it shows damage, not who did it. The file's full SHA-256 is an event of the ledger.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pikepdf
from pikepdf import Array, AttachedFileSpec, Dictionary, Name

#: The trailer's identifiers as qpdf writes them; both halves have 16 bytes.
IDENTIFIERS = re.compile(rb"/ID\s*\[\s*<([0-9a-fA-F]{32})>\s*<([0-9a-fA-F]{32})>\s*\]")
TAIL_BYTES = 1 << 20


@dataclass(frozen=True)
class Enclosure:
    """A file to attach: its name inside, where its bytes are, what it is to the document."""

    path: str
    source: Path
    media_type: str
    relationship: str
    description: str
    dated: datetime


def bind(body: Path, target: Path, enclosures: Iterable[Enclosure], *, manifest_sha256: str) -> None:
    """Write `body` with the enclosed files as `target`; the first half of /ID is cut from the manifest's SHA-256."""
    with pikepdf.open(body) as pdf:
        associated = []
        for enclosure in enclosures:
            spec = AttachedFileSpec(
                pdf,
                enclosure.source.read_bytes(),
                filename=enclosure.path,
                description=enclosure.description,
                mime_type=enclosure.media_type,
                creation_date=_pdf_date(enclosure.dated),
                mod_date=_pdf_date(enclosure.dated),
                relationship=Name("/" + enclosure.relationship),
            )
            pdf.attachments[enclosure.path] = spec
            associated.append(spec.obj)
        pdf.Root.AF = Array(associated)
        pdf.Root.PageMode = Name.UseOutlines
        pdf.Root.ViewerPreferences = Dictionary(DisplayDocTitle=True)
        pdf.Root.PageLabels = Dictionary(Nums=Array([0, Dictionary(S=Name.D, St=1)]))
        pdf.save(target, deterministic_id=True, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    _name_manifest(target, manifest_sha256)
    seal(target)


def _name_manifest(path: Path, sha256: str) -> None:
    # In hex, and here: in a literal string, which is what is printed, a carriage return is read back as a line feed.
    first, _ = _halves(path.read_bytes())
    with path.open("r+b") as file:
        file.seek(first.start)
        file.write(sha256[:32].encode())


def seal(path: Path) -> None:
    data = bytearray(path.read_bytes())
    start, end = _second_half(bytes(data))
    data[start:end] = b"0" * 32
    data[start:end] = hashlib.sha256(data).hexdigest()[:32].encode()
    path.write_bytes(data)


def is_whole(data: bytes) -> bool:
    """Whether the fingerprint in the file is that of the file. Raises ValueError when there is none."""
    start, end = _second_half(data)
    blank = data[:start] + b"0" * 32 + data[end:]
    return data[start:end].lower() == hashlib.sha256(blank).hexdigest()[:32].encode()


def first_identifier(data: bytes) -> str:
    match = _identifiers(data)
    return match[1].decode().lower()


def _pdf_date(value: datetime) -> str:
    return value.astimezone(UTC).strftime("D:%Y%m%d%H%M%SZ")


def _second_half(data: bytes) -> tuple[int, int]:
    second = _halves(data)[1]
    return second.start, second.stop


def _halves(data: bytes) -> tuple[range, range]:
    match = _identifiers(data)
    begin = max(0, len(data) - TAIL_BYTES)
    first, second = (range(match.start(n) + begin, match.end(n) + begin) for n in (1, 2))
    return first, second


def _identifiers(data: bytes) -> re.Match[bytes]:
    found = list(IDENTIFIERS.finditer(data[-TAIL_BYTES:]))
    if not found:
        raise ValueError("The file has no fingerprint: it was not made here, or its end is missing.")
    return found[-1]
