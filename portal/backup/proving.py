"""The proof of a restore (SECURITY.md section 5): counts, guards, histories replayed to their roots, every file opened."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connections, transaction
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from evidence import clock, tenancy
from evidence.errors import Unavailable
from evidence.ledger import tiles, tree, verification
from evidence.vault import checking
from portal.backup import catalogue, files, rows
from portal.backup.places import Set

Say = Callable[[str], None]


@dataclass
class Check:
    """One thing that was compared: what was expected and what was found, in words."""

    subject: str
    expected: str
    found: str
    holds: bool


@dataclass
class Proof:
    """All checks of one restore."""

    began_at: datetime
    ended_at: datetime
    checks: list[Check] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.faults

    def add(self, subject: str, expected: object, found: object, *, fault: str = "") -> None:
        holds = expected == found and not fault
        self.checks.append(Check(subject, str(expected), str(found), holds))
        if not holds:
            self.faults.append(fault or f"{subject}: {found}, and {expected} was expected")

    def note_alarm(self, slug: str, message: str) -> None:
        """The signer refuses the restored history; the page of every reader says so from now on."""
        if not any(message in fault for fault in self.faults):
            self.faults.append(f"{slug}: the signer raised its alarm: {message}")


def prove(manifest: dict[str, Any], chosen: Set, say: Say) -> Proof:
    """Compare what stands in the database and the store with the manifest. It changes nothing."""
    proof = Proof(clock.now(), clock.now())
    _counts(manifest, proof)
    _guards(manifest, proof)
    for organization in manifest["organizations"]:
        say(f"history of {organization['slug']}: {organization['ledger']['size']:,} events")
        _history(organization, proof)
    _files(manifest, chosen, proof, say)
    proof.ended_at = clock.now()
    return proof


def _counts(manifest: dict[str, Any], proof: Proof) -> None:
    with rows.snapshot() as cursor:
        tables = {table.name: table for table in catalogue.tables(cursor)}
        ids = [UUID(each["id"]) for each in manifest["organizations"]]
        found = 0
        for told in manifest["tables"]:
            count = _count(cursor, tables.get(told["table"]), ids)
            found += count
            # Rows may have been added since, by the proof's own events; none may be missing.
            if count < told["rows"]:
                proof.add(f"rows of {told['table']}", told["rows"], count)
        expected = sum(told["rows"] for told in manifest["tables"])
        proof.add("rows in all tables, at least", expected, min(found, expected))
        proof.add(
            "tables", len(manifest["tables"]), len([told for told in manifest["tables"] if told["table"] in tables])
        )


def _count(cursor: CursorWrapper, table: catalogue.Table | None, organizations: list[UUID]) -> int:
    if table is None:
        return 0
    if not table.is_tenants:
        cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(table.identifier))
        return int(cursor.fetchone()[0])
    count = 0
    for organization_id in organizations:
        with tenancy.entered(organization_id, using=rows.OWNER):
            cursor.execute(
                sql.SQL("SELECT count(*) FROM {} WHERE organization_id = %s").format(table.identifier),
                [organization_id],
            )
            count += cursor.fetchone()[0]
    return count


def _guards(manifest: dict[str, Any], proof: Proof) -> None:
    """The guards stand as at the source; other versions of PostgreSQL or of the tables write them differently."""
    with rows.snapshot() as cursor:
        found = catalogue.guards(cursor)
        version, migrations = catalogue.server_version(cursor), catalogue.migrations(cursor)
    triggers = [row for row in found if row[0] == "trigger"]
    asleep = [f"{table}.{name}" for _, table, name, text in triggers if not text.startswith("A ")]
    proof.add("triggers that always fire", len(triggers), len(triggers) - len(asleep))
    same_server = version.partition(".")[0] == manifest["postgresql"].partition(".")[0]
    if same_server and migrations == manifest["migrations"]:
        proof.add("guards of the database, SHA-256", manifest["guards_sha256"], catalogue.fingerprint(found))


def _history(organization: dict[str, Any], proof: Proof) -> None:
    organization_id, slug = UUID(organization["id"]), organization["slug"]
    head = organization["ledger"]
    try:
        report = verification.verify(organization_id, slug)
    except Unavailable as fault:
        proof.add(f"history of {slug}", "verified", "not verified", fault=f"{slug}: {fault.message}")
        return
    said = f"{report.place}: {report.fault}" if report.fault else "every leaf, tile, root and signature holds"
    proof.add(
        f"history of {slug}", "every leaf, tile, root and signature holds", said,
        fault=f"{slug}: {said}" if report.fault else "",
    )  # fmt: skip
    with transaction.atomic(), tenancy.entered(organization_id, system=True):
        root = tree.root(tiles.reader(organization_id), head["size"]).hex() if head["size"] <= report.sealed else ""
    proof.add(f"sealed events of {slug}, at least", head["size"], min(report.sealed, head["size"]))
    proof.add(f"root of {slug} at {head['size']} events", head["root"] or tree.EMPTY_ROOT.hex(), root)


def _files(manifest: dict[str, Any], chosen: Set, proof: Proof, say: Say) -> None:
    told = manifest["files"]

    def tell(report: checking.Report) -> None:
        if report.blobs % files.TELL_EVERY == 0:
            say(f"files: {report.blobs:,} opened and hashed")

    report = checking.verify_all(progress=tell)
    say(f"files: {report.intact:,} of {report.blobs:,} opened and hashed")
    proof.add("stored files, at least", told["count"], min(report.blobs, told["count"]))
    bad = [*report.damaged, *report.unread]
    proof.add("stored files that are not what was sealed", 0, len(bad), fault="; ".join(bad[:5]))
    if told["lost"]:
        proof.add("files that the vault had lost already", 0, len(told["lost"]), fault="; ".join(told["lost"][:5]))


def as_json(proof: Proof, manifest: dict[str, Any], name: str) -> str:
    """The whole report for machines."""
    facts = {
        "set": name,
        "set_id": manifest["id"],
        "snapshot_at": manifest["snapshot_at"],
        "began_at": proof.began_at.isoformat(),
        "ended_at": proof.ended_at.isoformat(),
        "holds": proof.holds,
        "faults": proof.faults,
        "checks": [vars(check) for check in proof.checks],
        "organizations": manifest["organizations"],
        "tables": {told["table"]: told["rows"] for told in manifest["tables"]},
        "files": {key: manifest["files"][key] for key in ("count", "stored_bytes", "lost")},
        "database": connections["default"].settings_dict["NAME"],
    }
    return json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
