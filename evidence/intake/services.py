"""Take a file in: store it sealed, find out what it is, and note what is odd about it. Nothing is recorded yet."""

import hmac
from dataclasses import dataclass
from uuid import UUID

from evidence.errors import Invalid
from evidence.intake import checks, names, types
from evidence.vault import services as vault


class DigestDiffers(Invalid):
    code = "digest_differs"


@dataclass(frozen=True)
class Received:
    """A stored file and what was found out about it; an artifact's version is made from it."""

    sealed: vault.Sealed
    filename: str
    mime: str
    claimed_mime: str
    notes: tuple[checks.Note, ...]

    @property
    def is_blocked(self) -> bool:
        return any(note.blocks for note in self.notes)


def take(
    stream: vault.Source,
    *,
    filename: str,
    organization_id: UUID,
    limit_bytes: int,
    claimed_mime: str = "",
    expected_sha256: str = "",
) -> Received:
    """Store a stream and examine it. Raises TooLarge, Unavailable or DigestDiffers; then nothing is left behind."""
    sealed = vault.store(stream, organization_id=organization_id, limit_bytes=limit_bytes)
    return examine(sealed, filename=filename, claimed_mime=claimed_mime, expected_sha256=expected_sha256)


def examine(sealed: vault.Sealed, *, filename: str, claimed_mime: str = "", expected_sha256: str = "") -> Received:
    """Find out what stored bytes are. A digest that differs from the sender's removes them again."""
    if expected_sha256 and not hmac.compare_digest(expected_sha256.lower().strip().encode(), sealed.sha256.encode()):
        vault.discard(sealed)
        raise DigestDiffers(
            f"The file arrived with SHA-256 {sealed.sha256}, but you said {expected_sha256}. Nothing of it was kept.",
            help="Send it again; if it differs again, compute the digest anew.",
            details={"received_sha256": sealed.sha256},
        )
    name = names.cleaned(filename)
    mime, look = types.refined(types.sniffed(sealed.head), names.extension(name)), None
    if types.is_zip(sealed.head):
        with vault.plain(sealed) as file:
            look = types.zip_look(file, sealed.size)
        mime = types.office_type(look) or (types.ZIP if look.readable else mime)
    incoming = checks.Incoming(
        filename=name,
        extension=names.extension(name),
        mime=mime,
        claimed_mime=claimed_mime.partition(";")[0].strip().lower()[:120],
        size=sealed.size,
        head=sealed.head,
        zip=look,
    )
    return Received(sealed, name, mime, incoming.claimed_mime, tuple(checks.notes_on(incoming)))
