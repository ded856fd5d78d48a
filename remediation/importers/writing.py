"""Writes verdicts in bulk: one statement per kind of row and batch, one event per finding that begins or changes.

PostgreSQL refuses COPY into tables with row-level security, and the app's role may create no temporary table, so
batches go in as JSON that PostgreSQL itself turns into rows.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from types import TracebackType
from typing import Any, Self
from uuid import UUID
from zoneinfo import ZoneInfo

import uuid_utils
from django.db import connections, models

from evidence import clock, tenancy
from evidence.actors import Actor
from evidence.controls.models import Control, Criterion
from evidence.ledger import services as ledger
from evidence.organizations.services import take_numbers
from remediation.findings import events, sla
from remediation.findings.models import Finding, FindingControl, FindingCriterion, ImportBatch, Occurrence
from remediation.findings.services import lifecycle
from remediation.findings.severity import is_cvss_vector
from remediation.findings.states import State
from remediation.sod import queries as sod_queries

from .matching import CREATED, REOPENED, UNCHANGED, UPDATED, Verdict
from .reader.plans import SETTLED
from .reader.records import Reading

_REPORTED = State.REPORTED.value
PLANS = frozenset({"oscal_poam", "poam_xlsx"})
"""Formats that say of each item what became of it elsewhere."""

_REFRESH = """
UPDATE findings_finding f SET version = f.version + 1, proposed_fixed_at = NULL,
  title = coalesce(r.title, f.title), description = coalesce(r.description, f.description),
  severity = coalesce(r.severity, f.severity), kev = coalesce(r.kev, f.kev),
  severity_since = coalesce(r.severity_since, f.severity_since),
  severity_rationale = coalesce(r.severity_rationale, f.severity_rationale),
  due_at = coalesce(r.due_at, f.due_at), current_due_at = coalesce(r.due_at, f.current_due_at),
  triage_due_at = coalesce(r.triage_due_at, f.triage_due_at)
FROM json_to_recordset(%s::json) AS r(id uuid, title text, description text, severity text, kev boolean,
  severity_since timestamptz, severity_rationale text, due_at timestamptz, triage_due_at timestamptz)
