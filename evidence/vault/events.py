"""What can be recorded about stored bytes: checks, damage and mending, moves, new wrappings, destroyed keys."""

from uuid import UUID

from evidence.ledger.events import Event
from evidence.ledger.services import Subject
from evidence.vault.models import Blob

VAULT_ERASED = Event("vault.erased", "{actor} destroyed the key of {subject}")
VAULT_DAMAGED = Event("vault.damaged", "{actor} found that {subject} is not what was stored")
VAULT_MENDED = Event("vault.mended", "{actor} found {subject} as it was stored again")
VAULT_VERIFIED = Event("vault.verified", "{actor} had files of {subject} read and hashed again")
VAULT_MOVED = Event("vault.moved", "{actor} moved {subject} to another store")
VAULT_REWRAPPED = Event("vault.rewrapped", "{actor} wrapped keys of {subject} anew")


def file(blob: Blob) -> Subject:
    """A blob as events name it: by the beginning of its SHA-256, which pages show as well."""
    return Subject("vault.blob", blob.pk, f"file {blob.sha256[:12]}")


def vault(organization_id: UUID) -> Subject:
    """All stored files of an organization."""
    return Subject("organizations.organization", organization_id, "the vault")
