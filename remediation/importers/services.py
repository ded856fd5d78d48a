"""Import findings from a file: a preview that changes nothing, then the import, all of it or nothing.

A second import of the same file creates nothing. What a newer file no longer shows is proposed as fixed, never closed.
"""

import hashlib
import io
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, BinaryIO
from uuid import UUID

from django.db import connections, transaction

from evidence import tenancy
from evidence.actors import Actor
from evidence.errors import Invalid, TooLarge
from evidence.ledger import services as ledger
from evidence.vault import services as vault
from evidence.vault.models import Blob
from remediation.findings import events
from remediation.findings.models import ImportBatch
from remediation.findings.services import hints
from remediation.findings.states import OPEN

from .matching import OUTCOMES, Matcher, Verdict
from .reader import limits
from .reader.formats import all_formats
from .reader.records import Ignored, Reading, RowError, Scanned
from .reader.text import clean_line
from .sandbox import Reader
from .writing import PLANS, Writer

BATCH_ROWS = 1_000
LOOKED_UP_ROWS = 4 * BATCH_ROWS
"""Looking up waits for all that was written before, so it is done for some batches at once: PostgreSQL writes one while
the rows of the next are made. It begins with few, so that it need not wait for the reader."""
FIRST_ROWS = 250
REASONS = 50
IGNORED, ERROR = "ignored", "error"
NO_RESCANS = frozenset({"audit_report"}) | PLANS
"""A report or a plan lists what was found; what it doesn't list was not looked at again."""

_ABSENT = """
SELECT f.id FROM findings_finding f
  LEFT JOIN (SELECT finding_id FROM findings_occurrence WHERE import_batch_id = %s) seen ON seen.finding_id = f.id
 WHERE f.organization_id = %s AND f.tool = %s AND f.fingerprint <> '' AND f.state = ANY(%s) AND f.proposed_fixed_at IS NULL
   AND seen.finding_id IS NULL
"""
_IN_SCOPE = """
SELECT DISTINCT finding_id FROM findings_occurrence WHERE finding_id = ANY(%s) AND coalesce(raw ->> 'scope', '') = %s
"""

Progress = Callable[[int, int | None, str], None]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a preview."""

    row: int
    outcome: str
    reason: str
    title: str = ""
    severity: str = ""
    ref: str = ""
    location: str = ""


@dataclass
class Counts:
    """What an import did, or would do. `as_json` is the contract of `manage.py import_findings --json`."""

    format: str = ""
    rows: int = 0
    ignored: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    errors: list[RowError] = field(default_factory=list)
    proposed_fixed: int = 0
    scanned: dict[tuple[str, str], str] = field(default_factory=dict)

    def ignore(self, reason: str) -> None:
        """Count an ignored row. A file can't grow this without bounds by inventing reasons."""
        self.ignored[reason if reason in self.ignored or len(self.ignored) < REASONS else "other reasons"] += 1

    def as_json(self) -> dict[str, Any]:
        return {
            "format": self.format,
            "rows": self.rows,
            "ignored": dict(sorted(self.ignored.items())),
            **{
                outcome: self.outcomes[outcome] for outcome in ("merged", "created", "updated", "reopened", "unchanged")
            },
            "proposed_fixed": self.proposed_fixed,
            "errors": [{"row": each.row, "message": each.message} for each in self.errors],
        }


@dataclass
class Preview:
    """What the import would do, and one page of its rows."""

    counts: Counts
    rows: list[Row]
    total: int
    """How many rows there are to page through, under the chosen filter."""
    header: list[str]
    """The columns of a table, for mapping them."""
    is_repeat: bool
    """This very file was imported before."""

    @property
    def may_import(self) -> bool:
        return not self.counts.errors


class RowsInError(Invalid):
    """Some rows can't be read, so nothing was saved."""

    code = "import_rows_in_error"

    def __init__(self, counts: Counts) -> None:
        first = counts.errors[0]
        more = f" and {len(counts.errors) - 1} more" if len(counts.errors) > 1 else ""
        super().__init__(
            f"Nothing was imported: {first.message}{more}",
            help="Correct the rows in the file, or remove them, and import it again.",
            details={"errors": [{"row": each.row, "message": each.message} for each in counts.errors[:50]]},
        )
        self.counts = counts


