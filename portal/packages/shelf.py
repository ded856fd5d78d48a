"""Keeps painted units for the next package of the same organization: sealed, found by what they were made from.

What is kept here saves time and decides nothing: a file that is damaged, foreign or gone is painted anew. Each is sealed
under the organization's key together with its own name, so that none can stand in for another.
"""

import base64
import json
import os
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from evidence.errors import Unavailable
from evidence.vault import keys, sealing

FOLDER = "painted"
KEY = "key.json"
LIMIT_BYTES = 256 << 20
AGE_SECONDS = 14 * 24 * 3600


class Shelf:
    """Where nothing is kept: every unit is painted."""

    def take(self, key: str, target: Path) -> bool:
        """Write the painted unit of this key to `target`; False when there is none that can be trusted."""
        return False

    def put(self, key: str, source: Path) -> None:
        """Keep it. A full disk keeps nothing and stops nothing."""

    def tidy(self) -> None:
        """Remove what is old, and the least recently used above the limit."""


NOTHING_KEPT = Shelf()


@dataclass
class Kept(Shelf):
    """Makes its folder and its key with the first unit that is kept. Without the vault's keys nothing is."""

    folder: Path
    organization_id: UUID
    data_key: bytes = b""

    def take(self, key: str, target: Path) -> bool:
        path = self._path(key)
        try:
            sealed = path.read_bytes()
            opener = sealing.Opener(
                lambda at, length: sealed[at : at + length],
                len(sealed),
                data_key=self._key(),
                context=self._context(key),
                name=f"the painted unit {key[:12]}",
            )
            plain = b"".join(opener.read())
            os.utime(path)
        except sealing.Damaged:
            path.unlink(missing_ok=True)
            return False
        except (FileNotFoundError, Unavailable):
            return False
        target.write_bytes(plain)
        return True

    def put(self, key: str, source: Path) -> None:
        path = self._path(key)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        plain = source.read_bytes()
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            sealer = sealing.Sealer(self._key(), self._context(key))
            draft.write_bytes(sealer.header + sealer.update(plain) + sealer.finish())
            draft.replace(path)
        except (OSError, Unavailable):
            draft.unlink(missing_ok=True)

    def _key(self) -> bytes:
        self.data_key = self.data_key or _data_key(self.folder, self.organization_id)
        return self.data_key

    def tidy(self) -> None:
        oldest = time.time() - AGE_SECONDS
        left = LIMIT_BYTES
        for path, found in sorted(self._files(), key=lambda item: (-item[1].st_mtime, item[0].name)):
            left -= found.st_size
            if left < 0 or found.st_mtime < oldest:
                path.unlink(missing_ok=True)

    def _files(self) -> list[tuple[Path, os.stat_result]]:
        found = []
        for path in self.folder.glob("??/*"):
            with suppress(FileNotFoundError):
                found.append((path, path.stat()))
        return found

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / key

    def _context(self, key: str) -> bytes:
        return b"painted unit" + self.organization_id.bytes + bytes.fromhex(key)


def of(organization_id: UUID, work: Path) -> Shelf:
    """The organization's shelf under the folder of unfinished work."""
    return Kept(work / FOLDER / organization_id.hex, organization_id)


def _data_key(folder: Path, organization_id: UUID) -> bytes:
    """The key of this shelf, wrapped by the vault's; a new one when it cannot be opened, and what it sealed is waste."""
    path = folder / KEY
    ring = keys.keyring()
    with suppress(FileNotFoundError, ValueError, KeyError, sealing.WrongKey, keys.KeyMissing):
        told = json.loads(path.read_text())
        wrapped = keys.Wrapped(told["kek_id"], base64.b64decode(told["wrapped"]))
        return ring.unwrap(wrapped, blob_id=organization_id)
    made = sealing.new_data_key()
    wrapped = ring.wrap(made, blob_id=organization_id)
    draft = folder / f".{KEY}.{secrets.token_hex(4)}"
    draft.write_text(json.dumps({"kek_id": wrapped.kek_id, "wrapped": base64.b64encode(wrapped.data).decode()}))
    draft.chmod(0o600)
    draft.replace(path)
    return made
