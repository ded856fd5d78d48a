"""Archives: a slip sheet that lists what they hold, as far as their lists can be read; nothing of them is kept unpacked."""

import bz2
import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from django.utils.translation import gettext, gettext_lazy, ngettext

from evidence.limited.readers import plain
from portal.packages import wording
from portal.packages.exhibits.pieces import Copy, Desk, NotLaidOut, Piece

MOST_NAMES, MOST_ENTRIES = 400, 200_000
NAME_CHARACTERS = 120
#: Of a packed tar, which has its list between its files: what lies further in is not looked for.
UNPACKED_BYTES = 1 << 30
BROKEN = (
    zipfile.BadZipFile, tarfile.TarError, OSError, EOFError, ValueError, NotImplementedError, OverflowError, zlib.error,
    lzma.LZMAError,
)  # fmt: skip
PACKED = {"gzip": gzip.open, "x-gzip": gzip.open, "bzip2": bz2.open, "x-bzip2": bz2.open, "x-xz": lzma.open}
UNREAD = gettext_lazy("It is an archive of a kind whose list is not read here. What it holds is not laid out.")

Entry = tuple[str, int, bool]


def refuse(piece: Piece, desk: Desk) -> Copy:
    """Always raises NotLaidOut, with the names and sizes of what is inside."""
    try:
        found = list(islice(_entries(piece, desk.source(piece)), MOST_ENTRIES))
    except BROKEN:
        raise NotLaidOut(gettext("It is an archive whose list can't be read: it may be damaged.")) from None
    if not found:
        raise NotLaidOut(gettext("It is an archive that holds no file."))
    raise NotLaidOut(_said(found), tuple(_listed(found)))


def _entries(piece: Piece, source: Path) -> Iterator[Entry]:
    """Name, size when unpacked, and whether a password locks it."""
    kind = piece.media_type.removeprefix("application/")
    if kind in ("zip", "x-zip-compressed", "java-archive"):
        with zipfile.ZipFile(source) as archive:
            yield from ((e.filename, e.file_size, bool(e.flag_bits & 1)) for e in archive.infolist() if not e.is_dir())
    elif kind == "x-tar":
        with source.open("rb") as file:
            yield from _of_tar(file)
    elif kind in PACKED:
        yield from _of_packed(piece, source, kind)
    else:
        raise NotLaidOut(str(UNREAD))


def _of_packed(piece: Piece, source: Path, kind: str) -> Iterator[Entry]:
    with PACKED[kind](source, "rb") as file:
        try:
            yield from _of_tar(file)
            return
        except tarfile.ReadError:
            file.seek(0)
        size = 0
        while size <= UNPACKED_BYTES and (part := file.read(1 << 20)):
            size += len(part)
    yield piece.filename.rpartition(".")[0] or piece.filename, size, False


def _of_tar(file: object) -> Iterator[Entry]:
    with tarfile.open(fileobj=file, mode="r|") as archive:  # type: ignore[call-overload]
        for each in archive:
            if not each.isdir():
                yield each.name, each.size, False
            if archive.offset > UNPACKED_BYTES:
                return


def _said(found: list[Entry]) -> str:
    total = sum(size for _, size, _ in found)
    words = ngettext(
        "It is an archive of %(number)s file, %(size)s unpacked; it is listed here and not laid out.",
        "It is an archive of %(number)s files, %(size)s unpacked; they are listed here and not laid out.",
        len(found),
    )
    if len(found) >= MOST_ENTRIES or total > UNPACKED_BYTES:
        words = gettext(
            "It is an archive of at least %(number)s files, %(size)s unpacked; the first are listed here and not laid out."
        )
    said = words % {"number": wording.figures(len(found)), "size": wording.size(total)}
    if any(is_locked for _, _, is_locked in found):
        said = gettext("%(sentence)s What is marked as locked needs a password.") % {"sentence": said}
    return said


def _listed(found: list[Entry]) -> Iterator[str]:
    for name, size, is_locked in found[:MOST_NAMES]:
        shown = plain.cleaned(name.replace("\n", " "))
        if len(shown) > NAME_CHARACTERS:
            shown = f"{shown[: NAME_CHARACTERS - 1]}…"
        # Translators: a file in an archive, with its size, and that a password locks it.
        words = gettext("%(name)s (%(size)s, locked)") if is_locked else "%(name)s (%(size)s)"
        yield words % {"name": shown, "size": wording.size(size)}
    if len(found) > MOST_NAMES:
        yield wording.more(len(found) - MOST_NAMES)