WHERE f.id = r.id
"""


@dataclass
class Writer:
    """Writes one import. Every method stays in the caller's transaction; `write` is called inside `with ahead`."""

    batch: ImportBatch
    actor: Actor
    is_repeat: bool
    """The very same file was imported before: what is unchanged leaves no new sighting."""
    now: datetime = field(default_factory=clock.now)

    def __post_init__(self) -> None:
        self.organization_id: UUID = self.actor.organization_id
        self.ahead = Ahead()
        self._unread: list[Callable[[], None]] = []
        self._sla = sla.rules(self.organization_id)
        self._is_plan = self.batch.kind in PLANS
        self._moments: dict[str, tuple[datetime, str]] = {}
        self._dues: dict[tuple[str, datetime], tuple[str, str]] = {}
        self._same_in_all: dict[str, Any] = {
            "organization_id": self.organization_id,
            "reported_at": self.now,
            "imported_at": self.now,
            "severity_since": self.now,
            "state": _REPORTED,
            "state_since": self.now,
            "cycle": 1,
            "version": 1,
            "created_at": self.now,
        }
        self._same_in_sightings: dict[str, Any] = {
            "organization_id": self.organization_id,
            "import_batch_id": self.batch.pk,
            "seen_at": self.now,
        }
        self._criteria = dict(Criterion.objects.values_list("identifier", "pk"))
        self._controls = dict(Control.objects.filter(organization_id=self.organization_id).values_list("ref", "pk"))

    def write(self, verdicts: Sequence[Verdict], *, rows_at_once: int) -> None:
        """All of them. Only what is read waits, so their numbers are taken together and first."""
        self.settle()
        created = sum(verdict.outcome == CREATED for verdict in verdicts)
        numbers = iter(take_numbers(self.organization_id, "F", created) if created else ())
        for start in range(0, len(verdicts), rows_at_once):
            self._write(verdicts[start : start + rows_at_once], numbers)

    def settle(self) -> None:
        """Raise Stale when another transaction recorded an event about one of the findings written meanwhile."""
        for check in self._unread:
            check()
        self._unread.clear()

    def _write(self, verdicts: Sequence[Verdict], numbers: Iterator[int]) -> None:
        by_outcome: dict[str, list[Verdict]] = {}
        for verdict in verdicts:
            by_outcome.setdefault(verdict.outcome, []).append(verdict)
        sightings: list[dict[str, Any]] = []
        sightings += self._create(by_outcome.get(CREATED, []), numbers)
        sightings += self._update(by_outcome.get(UPDATED, []))
        if reopened := by_outcome.get(REOPENED):
            with self.ahead.paused():
                sightings += [self._reopen(verdict) for verdict in reopened]
        if not self.is_repeat:
            sightings += [
                self._sighting(verdict, verdict.known.id, verdict.known.cycle)
                for verdict in by_outcome.get(UNCHANGED, [])
                if verdict.known is not None and verdict.known.state != State.REJECTED
            ]
        insert(Occurrence, sightings, self._same_in_sightings)

    def _create(self, verdicts: list[Verdict], numbers: Iterator[int]) -> list[dict[str, Any]]:
        if not verdicts:
            return []
        rows = [self._row(verdict.reading, next(numbers)) for verdict in verdicts]
        insert(Finding, rows, self._same_in_all)
        self._map(zip((row["id"] for row in rows), (verdict.reading for verdict in verdicts), strict=True))
        ledger.record_many(
            events.FINDING_IMPORTED,
            rows=((row["id"], row["ref"], _facts(row)) for row in rows),
            object_type=lifecycle.SUBJECT,
            actor=self.actor,
            data={"cycle": 1, "import": str(self.batch.pk)},
            unread=self._unread,
        )
        return [self._sighting(verdict, row["id"], 1) for verdict, row in zip(verdicts, rows, strict=True)]

    def _row(self, reading: Reading, number: int) -> dict[str, Any]:
        """The columns that differ from finding to finding, as JSON takes them."""
        detected, detected_text = self._detected(reading.detected_at)
        due, triage_due = self._due(reading.severity, detected)
        return {
            "id": str(uuid_utils.uuid7()),
            "ref": f"F-{number:03d}",
            "number": number,
            "title": reading.title,
            "description": reading.description,
            "source": reading.source,
            "source_ref": (reading.tool_fingerprint or str(reading.raw.get("report page", "")))[:200],
            "tool": reading.tool,
            "rule_id": reading.rule_id,
            "fingerprint": reading.fingerprint,
            "asset": (reading.asset or reading.location or reading.scope or reading.tool)[:500],
            "detected_at": detected_text,
            "clock_started_at": detected_text,
            "triage_due_at": triage_due,
            "due_at": due,
            "current_due_at": due,
            "severity": reading.severity,
            "original_severity": reading.severity,
            "severity_rationale": rationale(reading),
            "cvss_vector": reading.cvss_vector if reading.cvss_vector and is_cvss_vector(reading.cvss_vector) else "",
            "cvss_source": reading.tool if reading.cvss_vector else "",
            "kev": reading.kev,
            "audit_rating": reading.audit_rating,
            "root_cause": reading.cause,
            **(self._planned(reading, due) if self._is_plan else {}),
        }

    def _planned(self, reading: Reading, due: str) -> dict[str, Any]:
        """What only a plan of action says. Its dates hold until triage sets ours; what it calls settled is a hint."""
        due_on = self._end_of(reading.due_on) if reading.due_on else due
        return {
            "original_severity": reading.first_severity or reading.severity,
            "due_at": due_on,
            "current_due_at": self._end_of(reading.current_due_on) if reading.current_due_on else due_on,
            "proposed_fixed_at": self.now.isoformat() if reading.state in SETTLED else None,
        }

    def _end_of(self, text: str) -> str:
        return self._sla.end_of(date.fromisoformat(text)).isoformat()

    def _detected(self, text: str) -> tuple[datetime, str]:
        known = self._moments.get(text)
        if known is None:
            moment = min(moment_of(text, self._sla.zone) or self.now, self.now)
            known = (moment, moment.isoformat())
            if len(self._moments) < 10_000:
                self._moments[text] = known
        return known

    def _due(self, severity: str, detected: datetime) -> tuple[str, str]:
        known = self._dues.get((severity, detected))
        if known is None:
            known = (
                sla.due_for(severity, detected, self._sla).isoformat(),
                sla.triage_due_for(severity, self.now, self._sla).isoformat(),
            )
            if len(self._dues) < 10_000:
                self._dues[severity, detected] = known
        return known

    def _map(self, created: Iterable[tuple[str, Reading]]) -> None:
        criteria, controls = [], []
        for finding_id, reading in created:
            for name in reading.criteria:
                if name in self._criteria:
                    criteria.append(self._link(finding_id, "criterion_id", self._criteria[name]))
            for name in reading.controls:
                if name in self._controls:
                    controls.append(self._link(finding_id, "control_id", self._controls[name]))
        ours = {"organization_id": self.organization_id}
        insert(FindingCriterion, criteria, ours)
        insert(FindingControl, controls, ours)

    def _link(self, finding_id: str, column: str, target: UUID | str) -> dict[str, Any]:
        return {"id": str(uuid_utils.uuid7()), "finding_id": finding_id, column: str(target)}

    def _update(self, verdicts: list[Verdict]) -> list[dict[str, Any]]:
        """Words and severity follow the file until a person has triaged; afterwards the sighting alone is added."""
        if not verdicts:
            return []
        rows = [self._refreshed(verdict) for verdict in verdicts]
        with connections[tenancy.alias()].cursor() as cursor:
            cursor.execute(_REFRESH, [_json(rows)])
        ledger.record_many(
            events.FINDING_SEEN_AGAIN,
            rows=(
                (
                    verdict.known.id,
                    verdict.known.ref,
                    {"proposed_fixed_at": None, "severity": row.get("severity", verdict.known.severity)},
                )
                for verdict, row in zip(verdicts, rows, strict=True)
                if verdict.known is not None
            ),
            object_type=lifecycle.SUBJECT,
            actor=self.actor,
            data={"import": str(self.batch.pk)},
            unread=self._unread,
        )
        return [
            self._sighting(verdict, verdict.known.id, verdict.known.cycle)
            for verdict in verdicts
            if verdict.known is not None
        ]

    def _refreshed(self, verdict: Verdict) -> dict[str, Any]:
        known, reading = verdict.known, verdict.reading
        assert known is not None
        if known.state != State.REPORTED:
            return {"id": known.id}
        row: dict[str, Any] = {"id": known.id, "title": reading.title, "description": reading.description}
        if (known.severity, known.kev) != (reading.severity, reading.kev):
            row |= {
                "severity": reading.severity,
                "kev": reading.kev,
                "severity_since": self.now if known.severity != reading.severity else None,
                "severity_rationale": rationale(reading),
                "due_at": sla.due_for(reading.severity, known.clock_started_at, self._sla),
                "triage_due_at": sla.triage_due_for(reading.severity, known.reported_at or self.now, self._sla),
            }
        return row

    def _reopen(self, verdict: Verdict) -> dict[str, Any]:
        known = verdict.known
        assert known is not None
        actor = self.actor if self.actor.may("findings.reopen") else Actor.system(self.organization_id, "import")
        owner = (
            known.owner_id
            if known.owner_id and sod_queries.roles_of(known.owner_id, self.organization_id)
            else self.actor.person_id
        )
        finding = lifecycle.reopen(
            known.id,
            actor=actor,
            owner_id=owner,
            reason=f"Seen again in row {verdict.reading.row} of an imported file ({self.batch.sha256[:12]}).",
        )
        return self._sighting(verdict, finding.pk, finding.cycle)

    def _sighting(self, verdict: Verdict, finding_id: UUID | str, cycle: int) -> dict[str, Any]:
        reading = verdict.reading
        raw = {**reading.raw, "row": reading.row, "digest": verdict.digest}
        if reading.scope:
            raw["scope"] = reading.scope
        unknown = [name for name in reading.controls if name not in self._controls]
        if unknown:
            raw["controls not known here"] = unknown
        if reading.milestones:
            raw["milestones"] = list(reading.milestones)
        if reading.state_note:
            raw["note"] = reading.state_note
        if reading.references:
            raw["references"] = list(reading.references[:10])
        return {
            "id": str(uuid_utils.uuid7()),
            "finding_id": str(finding_id),
            "cycle": cycle,
            "location": reading.location,
            "raw": raw,
        }


