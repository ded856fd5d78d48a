"""Pages as PNG, drawn by a child process that may fail without harm."""

from dataclasses import dataclass

from evidence.errors import Refused, TooLarge
from evidence.limited import running
from evidence.previews import Kind
from evidence.vault import services as vault
from evidence.vault.models import Blob

PROGRAM = "evidence.previews.inside.drawing"
MAX_BYTES = 32 * 1000 * 1000
MAX_PAGE = 20
PNG_START = b"\x89PNG\r\n\x1a\n"


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
    try:
        with vault.plain(blob) as file:
            answer = running.run(PROGRAM, file, blob.size, {"kind": kind.value, "page": page})
    except running.Failed:
        raise NoPicture(
            "The file can't be drawn within the limits of memory and time. It is stored as it came."
        ) from None
    if "error" in answer.facts or not answer.data.startswith(PNG_START):
        raise NoPicture("The file can't be drawn; it may be damaged or have a password. It is stored as it came.")
    facts = answer.facts
    return Picture(answer.data, int(facts["pages"]), int(facts["width"]), int(facts["height"]))
