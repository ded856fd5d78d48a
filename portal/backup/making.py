"""Making a backup: the signer's memory, the rows of one moment, then the files; the mark of completion comes last."""

import json
import platform
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import django
from django.conf import settings
from django.db import DatabaseError, connections, transaction
from django.db.backends.utils import CursorWrapper

from evidence import clock, tenancy
from evidence.actors import Actor
from evidence.errors import Unavailable
from evidence.identifiers import uuid7
from evidence.ledger import services as ledger
from evidence.ledger import signer
from evidence.ledger.services import Subject
from evidence.organizations.models import Organization
from portal.backup import FORMAT, catalogue, events, files, keyring, places, rows
from portal.backup.places import BackupRefused, Folder, Written

Say = Callable[[str], None]
SYSTEM = "backup"
SUBJECT = "backup.set"

_HEADS = """
SELECT DISTINCT ON (organization_id) organization_id, size, root, note FROM ledger_checkpoint
WHERE organization_id = %s ORDER BY organization_id, size DESC
"""
_VAULT_KEYS = "SELECT DISTINCT kek_id FROM vault_blob WHERE organization_id = %s AND erased_at IS NULL"


@dataclass
class Made:
    """What a backup holds. `lost` names stored files that the vault could not give."""

    name: str
    folder: str
    rows: int = 0
    tables: int = 0
    files: int = 0
    new_files: int = 0
    new_bytes: int = 0
    lost: list[str] = field(default_factory=list)
    keys: list[str] | None = None
    cleared: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        return 1 if self.lost else 0


def make(target: Path, *, keys: Path | None = None, say: Say) -> Made:
    """Write one more set into `target`. Raises BackupRefused; then earlier sets are as they were, and none is new."""
    folder = Folder(target.resolve())
    if keys is not None:
        keyring.require_apart(keys, folder.root)
    folder.prepare()
    with folder.alone():
        cleared = folder.clear_unfinished()
        try:
            made = _make(folder, keys, say)
        except OSError as fault:
            raise BackupRefused(_broken(fault, folder)) from fault
        except DatabaseError as fault:
            raise BackupRefused(f"The database could not be read: {fault} No backup was made.".strip()) from fault
    made.cleared = cleared
    return made


def _broken(fault: OSError, folder: Folder) -> str:
    if fault.errno in places.FULL:
        return f"{folder.root} has no space left. No backup was made; earlier sets are as they were."
    return f"The backup could not be written: {fault}. No backup was made; earlier sets are as they were."


def _make(folder: Folder, keys: Path | None, say: Say) -> Made:
    began, set_id = clock.now(), uuid7()
    before = folder.whole()
    target = folder.root / "sets" / f"{began:%Y%m%dT%H%M%S%fZ}"
    target.mkdir(mode=0o700)
    try:
        remembered = _signer_memory(target)
        told = _rows_of_one_moment(target, say)
        folder.require_space(files.missing_bytes(folder, target / files.WANTED))
        last = before[-1].folder / files.LISTING if before else None
        copied, listing = files.copy_out(folder, target, last, say)
        public = [places.keep(target, f"public/{path.name}", path.read_bytes()) for path in keyring.public()]
        kept = keyring.copy_out(keys) if keys is not None else None
        (target / files.WANTED).unlink()
        manifest = {
            "format": FORMAT,
            "id": str(set_id),
            "began_at": began.isoformat(),
            "ended_at": clock.now().isoformat(),
            **told,
            "files": {
                **_plain(listing),
                "count": copied.files,
                "stored_bytes": copied.stored_bytes,
                "lost": copied.lost,
            },
            "signer": [_plain(each) for each in remembered],
            "public_keys": [_plain(each) for each in public],
            "keys_kept_apart": kept is not None,
            "settings": _settings(),
        }
        _complete(target, manifest)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
    made = Made(target.name, str(folder.root), _sum(told), len(told["tables"]), copied.files, copied.new_files)
    made.new_bytes, made.lost, made.keys = copied.new_bytes, copied.lost, kept
    _record(manifest, target)
    return made


def _complete(target: Path, manifest: dict[str, Any]) -> None:
    for path in (target / "database", target):
        places.sync(path)
    written = places.keep(target, places.MANIFEST, json.dumps(manifest, indent=1).encode())
    mark = {"manifest_sha256": written.sha256, "at": clock.now().isoformat()}
    places.put(target / places.COMPLETE, json.dumps(mark).encode())
    places.sync(target.parent)


