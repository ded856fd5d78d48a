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
from evidence.ledger.models import Loss
from evidence.ledger.notes import SigningKey, VerifierKey, split_note


def origin(organization_id: UUID, line: int = 1) -> str:
    """The name of an organization's tree: the first line of its checkpoints and the name of its key.

    It must never change, so it does not follow the portal's address; CLEARHOLD_LEDGER_ORIGIN is chosen once. Only
    after a declared loss does a new line begin, with a name of its own: nobody then takes its checkpoints for a
    continuation of those that were signed before.
    """
    name = f"{getattr(settings, 'CLEARHOLD_LEDGER_ORIGIN', 'clearhold')}/{organization_id}"
    return name if line == 1 else f"{name}/{line}"


def lines(organization_id: UUID) -> list[tuple[int, int]]:
    """Where each line of the organization's tree begins: (number, events kept from before), oldest first."""
    losses = Loss.objects.filter(organization_id=organization_id).order_by("number")
    return [(1, 0), *((number + 1, kept) for number, kept in losses.values_list("number", "kept_size"))]


def present_line(organization_id: UUID) -> int:
    """The line that is signed now."""
    return lines(organization_id)[-1][0]


def signing_keys(organization_id: UUID, line: int, note: str = "") -> list[SigningKey]:
    """What signs the next checkpoint: the newest epoch's key, after the one that signed `note`, the checkpoint before.

    The two differ once per epoch, and both sign then, so that whoever trusts the old key learns the new one from it.
    Raises Unavailable when a private key is missing or others could read it.
    """
    paths = _files("*.pem")
    if not paths:
        raise Unavailable(
            "There is no key to sign the history with.", help="manage.py sequencer creates one when it starts."
        )
    name = origin(organization_id, line)
    newest = SigningKey(name, _private(paths[-1]))
    signed_before = {(who, key_id) for who, key_id, _ in split_note(note)[1] if who == name} if note else set()
    if not signed_before or (name, newest.verifier.id) in signed_before:
        return [newest]
    for path in reversed(paths[:-1]):
        earlier = SigningKey(name, _private(path))
        if (name, earlier.verifier.id) in signed_before:
            return [earlier, newest]
    raise Unavailable(
        "The key that signed the newest checkpoint is gone, so no other can take over from it.",
        help="Put its PEM file back; it is needed until every organization has one checkpoint that both signed.",
    )


def verifier_keys(organization_id: UUID) -> list[VerifierKey]:
    """The public keys of all epochs, oldest first, under each name the organization's tree has had."""
    return [
        VerifierKey(origin(organization_id, line), public)
        for line, _ in lines(organization_id)
        for _, public in epochs()
    ]


def public_keys() -> list[bytes]:
    """The installation's public keys, 32 bytes each, oldest first."""
    return [public for _, public in epochs()]


def epochs() -> list[tuple[int, bytes]]:
    """The number and the public key of every epoch, oldest first. Raises Unavailable for a file that is no such key."""
    found = []
    for path in _files("*.pub"):
        key = load_pem_public_key(path.read_bytes())
        if not isinstance(key, Ed25519PublicKey):
            raise Unavailable(f"{path.name} is not an Ed25519 key.")
        found.append((int(path.stem.removeprefix("ledger-")), key.public_bytes_raw()))
    return found


def may_sign(epoch: int) -> bool:
    """Whether the epoch's private key is at hand."""
    return (Path(settings.CLEARHOLD_KEYS_DIR) / f"ledger-{epoch:04d}.pem").exists()


def ensure_key() -> Path:
    """The newest private key's path; the first key is created when there is none yet."""
    if not _files("*.pem"):
        create(folder() / "ledger-0001.pem", _new_private(), 0o600)
    path = _files("*.pem")[-1]
    if not path.with_suffix(".pub").exists():
        create(path.with_suffix(".pub"), _public(path), 0o644)
    return path


def prepare_next() -> tuple[int, bytes]:
    """The next epoch's number and public key. Its private key is made but signs nothing until `adopt_next`."""
    number = epochs()[-1][0] + 1
    draft = _next_draft(number)
    if not draft.exists():
        create(draft, _new_private(), 0o600)
    return number, _private(draft).public_key().public_bytes_raw()


def adopt_next(number: int) -> None:
    """From now on the prepared key signs."""
    draft = _next_draft(number)
    path = folder() / f"ledger-{number:04d}.pem"
    # The public half first: what it will sign must be verifiable from the first moment.
    create(path.with_suffix(".pub"), _public(draft), 0o644)
    draft.rename(path)


def _next_draft(number: int) -> Path:
    return folder() / f"next-ledger-{number:04d}.pem"


def folder() -> Path:
    """Where keys lie, made when it is missing."""
    found = Path(settings.CLEARHOLD_KEYS_DIR)
    found.mkdir(parents=True, exist_ok=True, mode=0o700)
    return found


def _new_private() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _public(path: Path) -> bytes:
    return _private(path).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _private(path: Path) -> Ed25519PrivateKey:
    if path.stat().st_mode & 0o077:
        raise Unavailable(f"The signing key {path.name} may be read by others.", help="Set its mode to 0600.")
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise Unavailable(f"The signing key {path.name} is not an Ed25519 key.")
    return key


def _files(pattern: str) -> list[Path]:
    return sorted(Path(settings.CLEARHOLD_KEYS_DIR).glob(f"ledger-{pattern}"))


def create(path: Path, content: bytes, mode: int) -> None:
    """Make the file whole, unless another process made it first."""
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
