"""What opens a link: a token that stands in its address, and a passphrase that goes another way. Both are kept as hashes.

The token begins with the organization's id, so that the request can enter it before it reads a row; what follows are
192 bits of chance. Whoever lacks them learns nothing from the id.
"""

import base64
import hashlib
import secrets
from uuid import UUID

CHANCE_BYTES = 24
# Without letters and digits that are taken for each other (Crockford's base 32).
LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
GROUPS, GROUP = 4, 4


def token(organization_id: UUID) -> str:
    """A new token."""
    return base64.urlsafe_b64encode(organization_id.bytes + secrets.token_bytes(CHANCE_BYTES)).rstrip(b"=").decode()


def organization_of(text: str) -> UUID | None:
    """The organization that a token names; None for what is no token."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None
    return UUID(bytes=raw[:16]) if len(raw) == 16 + CHANCE_BYTES else None


def passphrase() -> str:
    """A new passphrase of 80 bits, in groups that can be read out."""
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(GROUP)) for _ in range(GROUPS))


def sha256(text: str) -> str:
    # Both are chance of 80 bits and more: nothing slower is needed to keep them from being guessed.
    return hashlib.sha256(text.encode()).hexdigest()


def plain(text: str) -> str:
    """A passphrase as it was typed, in the one spelling that is hashed."""
    return "".join(text.upper().replace("O", "0").replace("I", "1").replace("L", "1").split()).replace("-", "")