def preview(
    file: BinaryIO | Blob,
    *,
    actor: Actor,
    name: str = "",
    format: str | None = None,  # noqa: A002
    mapping: Mapping[str, str] | None = None,
    date_order: str = "",
    only: str = "",
    offset: int = 0,
    limit: int = 50,
) -> Preview:
    """Read the whole file and say per row what an import would do. Saves nothing.

    `only` keeps rows of one outcome (created, updated, reopened, unchanged, merged, ignored, error).
    Raises Invalid or TooLarge for a file that can't be imported at all.
    """
    actor.require("findings.import")
    counts, page, total = Counts(), [], 0
    with _on_disk(file) as plain:
        is_repeat = _was_imported(_sha256(plain), actor)
        with Reader(plain, name=name, format=format, mapping=mapping, date_order=date_order) as reader:
            counts.format = reader.format
            matcher = Matcher(actor.organization_id, locking=False)
            for row in _rows(reader, matcher, counts):
                if only and row.outcome != only:
                    continue
                if offset <= total < offset + limit:
                    page.append(row)
                total += 1
            return Preview(counts, page, total, reader.header, is_repeat)


@transaction.atomic
def run_import(
    file: BinaryIO | Blob,
    *,
    actor: Actor,
    name: str = "",
    format: str | None = None,  # noqa: A002
    mapping: Mapping[str, str] | None = None,
    date_order: str = "",
    progress: Progress | None = None,
    artifact_id: UUID | None = None,
) -> tuple[ImportBatch, Counts]:
    """Import every finding of the file, or nothing. Must run with the organization entered.

    `progress` may raise to cancel. Raises RowsInError when a row can't be read, Invalid or TooLarge for the whole file.
    """
    actor.require("findings.import")
    _one_at_a_time(actor.organization_id)
    report = progress or (lambda done, total, note: None)
    with _on_disk(file) as plain:
        digest, size = _sha256(plain), plain.seek(0, io.SEEK_END)
        is_repeat = _was_imported(digest, actor)
        with Reader(plain, name=name, format=format, mapping=mapping, date_order=date_order) as reader:
            counts = Counts(format=reader.format)
            batch = ImportBatch.objects.create(
                organization_id=actor.organization_id, kind=reader.format, filename=clean_line(name, 255), sha256=digest, size=size,
                artifact_id=artifact_id, imported_by_id=actor.person_id,
            )  # fmt: skip
            writer = Writer(batch, actor, is_repeat)
            matcher = Matcher(actor.organization_id, locking=True)
            # The same weakness is found whether or not the importer is let in to it; they are shown only counts.
            with tenancy.as_the_product(), writer.ahead:
                for readings in _batches(reader, counts):
                    if not counts.errors:
                        verdicts = matcher.verdicts(readings)
                        counts.outcomes.update(verdict.outcome for verdict in verdicts)
                        writer.write(verdicts, rows_at_once=BATCH_ROWS)
                    report(counts.rows, None, f"{counts.rows:,} results read")
                writer.settle()
    if counts.errors:
        raise RowsInError(counts)
    if not is_repeat and counts.format not in NO_RESCANS:
        with tenancy.as_the_product():
            counts.proposed_fixed = _propose_fixed(batch, counts, actor=actor, report=report)
    batch.counts = {
        **counts.as_json(),
        "scanned": [{"tool": tool, "scope": scope, "at": at} for (tool, scope), at in counts.scanned.items()],
    }
    batch.save(update_fields=["counts"])
    ledger.record(
        events.IMPORT_COMPLETED,
        subject=ledger.Subject("findings.importbatch", batch.pk, f"file {digest[:12]}"),
        actor=actor,
        after={
            "sha256": digest,
            "size": size,
            **{key: value for key, value in counts.as_json().items() if key != "errors"},
        },
        texts={"filename": clean_line(name, 255)} if name else None,
    )
    report(counts.rows, counts.rows, "Imported")
    return batch, counts


def hold(stream: BinaryIO, *, actor: Actor) -> Blob:
    """Keep an uploaded file sealed, for a preview and the import's job. Raises TooLarge past the importers' limit."""
    actor.require("findings.import")
    return vault.adopt(vault.store(stream, organization_id=actor.organization_id, limit_bytes=limits.FILE_BYTES))


def formats() -> list[dict[str, Any]]:
    """What can be chosen: name, title, kinds of file, and the fields that columns may be mapped to."""
    return [
        {"name": each.name, "title": each.title, "kinds": each.kinds, "fields": each.fields}
        for each in all_formats().values()
    ]


def _rows(reader: Reader, matcher: Matcher, counts: Counts) -> Iterator[Row]:
    """Every row of the file in its order, as far as a batch allows."""
    stream = iter(reader)
    while part := list(islice(stream, BATCH_ROWS)):
        verdicts = iter(matcher.verdicts([each for each in part if isinstance(each, Reading)]))
        for each in part:
            match each:
                case Reading():
                    verdict = next(verdicts)
                    counts.rows += 1
                    counts.outcomes[verdict.outcome] += 1
                    yield _row(verdict)
                case Ignored(row, reason, title):
                    counts.ignore(reason)
                    yield Row(row, IGNORED, reason, title)
                case RowError(row, message):
                    counts.errors.append(each)
                    yield Row(row, ERROR, message)


