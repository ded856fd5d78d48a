"""Secrets of sign-in sealed at rest: a copy of the database alone opens none of them.

Each text has a data key of its own, wrapped by the installation's key-encryption key (evidence/vault/keys.py), which
stands outside the database and may stand in a key management service.
"""

import base64
import os
from uuid import UUID, uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from evidence.vault import keys
from evidence.vault.sealing import KEY_BYTES, WrongKey

FORMAT = "s1"


def seal(text: str) -> str:
    """The text under the current key. Raises KeysUnavailable without one."""
    ring, slip, data_key, nonce = keys.keyring(), uuid4(), os.urandom(KEY_BYTES), os.urandom(12)
    wrapped = ring.wrap(data_key, blob_id=slip)
    sealed = nonce + AESGCM(data_key).encrypt(nonce, text.encode(), slip.bytes)
    return ":".join([FORMAT, wrapped.kek_id, slip.hex, _written(wrapped.data), _written(sealed)])


def unseal(sealed: str) -> str:
    """What was sealed. Raises WrongKey for an altered text, KeysUnavailable when its key is away."""
    try:
        form, kek_id, slip, wrapped, content = sealed.split(":")
        data, bytes_, blob_id = _read(wrapped), _read(content), UUID(slip)
    except ValueError:
        form = ""
    if form != FORMAT:
        raise WrongKey("A sealed secret has a form that this version doesn't read.")
    data_key = keys.keyring().unwrap(keys.Wrapped(kek_id, data), blob_id=blob_id)
    try:
        return AESGCM(data_key).decrypt(bytes_[:12], bytes_[12:], blob_id.bytes).decode()
    except InvalidTag:
        raise WrongKey("A sealed secret was altered.") from None


def key_of(sealed: str) -> str:
    """The id of the key-encryption key that wraps a sealed text."""
    return sealed.split(":")[1] if sealed.startswith(f"{FORMAT}:") else ""


def _written(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()


def _read(text: str) -> bytes:
    return base64.urlsafe_b64decode(text.encode())
