"""The keys that sign checkpoints: one PEM file per epoch under CLEARHOLD_KEYS_DIR, and its public half beside it.

Only the sequencer reads the private file. Whoever verifies needs the `.pub` files alone. One key signs for all
organizations of an installation, under the name of each organization's tree.
"""

import os
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from django.conf import settings

from evidence.errors import Unavailable
from evidence.ledger.notes import SigningKey, VerifierKey


def origin(organization_id: UUID) -> str:
    """The name of an organization's tree: the first line of its checkpoints and the name of its key.

    It must never change, so it does not follow the portal's address; CLEARHOLD_LEDGER_ORIGIN is chosen once.
    """
    return f"{getattr(settings, 'CLEARHOLD_LEDGER_ORIGIN', 'clearhold')}/{organization_id}"


def signing_key(organization_id: UUID) -> SigningKey:
    """The newest epoch's private key. Raises Unavailable when it is missing or others could read it."""
    paths = _files("*.pem")
    if not paths:
        raise Unavailable(
            "There is no key to sign the history with.", help="manage.py sequencer creates one when it starts."
        )
    path = paths[-1]
    if path.stat().st_mode & 0o077:
        raise Unavailable(f"The signing key {path.name} may be read by others.", help="Set its mode to 0600.")
    return SigningKey(origin(organization_id), _private(path))


def verifier_keys(organization_id: UUID) -> list[VerifierKey]:
    """The public keys of all epochs, oldest first."""
    return [VerifierKey(origin(organization_id), public) for public in public_keys()]


def public_keys() -> list[bytes]:
    """The installation's public keys, 32 bytes each, oldest first."""
    found = []
    for path in _files("*.pub"):
        key = load_pem_public_key(path.read_bytes())
        if not isinstance(key, Ed25519PublicKey):
            raise Unavailable(f"{path.name} is not an Ed25519 key.")
        found.append(key.public_bytes_raw())
    return found


def ensure_key() -> Path:
    """The newest private key's path; the first key is created when there is none yet."""
    if not _files("*.pem"):
        folder = Path(settings.CLEARHOLD_KEYS_DIR)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        private = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        _create(folder / "ledger-0001.pem", private, 0o600)
    path = _files("*.pem")[-1]
    if not path.with_suffix(".pub").exists():
        public = _private(path).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        _create(path.with_suffix(".pub"), public, 0o644)
    return path


def _private(path: Path) -> Ed25519PrivateKey:
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise Unavailable(f"The signing key {path.name} is not an Ed25519 key.")
    return key


def _files(pattern: str) -> list[Path]:
    return sorted(Path(settings.CLEARHOLD_KEYS_DIR).glob(f"ledger-{pattern}"))


def _create(path: Path, content: bytes, mode: int) -> None:
    # Linked into place whole: of two processes that start together one makes the file and both read the same.
    draft = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
