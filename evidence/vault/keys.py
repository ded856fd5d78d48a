"""Key-encryption keys: they wrap each blob's data key and are kept apart from database and blobs; never sent anywhere.

A key is 32 random bytes under a short id. Keys come from files (`vault-<id>.key` in CLEARHOLD_KEYS_DIR, mode 0600, the
id of the current one in `vault-current`) or from the environment (CLEARHOLD_VAULT_KEYS="<id>=<base64> …" and
CLEARHOLD_VAULT_CURRENT_KEY). Several may be there at once: old ones open, the current one seals. A key management
service can take their place: CLEARHOLD_VAULT_KEYRING names a class with the shape of `Keyring`.
"""

import base64
import binascii
import os
import re
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.utils.module_loading import import_string

from evidence.errors import Unavailable
from evidence.vault.sealing import KEY_BYTES, WrongKey

WRAP_FORMAT = 1
NONCE_BYTES = 12
CURRENT = "vault-current"
KEY_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
PRIVATE_MODE = 0o600


class KeysUnavailable(Unavailable):
    """No key can be had now, so nothing can be said about what it opens. A keyring raises it when its service is away."""

    code = "vault_keys_away"


class KeyMissing(KeysUnavailable):
    code = "vault_key_missing"


class KeyUnsafe(KeysUnavailable):
    code = "vault_key_unsafe"


@dataclass(frozen=True)
class Wrapped:
    kek_id: str
    data: bytes


class Keyring(Protocol):
    """What the vault needs of a keeper of keys; a key management service can stand behind it as well.

    `current` is the id of the key that wraps, at most 63 characters; `known` those that can unwrap. The blob's id has
    to be bound to the wrapping (a service calls it encryption context), so that it opens for that blob alone. `unwrap`
    raises WrongKey for what is not the wrapping of this blob, and KeysUnavailable when the keeper is away.
    """

    @property
    def current(self) -> str: ...

    def known(self) -> list[str]: ...

    def wrap(self, data_key: bytes, *, blob_id: UUID) -> Wrapped: ...

    def unwrap(self, wrapped: Wrapped, *, blob_id: UUID) -> bytes: ...


@dataclass(frozen=True)
class HeldKeys:
    """Keys held in memory."""

    keys: Mapping[str, bytes]
    current: str

    def known(self) -> list[str]:
        return sorted(self.keys)

    def wrap(self, data_key: bytes, *, blob_id: UUID) -> Wrapped:
        nonce = os.urandom(NONCE_BYTES)
        sealed = AESGCM(self._key(self.current)).encrypt(nonce, data_key, _associated(self.current, blob_id))
        return Wrapped(self.current, bytes([WRAP_FORMAT]) + nonce + sealed)

    def unwrap(self, wrapped: Wrapped, *, blob_id: UUID) -> bytes:
        data = wrapped.data
        if len(data) != 1 + NONCE_BYTES + KEY_BYTES + 16 or data[0] != WRAP_FORMAT:
            raise WrongKey(f"The wrapped key of blob {blob_id} has a form that this version doesn't read.")
        key, associated = self._key(wrapped.kek_id), _associated(wrapped.kek_id, blob_id)
        try:
            return AESGCM(key).decrypt(data[1 : 1 + NONCE_BYTES], data[1 + NONCE_BYTES :], associated)
        except InvalidTag:
            raise WrongKey(
                f"Key {wrapped.kek_id} doesn't open the data key of blob {blob_id}: "
                "the key was exchanged, or the wrapped key was altered or belongs to another blob."
            ) from None

    def _key(self, kek_id: str) -> bytes:
        try:
            return self.keys[kek_id]
        except KeyError:
            here = ", ".join(self.known()) or "none"
            raise KeyMissing(
                f"Vault key {kek_id} is not here; these are: {here}. Restore its file or setting."
            ) from None


def keyring() -> Keyring:
    """The keyring that the settings name, else the keys of files and environment as they are set up now."""
    named = getattr(settings, "CLEARHOLD_VAULT_KEYRING", "")
    return _plugged(named) if named else held()


@lru_cache(maxsize=4)
def _plugged(named: str) -> Keyring:
    # One for a process, so that it can keep its connections. A class that can't be found stops whoever asks.
    try:
        made: Keyring = import_string(named)()
    except ImportError as error:
        raise KeysUnavailable(f"CLEARHOLD_VAULT_KEYRING names {named}, which can't be loaded ({error}).") from error
    return made


def held() -> HeldKeys:
    """The keys of files and environment; read anew each time, so that a rotation needs no restart."""
    keys, current = _from_environment(os.environ)
    folder = Path(settings.CLEARHOLD_KEYS_DIR)
    found, named = _from_folder(folder)
    keys, current = {**found, **keys}, current or named
    if not keys and getattr(settings, "CLEARHOLD_KEYS_CREATE", False):
        create(folder)
        keys, current = _from_folder(folder)
    if not current or current not in keys:
        raise KeyMissing(
            f"No current vault key is set up in {folder} or CLEARHOLD_VAULT_KEYS. "
            "Create one with: manage.py vault_keys --create"
        )
    return HeldKeys(keys, current)


def create(folder: Path, kek_id: str | None = None) -> str:
    """Write a new random key and make it the current one; older keys stay for what they sealed."""
    kek_id = kek_id or f"k-{secrets.token_hex(4)}"
    if not KEY_ID.fullmatch(kek_id):
        raise ValueError("a key id has 1 to 63 lower-case letters, digits, dots, dashes and underscores")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write_once(folder / f"vault-{kek_id}.key", base64.b64encode(os.urandom(KEY_BYTES)) + b"\n")
    draft = folder / f".{CURRENT}.{secrets.token_hex(4)}"
    _write_once(draft, f"{kek_id}\n".encode())
    draft.replace(folder / CURRENT)
    _sync_folder(folder)
    return kek_id


def _from_environment(environment: Mapping[str, str]) -> tuple[dict[str, bytes], str]:
    keys = {}
    for entry in environment.get("CLEARHOLD_VAULT_KEYS", "").split():
        kek_id, _, text = entry.partition("=")
        keys[kek_id] = _decoded(text, f"CLEARHOLD_VAULT_KEYS, key {kek_id}")
    return keys, environment.get("CLEARHOLD_VAULT_CURRENT_KEY", "").strip()


def _from_folder(folder: Path) -> tuple[dict[str, bytes], str]:
    keys = {}
    for path in sorted(folder.glob("vault-*.key")):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise KeyUnsafe(f"{path} can be read by others (mode {mode:o}). Set it to 600: chmod 600 {path}")
        keys[path.name[len("vault-") : -len(".key")]] = _decoded(path.read_text(), str(path))
    current = folder / CURRENT
    return keys, current.read_text().strip() if current.exists() else ""


def _decoded(text: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise KeyUnsafe(f"{where} doesn't hold a key: 32 bytes in base64 are expected.")
    return key


def _associated(kek_id: str, blob_id: UUID) -> bytes:
    return b"clearhold vault data key\x00" + kek_id.encode() + b"\x00" + blob_id.bytes


def _write_once(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_MODE)
    try:
        os.write(handle, data)
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
