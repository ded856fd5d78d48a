"""Office documents: set by LibreOffice when it is installed, then copied as the PDF that it makes."""

import os
import resource
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from django.utils.translation import gettext

from portal.packages.exhibits import pdfs
from portal.packages.exhibits.pieces import Copy, Desk, NotLaidOut, Piece

PROGRAMS = ("soffice", "libreoffice")
SECONDS = 90
#: It maps far more than it uses, so its limit on address space is another than a reader's.
MEMORY_BYTES = 4 << 30
#: What an encrypted document of Office has for a name inside, in sixteen-bit letters.
LOCKED = "EncryptedPackage".encode("utf-16-le")
SEARCHED_BYTES = 4 << 20
ARGUMENTS = ("--headless", "--norestore", "--nolockcheck", "--nodefault", "--nologo", "--convert-to", "pdf")


def copy(piece: Piece, desk: Desk) -> Copy:
    source = desk.source(piece)
    with source.open("rb") as file:
        if LOCKED in file.read(SEARCHED_BYTES):
            raise NotLaidOut(gettext("It is locked with a password, which the portal does not have."))
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        raise NotLaidOut(gettext("It is an office document, and this installation has no LibreOffice to lay it out."))
    room = desk.folder / f"office-{piece.number}"
    room.mkdir(exist_ok=True)
    try:
        made = _converted(program, source, room, piece)
        copied = pdfs.copied(made, desk.target(piece))
    finally:
        shutil.rmtree(room, ignore_errors=True)
    # Whether its own output needed repair says nothing of the exhibit.
    return Copy(
        [gettext("Laid out by LibreOffice; line breaks and pages may differ from the original."), *copied.notes]
    )


def _converted(program: str, source: Path, room: Path, piece: Piece) -> Path:
    extension = piece.filename.rpartition(".")[2].lower()
    named = room / f"exhibit.{extension if extension.isalnum() and len(extension) < 6 else 'bin'}"
    os.link(source, named)
    profile = (room / "profile").as_uri()
    process = subprocess.Popen(
        [program, *ARGUMENTS, "--outdir", str(room), f"-env:UserInstallation={profile}", str(named)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={"PATH": os.environ.get("PATH", ""), "HOME": str(room), "TMPDIR": str(room), "LANG": "C.UTF-8"},
        start_new_session=True,
        preexec_fn=_widen,
    )
    try:
        process.wait(SECONDS)
    except subprocess.TimeoutExpired:
        raise NotLaidOut(
            gettext("LibreOffice did not lay it out within %(seconds)s seconds.") % {"seconds": SECONDS}
        ) from None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    made = named.with_suffix(".pdf")
    if not made.is_file():
        raise NotLaidOut(gettext("LibreOffice could not lay it out; it may be damaged."))
    return made


def _widen() -> None:
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    amount = MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(MEMORY_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_AS, (amount, hard))