def _signer_memory(target: Path) -> list[Written]:
    """Read before the snapshot, so that it never names more than the snapshot's tree holds."""
    found = []
    for organization_id in signer.known_organizations():
        with signer.held(organization_id):
            content = (Path(settings.CLEARHOLD_SIGNER_DIR) / f"{organization_id}.json").read_bytes()
        found.append(places.keep(target, f"signer/{organization_id}.json", content))
    return found


def _rows_of_one_moment(target: Path, say: Say) -> dict[str, Any]:
    with rows.snapshot() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        at: datetime = cursor.fetchone()[0]
        cursor.execute("SELECT id, slug, name FROM organizations_organization ORDER BY id")
        organizations = cursor.fetchall()
        ids = [row[0] for row in organizations]
        tables, dumps = catalogue.tables(cursor), []
        for done, table in enumerate(tables, 1):
            dumps.append(rows.dump(cursor, table, ids, target))
            if done % 10 == 0 or done == len(tables):
                say(f"database: {done} of {len(tables)} tables, {sum(each.rows for each in dumps):,} rows")
        files.want(cursor, ids, target)
        return {
            "snapshot_at": at.isoformat(),
            "postgresql": catalogue.server_version(cursor),
            "migrations": catalogue.migrations(cursor),
            "guards_sha256": catalogue.fingerprint(catalogue.guards(cursor)),
            "organizations": [_organization(cursor, *row) for row in organizations],
            "tables": [asdict(each) for each in dumps],
            "left_out": sorted(catalogue.LEFT_OUT),
            "vault_keys": _vault_keys(cursor, ids),
        }


def _organization(cursor: CursorWrapper, organization_id: UUID, slug: str, name: str) -> dict[str, Any]:
    with tenancy.entered(organization_id, using=rows.OWNER):
        cursor.execute(_HEADS, [organization_id])
        head = cursor.fetchone()
        cursor.execute("SELECT count(*) FROM ledger_queue WHERE organization_id = %s", [organization_id])
        waiting = cursor.fetchone()[0]
    size, root, note = (head[1], bytes(head[2]).hex(), head[3]) if head else (0, "", "")
    history = {"size": size, "root": root, "checkpoint": note, "waiting": waiting}
    return {"id": str(organization_id), "slug": slug, "name": name, "ledger": history}


def _vault_keys(cursor: CursorWrapper, organizations: list[UUID]) -> list[str]:
    found: set[str] = set()
    for organization_id in organizations:
        with tenancy.entered(organization_id, using=rows.OWNER):
            cursor.execute(_VAULT_KEYS, [organization_id])
            found |= {row[0] for row in cursor.fetchall()}
    return sorted(found)


def _settings() -> dict[str, str]:
    """What helps to build the installation again. No secret, and no address that holds one."""
    names = ("CLEARHOLD_BASE_URL", "CLEARHOLD_BLOB_BACKEND", "CLEARHOLD_LEDGER_ORIGIN", "ALLOWED_HOSTS", "TIME_ZONE")
    told = {name: str(getattr(settings, name)) for name in names if hasattr(settings, name)}
    return told | {"python": platform.python_version(), "django": django.get_version()}


def _record(manifest: dict[str, Any], target: Path) -> None:
    """A backup is an event in every history that it holds."""
    mark = json.loads((target / places.COMPLETE).read_text())
    for organization in manifest["organizations"]:
        organization_id = UUID(organization["id"])
        try:
            with transaction.atomic(), tenancy.entered(organization_id, system=True):
                # The sample may have been removed since the snapshot; no other organization ever is.
                if not Organization.objects.filter(pk=organization_id).exists():
                    continue
                ledger.record(
                    events.BACKUP_MADE,
                    subject=subject(manifest, target.name, organization_id),
                    actor=Actor.system(organization_id, SYSTEM),
                    data={
                        "set": manifest["id"],
                        "manifest_sha256": mark["manifest_sha256"],
                        "ledger_size": organization["ledger"]["size"],
                        "ledger_root": organization["ledger"]["root"],
                        "files_lost": len(manifest["files"]["lost"]),
                        "keys_kept_apart": manifest["keys_kept_apart"],
                    },
                )
        except (DatabaseError, Unavailable) as fault:
            connections["default"].close()
            raise BackupRefused(
                f"The set {target.name} is whole, but it could not be recorded as an event: {fault}",
                code="backup_unrecorded",
            ) from fault


def subject(manifest: dict[str, Any], name: str, organization_id: UUID) -> Subject:
    """A set as the history of one of its organizations knows it: an object has its versions in one history only."""
    return Subject(SUBJECT, uuid5(organization_id, manifest["id"]), name)


def _plain(written: Written) -> dict[str, Any]:
    return asdict(written)


def _sum(told: dict[str, Any]) -> int:
    return sum(each["rows"] for each in told["tables"])
