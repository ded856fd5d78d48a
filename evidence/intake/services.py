"""Take a file in: store it sealed, find out what it is, and note what is odd about it. Nothing is recorded yet."""

import hmac
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from evidence import tenancy
from evidence.errors import Invalid
from evidence.intake import checks, looks, names, types
from evidence.intake.privacy import Found
from evidence.organizations import queries as policies
from evidence.vault import services as vault


class DigestDiffers(Invalid):
    code = "digest_differs"


@dataclass(frozen=True)
class Received:
    """A stored file and what was found out about it; an artifact's version is made from it.

    `personal` is None when the file is large and the search for personal data is left to a job.
    """

    sealed: vault.Sealed
    filename: str
    mime: str
    claimed_mime: str
    notes: tuple[checks.Note, ...]
    personal: Found | None = None

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
    look, personal = looks.into(sealed, name=name, own_domains=own_domains(sealed.organization_id))
    incoming = checks.Incoming(
        filename=name,
        given_name=filename,
        extension=names.extension(name),
        mime=_mime(sealed.head, name, look),
        claimed_mime=claimed_mime.partition(";")[0].strip().lower()[:120],
        size=sealed.size,
        head=sealed.head,
        look=look,
    )
    return Received(sealed, name, incoming.mime, incoming.claimed_mime, tuple(checks.notes_on(incoming)), personal)


def own_domains(organization_id: UUID) -> frozenset[str]:
    """The domains whose e-mail addresses are the organization's own people, by its policy."""
    with transaction.atomic(), tenancy.entered(organization_id):
        body = policies.policy(organization_id, "personal_data").body
    return frozenset(str(domain).lower().strip().lstrip("@") for domain in body["own_domains"])


def _mime(head: bytes, name: str, look: looks.Look) -> str:
    mime = types.refined(types.sniffed(head), names.extension(name))
    office = look.first("office")
    if office is not None and not office.where:
        return types.office_type(office.detail) or mime
    # libmagic guesses at the program that made a zip; what counts is whether it is one.
    is_zip = head.startswith((b"PK\x03\x04", b"PK\x05\x06"))
    return types.ZIP if is_zip and not look.failed and not look.first("broken.archive") else mime