def rationale(reading: Reading) -> str:
    """Where the severity comes from, in a sentence that triage can answer."""
    if reading.severity_note:
        return reading.severity_note
    return f"{reading.tool} says “{reading.original_severity}”." if reading.original_severity else ""


def moment_of(text: str, zone: ZoneInfo) -> datetime | None:
    """A date is the start of its day, a time without offset is local, both in the organization's zone."""
    if not text:
        return None
    if len(text) == 10:
        day = date.fromisoformat(text)
        return datetime(day.year, day.month, day.day, tzinfo=zone)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


class Ahead:
    """Inside, statements wait for no answer until one is read: rows are made while PostgreSQL writes those before.

    What needs to know how many rows a statement changed, as Django's `save` does, runs while it is `paused`.
    """

    def __enter__(self) -> Self:
        connection = connections[tenancy.alias()]
        self._opened = ExitStack()
        self._opened.enter_context(connection.wrap_database_errors)
        self._opened.enter_context(connection.connection.pipeline())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.__exit__(kind, error, trace)

    @contextmanager
    def paused(self) -> Iterator[None]:
        self._opened.close()
        try:
            yield
        finally:
            self.__enter__()


def insert(model: type[models.Model], rows: Sequence[Mapping[str, Any]], same: Mapping[str, Any]) -> None:
    """Insert rows given by column, with `same` in all of them. Any other column takes the model's default."""
    if not rows:
        return
    columns, selected, constants = [], [], []
    for field_ in model._meta.concrete_fields:
        name = str(field_.column)
        columns.append(f'"{name}"')
        if name in rows[0]:
            selected.append(f'r."{name}"')
        else:
            selected.append("%s")
            value = same[name] if name in same else field_.get_default()
            constants.append(field_.get_db_prep_save(value, connections[tenancy.alias()]))
    table = model._meta.db_table
    sql = (
        f'INSERT INTO "{table}" ({", ".join(columns)}) SELECT {", ".join(selected)}'  # noqa: S608
        f' FROM json_populate_recordset(NULL::"{table}", %s::json) AS r'
    )
    with connections[tenancy.alias()].cursor() as cursor:
        cursor.execute(sql, [*constants, _json(rows)])


def _facts(row: Mapping[str, Any]) -> dict[str, Any]:
    """What the event keeps: codes and dates, no words of people (those stand in the finding)."""
    return {
        "state": _REPORTED,
        "tool": row["tool"],
        "rule_id": row["rule_id"],
        "fingerprint": row["fingerprint"],
        "severity": row["severity"],
        "detected_at": row["detected_at"],
        "current_due_at": row["current_due_at"],
        **({"proposed_fixed_at": row["proposed_fixed_at"]} if row.get("proposed_fixed_at") else {}),
    }


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps(rows, default=_plain, ensure_ascii=False, separators=(",", ":"))


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, (datetime, date)) else str(value)
