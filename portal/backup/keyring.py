"""Keys on their way: public halves go with every set, what signs and opens goes only where the operator says."""

import base64
import os
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings

from evidence.vault import keys as vault
from portal.backup import places
from portal.backup.places import BackupRefused

#: Of this one place: the embedded servers' passwords, and what signs sessions. A restored place makes its own.
NOT_OURS = frozenset({"embedded.json", "embedded.lock", "groups.json", "django-secret"})


def folder() -> Path:
    return Path(settings.CLEARHOLD_KEYS_DIR)


def public() -> list[Path]:
    """The keys that anybody may have: they verify checkpoints."""
    return sorted(folder().glob("*.pub"))


def secret() -> list[Path]:
    """The files that sign and open."""
    found = (path for path in folder().glob("*") if path.is_file() and not path.name.startswith("."))
    return sorted(path for path in found if path.suffix not in (".pub", ".lock") and path.name not in NOT_OURS)


def require_apart(keys: Path, backup: Path) -> None:
    """Raise BackupRefused where whoever takes the backup would take its keys too."""
    keys, backup = keys.resolve(), backup.resolve()
    if keys == backup or backup in keys.parents or keys in backup.parents:
        raise BackupRefused(
            f"The keys must not lie in or above {backup}. No backup was made.",
            help="Give --keys a place of its own, best on another medium: with the keys anybody can read the files.",
        )


def copy_out(target: Path) -> list[str]:
    """Copy every key to a folder of its own; keys that are there stay. Raises BackupRefused for another one's."""
    contents = {path.name: path.read_bytes() for path in (*secret(), *public())}
    for kek_id, key in getattr(vault.keyring(), "keys", {}).items():
        contents.setdefault(f"vault-{kek_id}.key", base64.b64encode(key) + b"\n")
    return [name for name, content in contents.items() if _put(target, name, content)]


def copy_back(source: Path) -> list[str]:
    """Put the keys of a backup in place; a key that is there stays, and one that differs is never replaced."""
    if not source.is_dir():
        raise BackupRefused(f"There are no keys at {source}. Nothing was changed.")
    found = sorted(path for path in source.glob("*") if path.is_file() and not path.name.startswith("."))
    return [path.name for path in found if _put(folder(), path.name, path.read_bytes())]


def copy_public_back(paths: Iterable[Path]) -> None:
    for path in paths:
        _put(folder(), path.name, path.read_bytes())


def require(kek_ids: set[str]) -> None:
    """Raise BackupRefused unless the vault's keys that a set's files need are here."""
    if kek_ids and (away := sorted(kek_ids - _held())):
        raise BackupRefused(
            f"The vault's keys {', '.join(away)} are not here, so the files could not be opened. Nothing was changed.",
            help="Give --keys with the folder in which the keys were kept apart, or set CLEARHOLD_VAULT_KEYS.",
        )


def _held() -> set[str]:
    """The ids of the keys at hand. It never lets a new one be made."""
    has_service = bool(getattr(settings, "CLEARHOLD_VAULT_KEYRING", ""))
    if not has_service and not os.environ.get("CLEARHOLD_VAULT_KEYS") and not any(folder().glob("vault-*.key")):
        return set()
    return set(vault.keyring().known())


def _put(target: Path, name: str, content: bytes) -> bool:
    path = target / name
    if path.exists() and path.read_bytes() == content:
        return False
    if path.exists() and name != vault.CURRENT:
        raise BackupRefused(f"{path} is another key than the one of the same name. Neither was touched.")
    places.put(path, content, mode=0o644 if path.suffix == ".pub" else 0o600)
    return True
