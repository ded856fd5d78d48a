"""Restoring a backup into an empty place, and proving what was restored; it overwrites nothing that is there.

Keys, files and the signer's memory come first and the database last, in one transaction: whatever moment a crash
picks, the database is either still empty, and the restore can be given again, or it holds all rows.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, OperationalError, connections, transaction
from django.db.migrations.executor import MigrationExecutor

from evidence import tenancy
from evidence.actors import Actor
from evidence.errors import Refused
from evidence.ledger import sequencer
from evidence.ledger import services as ledger
from portal.backup import FORMAT, events, files, keyring, making, places, proving, rows
from portal.backup.places import BackupRefused, Folder, Set
from portal.backup.proving import Proof

Say = Callable[[str], None]
NEWER = "Install the version of Clearhold that made it, or a newer one."


@dataclass(frozen=True)
class Restored:
    """What was restored, from which set, and what its proof found."""

    chosen: Set
    manifest: dict[str, Any]
    proof: Proof
    keys: list[str] = field(default_factory=list)


def restore(source: Path, *, name: str = "", keys: Path | None = None, with_signer: bool = True, say: Say) -> Restored:
    """Restore the newest whole set, or the one called `name`, and prove it.

    Without the signer's memory the history raises its alarm, and only a declared loss lets it go on. Raises
    BackupRefused, with nothing changed in the database.
    """
    chosen, manifest = _whole_set(source, name)
    put = keyring.copy_back(keys) if keys is not None else []
    _tables(chosen, manifest)
    keyring.copy_public_back(chosen.check(each["file"], each["sha256"]) for each in manifest["public_keys"])
    keyring.require(set(manifest["vault_keys"]))
    folder = Folder(source.resolve())
    say(f"set {chosen.name}: {len(manifest['tables'])} tables, {manifest['files']['count']:,} files")
    try:
        _migrate(manifest)
        # Before files are copied; the load asks again, in its own transaction.
        rows.require_empty()
        listing = chosen.check(manifest["files"]["file"], manifest["files"]["sha256"])
        notes = Path(settings.CLEARHOLD_WORK_DIR) / f"restore-{chosen.name}.files"
        files.copy_back(folder, listing, notes, say)
        if with_signer:
            _signer_memory(chosen, manifest)
        _load(chosen, manifest, notes, say)
        notes.unlink()
        call_command("migrate", database=rows.OWNER, verbosity=0, interactive=False)
    except OperationalError as fault:
        raise BackupRefused(
            f"The database does not answer: {fault}".strip(), help="Start it, then try again."
        ) from fault
    except OSError as fault:
        raise BackupRefused(f"The files could not be written: {fault}. The database was not touched.") from fault
    return prove(source, name=chosen.name, say=say, keys=put)


def prove(source: Path, *, name: str = "", say: Say, keys: list[str] | None = None) -> Restored:
    """Prove what stands in the database against a set: counts, guards, histories, every stored file. Then record it."""
    chosen, manifest = _whole_set(source, name)
    proof = proving.prove(manifest, chosen, say)
    _record(chosen, manifest, proof)
    return Restored(chosen, manifest, proof, keys or [])


def _whole_set(source: Path, name: str) -> tuple[Set, dict[str, Any]]:
    chosen = Folder(source.resolve()).chosen(name)
    manifest = chosen.manifest()
    if manifest.get("format") != FORMAT:
        raise BackupRefused(
            f"The set {chosen.name} has the form {manifest.get('format')}, and this version reads {FORMAT}.", help=NEWER
        )
    return chosen, manifest


def _tables(chosen: Set, manifest: dict[str, Any]) -> None:
    """Every file of the set is as it was written, before anything is touched."""
    for told in (*manifest["tables"], *manifest["signer"]):
        chosen.check(told["file"], told["sha256"])


def _migrate(manifest: dict[str, Any]) -> None:
    """Bring an empty database to the tables that the rows were written from."""
    executor = MigrationExecutor(connections[rows.OWNER])
    wanted = {(app, name) for app, name in manifest["migrations"]}
    if unknown := sorted(wanted - set(executor.loader.graph.nodes) - set(executor.loader.replacements)):
        raise BackupRefused(
            f"The backup was made by a newer version: it knows the migration {'.'.join(unknown[0])}. "
            "Nothing was changed.",
            help=NEWER,
        )
    if ahead := sorted(set(executor.loader.applied_migrations) - wanted):
        raise BackupRefused(
            f"The database is migrated further than the backup ({'.'.join(ahead[0])}). Nothing was changed.",
            help="Restore into a new, empty database: the rows are loaded first and migrated then.",
        )
    if wanted >= set(executor.loader.graph.leaf_nodes()):
        call_command("migrate", database=rows.OWNER, verbosity=0, interactive=False)
    else:
        executor.migrate(sorted(wanted & set(executor.loader.graph.nodes)))


def _signer_memory(chosen: Set, manifest: dict[str, Any]) -> None:
    """Only where the signer has none: its own memory may be ahead, and then it has to notice."""
    for told in manifest["signer"]:
        path = Path(settings.CLEARHOLD_SIGNER_DIR) / Path(told["file"]).name
        if not path.exists():
            places.put(path, chosen.check(told["file"], told["sha256"]).read_bytes())


def _load(chosen: Set, manifest: dict[str, Any], notes: Path, say: Say) -> None:
    try:
        with rows.loading() as loader:
            for done, told in enumerate(manifest["tables"], 1):
                loader.load(told, chosen.check(told["file"], told["sha256"]))
                if done % 10 == 0 or done == len(manifest["tables"]):
                    say(f"database: {done} of {len(manifest['tables'])} tables")
            files.settle(loader.cursor, notes)
    except DatabaseError as fault:
        raise BackupRefused(f"The rows were refused: {fault} The database is as it was.".strip()) from fault


def _record(chosen: Set, manifest: dict[str, Any], proof: Proof) -> None:
    """A restore is an event in every history that it brought back; a signer that remembers more raises its alarm."""
    for organization in manifest["organizations"]:
        organization_id = UUID(organization["id"])
        with transaction.atomic(), tenancy.entered(organization_id, system=True):
            ledger.record(
                events.BACKUP_RESTORED,
                subject=making.subject(manifest, chosen.name, organization_id),
                actor=Actor.system(organization_id, making.SYSTEM),
                data={
                    "set": manifest["id"],
                    "snapshot_at": manifest["snapshot_at"],
                    "ledger_size": organization["ledger"]["size"],
                    "ledger_root": organization["ledger"]["root"],
                    "holds": proof.holds,
                    "faults": len(proof.faults),
                },
            )
        try:
            sequencer.inspect(organization_id)
        except Refused as refusal:
            proof.note_alarm(organization["slug"], refusal.message)