def _row(verdict: Verdict) -> Row:
    reading = verdict.reading
    return Row(
        reading.row, verdict.outcome, verdict.reason, reading.title, reading.severity,
        verdict.known.ref if verdict.known else "", reading.location,
    )  # fmt: skip


def _batches(reader: Reader, counts: Counts) -> Iterator[list[Reading]]:
    readings: list[Reading] = []
    wanted = FIRST_ROWS
    for each in reader:
        match each:
            case Reading():
                counts.rows += 1
                readings.append(each)
                if len(counts.scanned) < 1000:
                    counts.scanned.setdefault((each.tool, each.scope), "")
                if len(readings) >= wanted:
                    yield readings
                    readings, wanted = [], min(2 * wanted, LOOKED_UP_ROWS)
            case Ignored(_, reason, _):
                counts.ignore(reason)
            case RowError():
                counts.errors.append(each)
            case Scanned(tool, scope, at):
                counts.scanned[tool, scope] = max(at, counts.scanned.get((tool, scope), ""))
    if readings:
        yield readings


def _propose_fixed(batch: ImportBatch, counts: Counts, *, actor: Actor, report: Progress) -> int:
    """Open findings of the same tool and scope that this file doesn't show, unless a newer file was imported before."""
    proposed = 0
    for (tool, scope), at in counts.scanned.items():
        if at and _newer_known(tool, scope, at, actor):
            continue
        absent = _absent(batch, tool)
        for start in range(0, len(absent), BATCH_ROWS):
            part = _in_scope(absent[start : start + BATCH_ROWS], scope)
            proposed += hints.propose_fixed(part, actor=actor, batch=batch) if part else 0
            report(counts.rows, None, f"{proposed:,} proposed as fixed")
    return proposed


def _absent(batch: ImportBatch, tool: str) -> list[UUID]:
    with connections[tenancy.alias()].cursor() as cursor:
        # The tables have just grown and their statistics not yet: a nested loop over both would take minutes.
        cursor.execute("SELECT set_config('enable_nestloop', 'off', true)")
        cursor.execute(_ABSENT, [batch.pk, batch.organization_id, tool, list(OPEN)])
        found = [row[0] for row in cursor.fetchall()]
        cursor.execute("SELECT set_config('enable_nestloop', 'on', true)")
    return found


def _in_scope(finding_ids: list[UUID], scope: str) -> list[UUID]:
    with connections[tenancy.alias()].cursor() as cursor:
        cursor.execute(_IN_SCOPE, [finding_ids, scope])
        return [row[0] for row in cursor.fetchall()]


def _newer_known(tool: str, scope: str, at: str, actor: Actor) -> bool:
    """Whether an imported file of this tool and scope was made after this one."""
    with connections[tenancy.alias()].cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM findings_importbatch b, jsonb_array_elements(b.counts -> 'scanned') s"
            " WHERE b.organization_id = %s AND jsonb_typeof(b.counts -> 'scanned') = 'array'"
            " AND s ->> 'tool' = %s AND s ->> 'scope' = %s AND s ->> 'at' <> '' AND (s ->> 'at')::timestamptz > %s::timestamptz)",
            [actor.organization_id, tool, scope, at],
        )
        return bool(cursor.fetchone()[0])


def _was_imported(digest: str, actor: Actor) -> bool:
    return ImportBatch.objects.filter(organization_id=actor.organization_id, sha256=digest).exists()


def _one_at_a_time(organization_id: UUID) -> None:
    """Two imports of one organization would race for fingerprints: the second waits."""
    with connections[tenancy.alias()].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('import:' || %s, 0))", [str(organization_id)])


def _sha256(file: BinaryIO) -> str:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


def _pieces(file: BinaryIO | Blob) -> Iterator[bytes]:
    if isinstance(file, Blob):
        yield from vault.open(file)
        return
    while piece := file.read(1 << 20):
        yield piece


class _on_disk:
    """The file as one that a child process can be given: real files as they are, others through an unnamed copy."""

    def __init__(self, file: BinaryIO | Blob) -> None:
        self._given = file
        self._copy: BinaryIO | None = None

    def __enter__(self) -> BinaryIO:
        if not isinstance(self._given, Blob):
            try:
                self._given.fileno()
                return self._given
            except (AttributeError, OSError):
                pass
        copy = self._copy = tempfile.TemporaryFile()
        size = 0
        for piece in _pieces(self._given):
            size += len(piece)
            if size > limits.FILE_BYTES:
                copy.close()
                raise TooLarge(
                    f"An import takes up to {limits.FILE_BYTES // limits.MB} MB.", code="import_file_too_large"
                )
            copy.write(piece)
        copy.flush()
        return copy

    def __exit__(self, *error: object) -> None:
        if self._copy is not None:
            self._copy.close()


__all__ = ["OUTCOMES", "Counts", "Preview", "Row", "RowsInError", "formats", "hold", "preview", "run_import"]
