"""Office documents: what LibreOffice makes of them, where it is installed; of its tables the values, as those of others.

What a document is decides its content alone, so that a page of the web that is named “.doc” is never opened as one.
"""

import shutil
import struct
import zipfile
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

from django.utils.translation import gettext, gettext_lazy

from portal.packages.exhibits import libreoffice, pdfs, tables
from portal.packages.exhibits.compound import MAGIC, MOST_BYTES, Compound
from portal.packages.exhibits.pieces import Copy, Desk, NotLaidOut, Piece

LOCKED = gettext_lazy("It is locked with a password, which the portal does not have.")
SET = gettext_lazy("Laid out by LibreOffice; line breaks and pages may differ from the original.")
READ = gettext_lazy("Read by LibreOffice; values as they are stored, nothing is computed anew.")
FOREIGN = gettext_lazy("Its content is not that of an office document, whatever its name says.")
UNPACKED_BYTES = 1 << 30
MOST_PARTS = 20_000
HEAD_BYTES = 1 << 12


class Form(StrEnum):
    """What is inside, as the extension by which LibreOffice is told of it."""

    WORDS = "doc"
    SLIDES = "ppt"
    SHEETS = "xls"
    DRAWING = "vsd"
    RICH = "rtf"
    OPEN_WORDS = "docx"
    OPEN_SLIDES = "pptx"
    OPEN_SHEETS = "xlsx"
    BINARY_SHEETS = "xlsb"
    OPEN_DRAWING = "vsdx"
    FREE_WORDS = "odt"
    FREE_SLIDES = "odp"
    FREE_SHEETS = "ods"
    FREE_DRAWING = "odg"


TABLES = frozenset({Form.SHEETS, Form.BINARY_SHEETS, Form.FREE_SHEETS})
#: The stream of a compound file that names the program it is of.
STREAMS = {
    "WordDocument": Form.WORDS,
    "PowerPoint Document": Form.SLIDES,
    "Workbook": Form.SHEETS,
    "Book": Form.SHEETS,
    "VisioDocument": Form.DRAWING,
}
PARTS = {
    "word/": Form.OPEN_WORDS,
    "ppt/": Form.OPEN_SLIDES,
    "xl/workbook.bin": Form.BINARY_SHEETS,
    "xl/": Form.OPEN_SHEETS,
    "visio/": Form.OPEN_DRAWING,
}
FREE = {
    b"application/vnd.oasis.opendocument.text": Form.FREE_WORDS,
    b"application/vnd.oasis.opendocument.presentation": Form.FREE_SLIDES,
    b"application/vnd.oasis.opendocument.spreadsheet": Form.FREE_SHEETS,
    b"application/vnd.oasis.opendocument.graphics": Form.FREE_DRAWING,
    b"application/vnd.sun.xml.writer": Form.FREE_WORDS,
    b"application/vnd.sun.xml.impress": Form.FREE_SLIDES,
    b"application/vnd.sun.xml.calc": Form.FREE_SHEETS,
    b"application/vnd.sun.xml.draw": Form.FREE_DRAWING,
}


def copy(piece: Piece, desk: Desk) -> Copy:
    """Raises NotLaidOut for what is locked, damaged, no office document, or where nothing can open it."""
    source = desk.source(piece)
    form = form_of(source)
    if form == Form.OPEN_SHEETS:
        return tables.copy_workbook(piece, desk)
    room = desk.folder / f"office-{piece.number}"
    shutil.rmtree(room, ignore_errors=True)
    room.mkdir()
    try:
        if form in TABLES:
            copied = tables.copied(_as_workbook(source, form, room), piece, desk)
            return Copy([str(READ), *copied.notes])
        copied = pdfs.copied(libreoffice.converted(source, form, room, "pdf"), desk.target(piece))
        # Whether its own output needed repair says nothing of the exhibit.
        return Copy([str(SET), *copied.notes])
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _as_workbook(source: Path, form: Form, room: Path) -> Path:
    try:
        return libreoffice.converted(source, form, room, "xlsx")
    except NotLaidOut:
        # Some are locked with a password that every program knows, so only what could not be opened is called locked.
        if form == Form.SHEETS and _is_locked_book(Compound(source.read_bytes())):
            raise NotLaidOut(str(LOCKED)) from None
        raise


def form_of(source: Path) -> Form:
    """By what the file holds. Raises NotLaidOut for what is locked or no office document."""
    with source.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if head.startswith(MAGIC):
        return _in_compound(source)
    if head.startswith(b"PK"):
        return _in_zip(source)
    if head.lstrip().startswith(b"{\\rt"):
        return Form.RICH
    raise NotLaidOut(str(FOREIGN))


def _in_compound(source: Path) -> Form:
    if source.stat().st_size > MOST_BYTES:
        raise NotLaidOut(
            gettext("It is an office document of more than %(number)s MB, which is not opened here.")
            % {"number": MOST_BYTES >> 20}
        )
    try:
        held = Compound(source.read_bytes())
    except (ValueError, struct.error):
        raise NotLaidOut(gettext("It is damaged: the table of what it holds contradicts itself.")) from None
    names = held.names
    if names & {"EncryptedPackage", "EncryptedSummary"}:
        raise NotLaidOut(str(LOCKED))
    form = next((form for name, form in STREAMS.items() if name in names), None)
    if form is None:
        raise NotLaidOut(str(FOREIGN))
    if form == Form.WORDS and _is_locked_text(held):
        raise NotLaidOut(str(LOCKED))
    return form


def _is_locked_text(held: Compound) -> bool:
    # FibBase.fEncrypted, [MS-DOC] 2.5.2.
    with suppress(KeyError, ValueError, struct.error):
        return bool(struct.unpack_from("<H", held.stream("WordDocument"), 10)[0] & 0x0100)
    return False


def _is_locked_book(held: Compound) -> bool:
    # The record FilePass among the first of the workbook, [MS-XLS] 2.4.117.
    with suppress(KeyError, ValueError, struct.error):
        data = held.stream("Workbook" if "Workbook" in held.names else "Book")
        at = 0
        for _ in range(8):
            kind, length = struct.unpack_from("<HH", data, at)
            if kind == 0x2F:
                return True
            at += 4 + length
    return False


def _in_zip(source: Path) -> Form:
    try:
        with zipfile.ZipFile(source) as archive:
            parts = archive.infolist()
            names = [part.filename for part in parts]
            if any(part.flag_bits & 1 for part in parts):
                raise NotLaidOut(str(LOCKED))
            if sum(part.file_size for part in parts) > UNPACKED_BYTES or len(parts) > MOST_PARTS:
                raise NotLaidOut(gettext("It would unpack to more than is opened of an office document."))
            if "mimetype" in names:
                return _free(archive, names)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError):
        raise NotLaidOut(gettext("It is damaged: the list of its parts can't be read.")) from None
    form = next((form for begin, form in PARTS.items() if any(name.startswith(begin) for name in names)), None)
    if form is None:
        raise NotLaidOut(str(FOREIGN))
    return form


def _free(archive: zipfile.ZipFile, names: list[str]) -> Form:
    with archive.open("mimetype") as file:
        told = file.read(200).strip().removesuffix(b"-template")
    if "META-INF/manifest.xml" in names:
        with archive.open("META-INF/manifest.xml") as file:
            if b"encryption-data" in file.read(4 << 20):
                raise NotLaidOut(str(LOCKED))
    if told not in FREE:
        raise NotLaidOut(str(FOREIGN))
    return FREE[told]
