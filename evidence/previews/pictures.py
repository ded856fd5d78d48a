"""Pages as PNG, drawn by a child process that may fail without harm."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from threading import BoundedSemaphore

from evidence.errors import Refused, TooLarge, Unavailable
from evidence.previews import Kind
from evidence.vault import services as vault
from evidence.vault.models import Blob

CHILD = Path(__file__).with_name("child.py")
MAX_BYTES = 32 * 1000 * 1000
MAX_PAGE = 20
WALL_SECONDS = 20
PNG_START = b"\x89PNG\r\n\x1a\n"
# Two children at once per process: previews must not take the machine from approvals.
_slots = BoundedSemaphore(2)


class NoPicture(Refused):
    """The file can't be drawn; it is stored all the same."""

    code = "no_preview"
    status = 422


@dataclass(frozen=True)
class Picture:
    png: bytes
    pages: int
    width: int
    height: int


def drawn(blob: Blob, kind: Kind, page: int = 1) -> Picture:
    """One page of an image or PDF. Raises NoPicture with the reason when it can't be drawn safely."""
    if not 1 <= page <= MAX_PAGE:
        raise NoPicture(f"Previews show the first {MAX_PAGE} pages; download the file to see the others.")
    if blob.size > MAX_BYTES:
        raise TooLarge(f"Files over {vault.readable(MAX_BYTES)} have no preview; download the file to see it.")
    data = b"".join(vault.open(blob))
    if not _slots.acquire(timeout=WALL_SECONDS):
        raise Unavailable("Too many previews are being drawn. Try again in a moment.")
    try:
        answer = _run(data, kind, page)
    finally:
        _slots.release()
    head, _, png = answer.partition(b"\n")
    try:
        facts = json.loads(head)
    except ValueError:
        raise NoPicture(
            "The file can't be drawn within the limits of memory and time. It is stored as it came."
        ) from None
    if "error" in facts or not png.startswith(PNG_START):
        raise NoPicture("The file can't be drawn; it may be damaged or have a password. It is stored as it came.")
    return Picture(png, int(facts["pages"]), int(facts["width"]), int(facts["height"]))


def _run(data: bytes, kind: Kind, page: int) -> bytes:
    command = [sys.executable, "-I", str(CHILD), kind.value, str(page)]
    try:
        done = subprocess.run(
            command, input=data, capture_output=True, timeout=WALL_SECONDS, env={"LC_ALL": "C.UTF-8"}, check=False
        )
    except subprocess.TimeoutExpired:
        return b""
    return done.stdout
