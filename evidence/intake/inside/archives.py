"""Archives: the table of contents within caps, real bytes counted without keeping them, inner files handed on.

What a header claims is never believed: sizes are counted by unpacking into nothing, up to the budget.
"""

import bz2
import io
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, BinaryIO

from evidence.intake.inside.found import INNER_BYTES, MAX_ENTRIES, Inner, Report

MAX_DIRECTORY_BYTES = 4 * 1024 * 1024
MAX_RATIO = 100
RATIO_FLOOR_BYTES = 1024 * 1024
MAX_TOTAL_BYTES = 64 * 1024**3
PIECE = 256 * 1024
XZ_MEMORY_BYTES = 128 * 1024 * 1024
_DRIVE = re.compile(r"^[A-Za-z]:")
_OFFICE = {"word/": "docx", "xl/": "xlsx", "ppt/": "pptx"}
Look = Callable[[Inner, Report], None]


def look_zip(inner: Inner, report: Report, look: Look) -> None:
    if MAX_DIRECTORY_BYTES < _directory_bytes(inner) <= inner.size:
        report.say("bomb.directory", inner.where)
        return
    try:
        archive = zipfile.ZipFile(inner.file)
        entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, EOFError, OverflowError) as error:
        report.say("broken.archive", inner.where, str(error))
        return
    office = _office(entries)
    if office:
        report.say("office", inner.where, office)
    if len(entries) > MAX_ENTRIES:
        report.say("bomb.entries", inner.where, count=len(entries))
        return
    _names(((entry.filename, _is_link(entry)) for entry in entries), inner, report)
    _sizes(entries, inner, report)
    if any(entry.flag_bits & 1 for entry in entries):
        report.say("password.archive", inner.where)
    if any(entry.filename.rsplit("/", 1)[-1].lower() == "vbaproject.bin" for entry in entries):
        report.say("macros", inner.where)
    _unpack_zip(entries, inner, report, look, is_office=bool(office))


def _unpack_zip(entries: list[zipfile.ZipInfo], inner: Inner, report: Report, look: Look, *, is_office: bool) -> None:
    packed = real = 0
    for entry in entries:
        if entry.is_dir() or entry.flag_bits & 1:
            continue
        # The parts of an office document are read by its own reader, so here they are only counted.
        kept = None if is_office and not entry.filename.startswith(_EMBEDDED) else io.BytesIO()
        count = _count(_pieces(inner.file, entry), report, kept)
        if count is None:
            report.say("uncounted", inner.where)
            break
        packed, real = packed + entry.compress_size, real + count
        if count > entry.file_size:
            report.say("bomb.lies", inner.where, entry.filename)
        if real > max(RATIO_FLOOR_BYTES, packed * MAX_RATIO):
            report.say("bomb.ratio", inner.where, count=real)
            break
        if kept is not None and 0 < count <= INNER_BYTES:
            look(inner.holds(kept.getvalue(), entry.filename), report)


_EMBEDDED = ("word/embeddings/", "xl/embeddings/", "ppt/embeddings/")


def _office(entries: list[zipfile.ZipInfo]) -> str:
    names = {entry.filename for entry in entries}
    if "[Content_Types].xml" not in names:
        return ""
    return next((kind for folder, kind in _OFFICE.items() if any(name.startswith(folder) for name in names)), "")


def _is_link(entry: zipfile.ZipInfo) -> bool:
    return entry.external_attr >> 28 == 0xA


def _names(entries: Iterator[tuple[str, bool]], inner: Inner, report: Report) -> None:
    seen: set[str] = set()
    links: set[str] = set()
    counts = {"paths.climb": 0, "paths.absolute": 0, "paths.twice": 0, "paths.link": 0, "paths.through": 0}
    for name, is_link in entries:
        plain = name.replace("\\", "/")
        parts = plain.split("/")
        counts["paths.climb"] += ".." in parts
        counts["paths.absolute"] += plain.startswith("/") or bool(_DRIVE.match(plain))
        folded = plain.casefold()
        counts["paths.twice"] += folded in seen
        seen.add(folded)
        folders = {"/".join(parts[:end]) for end in range(1, len(parts))}
        counts["paths.through"] += bool(folders & links)
        if is_link:
            counts["paths.link"] += 1
            links.add(plain)
    for code, count in counts.items():
        if count:
            report.say(code, inner.where, count=count)


def _sizes(entries: list[zipfile.ZipInfo], inner: Inner, report: Report) -> None:
    declared = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries)
    if declared > MAX_TOTAL_BYTES or declared > max(RATIO_FLOOR_BYTES, packed * MAX_RATIO):
        report.say("bomb.ratio", inner.where, count=declared)
    spans = sorted((entry.header_offset, entry.compress_size) for entry in entries)
    for (at, length), (following, _) in pairwise(spans):
        # 30 bytes is a local header without its name: two entries can't share them.
        if at + 30 + length > following:
            report.say("bomb.overlap", inner.where)
            return


