"""What nobody can read or check: empty, password-protected, broken or absurdly packed files."""

from collections.abc import Iterator

from evidence.intake.checks import Incoming, Note
from evidence.intake.types import OLE

MAX_RATIO = 100
RATIO_FLOOR_BYTES = 1024 * 1024
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")


def check(incoming: Incoming) -> Iterator[Note]:
    if incoming.size == 0:
        yield Note("empty", "The file is empty.")
    if incoming.mime == OLE and _ENCRYPTED_PACKAGE in incoming.head:
        yield Note("password", "The document has a password, so nobody can read it here. Save it without one.")
    if incoming.mime == "application/pdf" and b"/Encrypt" in incoming.head:
        yield Note("password", "The PDF is encrypted. If it needs a password to open, replace it by one without.")
    yield from _archive(incoming)


def _archive(incoming: Incoming) -> Iterator[Note]:
    look = incoming.zip
    if look is None:
        return
    if not look.readable:
        yield Note("broken_archive", f"The archive can't be looked into: {look.reason}.")
        return
    if look.encrypted:
        yield Note("password", "The archive has a password, so it can't be checked. Pack it without one.")
    if look.plain_bytes > max(RATIO_FLOOR_BYTES, look.packed_bytes * MAX_RATIO):
        yield Note(
            "bomb",
            f"Unpacked, the archive would be {look.plain_bytes:,} bytes, more than {MAX_RATIO} times its size. "
            "It is stored as it came and never unpacked here.",
            blocks=True,
        )
    if look.symlinks or any(name.startswith(("/", "\\")) or ".." in name.split("/") for name in look.names):
        yield Note("archive_paths", "The archive holds links or paths that point outside it. Unpack it with care.")
