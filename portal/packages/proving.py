"""What a package carries so that it can be checked without us: the program, the events it tells, and their proofs.

Everything is read at the ledger size of the snapshot, so the same snapshot always gives the same files. Comments, views
and downloads are not enclosed; their versions are named, so that nothing can be missing in silence.
"""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_noop

from evidence.artifacts import events as artifact_events
from evidence.artifacts.models import Artifact
from evidence.ledger import bundle, proofs, verify
from evidence.ledger import queries as ledger_queries
from evidence.ledger import services as ledger
from portal.packages.collecting.exhibits import FINDING, TASK
from portal.packages.snapshot import Finding, Made, Snapshot
from remediation.findings import events as finding_events
from remediation.findings.models import Finding as FindingRow
from remediation.tasks.models import Task

ARTIFACT = "artifacts.artifact"
WITHHELD = frozenset(
    event.kind
    for event in (
        finding_events.FINDING_COMMENTED,
        artifact_events.ARTIFACT_VIEWED,
        artifact_events.ARTIFACT_DOWNLOADED,
    )
)
PROGRAM = Path(verify.__file__)


@dataclass(frozen=True)
class Proving:
    """The files, and by object's id the versions whose events are not among them."""

    files: tuple[Made, ...]
    withheld: dict[str, str] = field(default_factory=dict)


def program() -> Made:
    """verify.py, as it stands in the product."""
    return Made(
        "verify.py", PROGRAM.read_bytes(), "text/x-python", "Supplement", gettext_noop("Checks this package offline")
    )


def proving(snapshot: Snapshot, organization_id: UUID) -> Proving:
    """The program alone for a snapshot without a checkpoint; else the events, their proof, the salts, the continuation."""
    checkpoint = snapshot.checkpoint
    if checkpoint is None:
        return Proving((program(),))
    enclosed, withheld = [], []
    for event in _events(snapshot, organization_id, checkpoint.tree_size):
        (withheld if event.kind in WITHHELD else enclosed).append(event)
    enclosed.sort(key=lambda event: event.index)
    indexes = [event.index for event in enclosed]
    files = [program()]
    if indexes:
        bodies = b"".join(event.body + b"\n" for event in enclosed)
        proof = bundle.proof(organization_id, indexes, checkpoint.tree_size)
        files += [
            Made(
                "events.ndjson",
                bodies,
                "application/x-ndjson",
                "Data",
                gettext_noop("The events told here, byte for byte"),
            ),
            _text("events.proof", proof, gettext_noop("That they stand in the ledger")),
            Made(
                "salts.json",
                _json(_salts(snapshot, enclosed)),
                "application/json",
                "Data",
                gettext_noop("Salts of printed texts"),
            ),
        ]
    if snapshot.previous:
        continued = ledger.consistency_proof(organization_id, snapshot.previous.tree_size, checkpoint.tree_size)
        files += [
            _text("previous.checkpoint", snapshot.previous.note, gettext_noop("Signed head of the package before")),
            _text("consistency.proof", continued, gettext_noop("That the ledger continues it")),
        ]
    return Proving(tuple(files), _versions(withheld))


def approval(event_id: UUID) -> Made:
    """The proof of the event that approved a package. Raises NotFound until it is sealed."""
    return _text("approval.tlog-proof", single(event_id), gettext_noop("That these rows were approved"))


def single(event_id: UUID) -> str:
    """The tlog-proof of an event with its own bytes in the extra line, so that it can be checked alone."""
    found = ledger_queries.event(event_id)
    return proofs.with_event(ledger.inclusion_proof(found.id), found.body)


def _events(snapshot: Snapshot, organization_id: UUID, size: int) -> Iterator[bundle.Enclosed]:
    told = {
        # The events of a finding go in where its history is told, all of them, and else none.
        FINDING: (FindingRow, [row.ref for row in snapshot.findings if row.history]),
        TASK: (Task, [task.ref for row in snapshot.findings if row.history for task in row.tasks]),
        ARTIFACT: (Artifact, [exhibit.number for exhibit in snapshot.exhibits]),
    }
    for object_type, (model, refs) in told.items():
        ids = _ids(model, organization_id, refs)
        yield from bundle.events(object_type, ids, size)


def _ids(model: Any, organization_id: UUID, refs: Sequence[str]) -> list[UUID]:
    return list(model.objects.filter(organization_id=organization_id, ref__in=refs).values_list("pk", flat=True))


def _salts(snapshot: Snapshot, enclosed: Collection[bundle.Enclosed]) -> dict[str, dict[str, str]]:
    """Of each text that is printed and not erased, the salt that its event's commitment was made with."""
    rows = {row.ref: row for row in snapshot.findings}
    reasons = {line.number: line.reason for row in snapshot.findings for line in row.history if line.reason}
    last: dict[tuple[str, str], bundle.Enclosed] = {}
    found: dict[str, dict[str, str]] = {}
    for event in enclosed:
        if event.object_ref not in rows:
            continue
        last |= {(event.object_ref, name): event for name in verify.TEXTS.keys() & event.texts.keys()}
        _keep(found, event, "reason", reasons.get(event.index, ""))
    for (ref, name), event in last.items():
        _keep(found, event, name, _printed(rows[ref], name))
    return found


def _keep(found: dict[str, dict[str, str]], event: bundle.Enclosed, name: str, printed: str) -> None:
    salt, text = event.texts.get(name, (b"", ""))
    if printed and text == printed:
        found.setdefault(str(event.index), {})[name] = salt.hex()


def _printed(row: Finding, name: str) -> str:
    return str(getattr(row, verify.TEXTS[name]))


def _versions(withheld: Collection[bundle.Enclosed]) -> dict[str, str]:
    found: dict[str, list[int]] = {}
    for event in withheld:
        found.setdefault(str(event.object_id), []).append(event.version)
    return {key: proofs.spans(sorted(versions)) for key, versions in sorted(found.items())}


def _text(name: str, text: str, note: str) -> Made:
    return Made(name, text.encode(), "text/plain", "Supplement", note)


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, indent=1).encode() + b"\n"