def _pieces(file: BinaryIO, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    """The entry unpacked, whatever size it claims: Python's own reader stops at the claim."""
    file.seek(entry.header_offset)
    head = file.read(30)
    if len(head) < 30 or not head.startswith(b"PK\x03\x04"):
        return
    file.seek(int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little"), io.SEEK_CUR)
    packed = _limited(file, entry.compress_size)
    if entry.compress_type == zipfile.ZIP_STORED:
        yield from packed
    elif entry.compress_type == zipfile.ZIP_DEFLATED:
        yield from _inflated(packed, -15)
    elif entry.compress_type == zipfile.ZIP_BZIP2:
        yield from _stream(packed, bz2.BZ2Decompressor())


def _limited(file: BinaryIO, length: int) -> Iterator[bytes]:
    while length > 0 and (data := file.read(min(PIECE, length))):
        length -= len(data)
        yield data


def _inflated(packed: Iterator[bytes], window: int) -> Iterator[bytes]:
    engine = zlib.decompressobj(window)
    try:
        for data in packed:
            while data:
                yield engine.decompress(data, PIECE)
                data = engine.unconsumed_tail
            if engine.eof:
                return
    except zlib.error:
        return


def _stream(packed: Iterator[bytes], engine: Any) -> Iterator[bytes]:
    try:
        for data in packed:
            yield engine.decompress(data, PIECE)
            while not engine.eof and not engine.needs_input:
                yield engine.decompress(b"", PIECE)
            if engine.eof:
                return
    except (OSError, EOFError, ValueError, lzma.LZMAError):
        return


def _count(pieces: Iterator[bytes], report: Report, kept: io.BytesIO | None) -> int | None:
    """Real bytes; None when the budget ends. `kept` receives them as long as they are few."""
    count = 0
    for piece in pieces:
        count += len(piece)
        report.budget.count_bytes -= len(piece)
        if report.budget.count_bytes < 0:
            return None
        if kept is not None and count <= INNER_BYTES:
            kept.write(piece)
    return count


def look_packed(inner: Inner, report: Report, look: Look, kind: str) -> None:
    """One packed stream: gzip, bzip2, xz."""
    inner.file.seek(0)
    source = _limited(inner.file, inner.size)
    if kind == "gzip":
        pieces = _inflated(source, 31)
    else:
        engine = bz2.BZ2Decompressor() if kind == "bzip2" else lzma.LZMADecompressor(memlimit=XZ_MEMORY_BYTES)
        pieces = _stream(source, engine)
    kept = io.BytesIO()
    count = _count(pieces, report, kept)
    if count is None or count > max(RATIO_FLOOR_BYTES, inner.size * MAX_RATIO):
        report.say("bomb.ratio" if count is None or count else "uncounted", inner.where, count=count or 0)
    elif count == 0 and inner.size > 64:
        report.say("broken.archive", inner.where, "nothing could be unpacked")
    elif count <= INNER_BYTES:
        look(inner.holds(kept.getvalue(), inner.name.rpartition(".")[0]), report)
    else:
        report.say("uncounted", inner.where)


def look_tar(inner: Inner, report: Report, look: Look) -> None:
    inner.file.seek(0)
    members: list[tarfile.TarInfo] = []
    try:
        with tarfile.open(fileobj=inner.file, mode="r:") as archive:
            for member in archive:
                members.append(member)
                if len(members) > MAX_ENTRIES:
                    report.say("bomb.entries", inner.where, count=len(members))
                    return
            _names(((member.name, member.issym() or member.islnk()) for member in members), inner, report)
            for member in members:
                source = archive.extractfile(member) if member.isreg() and 0 < member.size <= INNER_BYTES else None
                if source is not None and report.budget.count_bytes >= member.size:
                    report.budget.count_bytes -= member.size
                    look(inner.holds(source.read(), member.name), report)
    except (tarfile.TarError, EOFError, ValueError, OSError) as error:
        report.say("broken.archive", inner.where, str(error))


def _directory_bytes(inner: Inner) -> int:
    """What the end record says of the table of contents, in the record for large archives too."""
    tail = min(inner.size, 65_557 + 76)
    inner.file.seek(inner.size - tail)
    data = inner.file.read(tail)
    at = data.rfind(b"PK\x05\x06")
    if at < 0:
        return 0
    length = int.from_bytes(data[at + 12 : at + 16], "little")
    large = data.rfind(b"PK\x06\x06", 0, at)
    return int.from_bytes(data[large + 40 : large + 48], "little") if length == 0xFFFFFFFF and large >= 0 else length
