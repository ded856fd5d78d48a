"""Signed notes and checkpoints as C2SP writes them, with Ed25519: what an auditor keeps of a tree.

A note is text, an empty line, and signature lines. Lines of unknown keys are ignored, so witnesses may add theirs; a
line of a known key that does not verify makes the whole note worthless.
"""

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519 = b"\x01"
DASH = "\u2014"
NOTE_LIMIT_BYTES = 64 * 1024


class Unreadable(Exception):
    """The text is no signed note, checkpoint or key."""


class Unsigned(Exception):
    """No known key signed the note, or one of them signed something else."""


@dataclass(frozen=True)
class VerifierKey:
    """A public key under a name: what `name+hash+key` says."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        return sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{_encoded(ED25519 + self.public)}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `name+hash+key`. Raises Unreadable when the parts do not fit each other."""
        name, _, rest = text.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        raw = _decoded(encoded)
        _require_name(name)
        if raw[:1] != ED25519 or len(raw) != 33:
            raise Unreadable("this is not an Ed25519 key")
        key = cls(name, raw[1:])
        if key.id.hex() != key_id:
            raise Unreadable("the key does not have the hash beside it")
        return key

    def verifies(self, signature: bytes, text: str) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text.encode())
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class SigningKey:
    """A private key under a name."""

    name: str
    private: Ed25519PrivateKey

    @property
    def verifier(self) -> VerifierKey:
        return VerifierKey(self.name, self.private.public_key().public_bytes_raw())


@dataclass(frozen=True)
class Checkpoint:
    """Origin, size and root of a tree."""

    origin: str
    size: int
    root: bytes

    def __str__(self) -> str:
        return f"{self.origin}\n{self.size}\n{_encoded(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a checkpoint's text; extension lines are allowed and mean nothing here."""
        lines = text.split("\n")
        if len(lines) < 4 or lines[-1] or not all(lines[:-1]):
            raise Unreadable("a checkpoint has an origin, a size and a root, a line each")
        origin, size, root = lines[:3]
        if not size.isascii() or not size.isdigit() or str(int(size)) != size:
            raise Unreadable(f"“{size}” is no tree size")
        hashed = _decoded(root)
        if len(hashed) != 32:
            raise Unreadable("the root is not a SHA-256 hash")
        return cls(origin, int(size), hashed)


def sign(text: str, *keys: SigningKey) -> str:
    """The note over `text`, which must end in a newline, signed by each of the keys."""
    if not text.endswith("\n") or _has_control(text):
        raise Unreadable("a note's text ends in a newline and has no control characters")
    return f"{text}\n{''.join(_signed_line(text, key) for key in keys)}"


def open_note(note: str, keys: Iterable[VerifierKey]) -> str:
    """The text of a note that at least one of the keys signed. Raises Unreadable or Unsigned."""
    text, signatures = split_note(note)
    known = {(key.name, key.id): key for key in keys}
    signed = False
    for name, key_id, signature in signatures:
        key = known.get((name, key_id))
        if key is None:
            continue
        if not key.verifies(signature, text):
            raise Unsigned(f"the signature of {name} does not belong to this text")
        signed = True
    if not signed:
        raise Unsigned("no known key signed this")
    return text


def open_checkpoint(note: str, keys: Iterable[VerifierKey]) -> Checkpoint:
    """The checkpoint in a note, once its signature holds."""
    return Checkpoint.parse(open_note(note, keys))


def split_note(note: str) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    """A note's text and its signature lines as (name, key id, signature), nothing verified."""
    if len(note.encode()) > NOTE_LIMIT_BYTES or _has_control(note):
        raise Unreadable("a note is at most 64 KiB of text without control characters")
    text, gap, rest = note.rpartition("\n\n")
    if not gap or not rest.endswith("\n"):
        raise Unreadable("a note has a text, an empty line and signature lines")
    return text + "\n", [_signature(line) for line in rest[:-1].split("\n")]


def _signature(line: str) -> tuple[str, bytes, bytes]:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != DASH:
        raise Unreadable("a signature line is a dash, a name and a signature")
    raw = _decoded(parts[2])
    _require_name(parts[1])
    if len(raw) < 5:
        raise Unreadable("a signature is longer than its key's id")
    return parts[1], raw[:4], raw[4:]


def _signed_line(text: str, key: SigningKey) -> str:
    _require_name(key.name)
    return _line(key.name, key.verifier.id + key.private.sign(text.encode()))


def _line(name: str, signature: bytes) -> str:
    return f"{DASH} {name} {_encoded(signature)}\n"


def _require_name(name: str) -> None:
    if not name or "+" in name or any(character.isspace() for character in name):
        raise Unreadable("a key's name has no spaces and no plus")


def _has_control(text: str) -> bool:
    return any(character < " " and character != "\n" for character in text)


def _encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as fault:
        raise Unreadable("this is not base64") from fault
