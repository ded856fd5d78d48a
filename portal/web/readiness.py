"""How far the way back has come: the score, its parts, and what moves it most. Indicative, not an audit opinion.

UX.md section 6: 0.40 x findings closed + 0.30 x coverage so far + 0.15 x evidence in date + 0.15 x requests answered.
A part that has nothing to count yet is left out, and the others keep their proportions; the page says which.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connections

from evidence import clock, tenancy
from remediation.findings.states import OPEN, Severity, State

WEIGHTS = {"findings": 40, "coverage": 30, "evidence": 15}
_WORK = [state for state in OPEN if state != State.DEFERRED]


@dataclass(frozen=True)
class Part:
    """One part of the score: `done` of `total`, and its weight in per cent of the whole."""

    key: str
    word: str
    done: float
    total: float
    note: str

    @property
    def percent(self) -> int:
        return round(100 * self.done / self.total) if self.total else 0


@dataclass(frozen=True)
class Readiness:
    """The score from 0 to 100, or None when nothing can be counted yet."""

    parts: Sequence[Part]

    @property
    def counted(self) -> list[Part]:
        return [part for part in self.parts if part.total]

    @property
    def score(self) -> int | None:
        weight = sum(WEIGHTS[part.key] for part in self.counted)
        if not weight:
            return None
        return round(sum(WEIGHTS[part.key] * part.done / part.total for part in self.counted) * 100 / weight)

    def gain_of_one_finding(self) -> float:
        """By how many points the score rises when one more finding closes."""
        findings = next(part for part in self.parts if part.key == "findings")
        weight = sum(WEIGHTS[part.key] for part in self.counted)
        return WEIGHTS["findings"] * 100 / weight / findings.total if findings.total and weight else 0.0


def readiness(organization_id: UUID, coverage: tuple[float, float], today: date) -> Readiness:
    """The parts, from one query over findings and one over evidence; `coverage` is (operated runs, due runs)."""
    closed, counted = _one(
        "SELECT count(*) FILTER (WHERE state = 'closed'), count(*) FROM findings_finding"
        " WHERE organization_id = %s AND state NOT IN ('draft', 'rejected')",
        [organization_id],
    )
    fresh, kept = _one(
        "SELECT count(*) FILTER (WHERE fresh_until IS NULL OR fresh_until >= %s), count(*) FROM artifacts_artifact"
        " WHERE organization_id = %s AND state = 'accepted'",
        [today, organization_id],
    )
    operated, due = coverage
    return Readiness(
        [
            Part("findings", "Findings closed and verified", closed, counted, f"{closed} of {counted}"),
            Part("coverage", "Control coverage so far", operated, due, f"{due:g} runs due"),
            Part("evidence", "Evidence in date", fresh, kept, f"{fresh} of {kept}"),
        ]
    )


@dataclass(frozen=True)
class AgeRow:
    """Open findings of one severity by age in days since detection."""

    severity: str
    ages: tuple[int, int, int, int]

    @property
    def total(self) -> int:
        return sum(self.ages)


AGES = ("≤30 d", "31–60", "61–90", ">90")


def by_severity_and_age(organization_id: UUID) -> list[AgeRow]:
    """Accepted and deferred findings count as open (PRACTICE.md 3.2)."""
    now = clock.now()
    with connections[tenancy.alias()].cursor() as cursor:
        cursor.execute(
            "SELECT severity, width_bucket(extract(epoch FROM %s - detected_at) / 86400, ARRAY[31, 61, 91]), count(*)"
            " FROM findings_finding WHERE organization_id = %s AND state = ANY(%s) AND state <> 'reported' GROUP BY 1, 2",
            [now, organization_id, [str(state) for state in OPEN]],
        )
        found = {(severity, bucket): number for severity, bucket, number in cursor.fetchall()}
    return [
        AgeRow(severity, tuple(found.get((severity, bucket), 0) for bucket in range(4)))  # type: ignore[arg-type]
        for severity in Severity.values
    ]


@dataclass(frozen=True)
class Dues:
    overdue: int
    week: int
    on_track: int


def dues(organization_id: UUID) -> Dues:
    now = clock.now()
    overdue, week, later = _one(
        "SELECT count(*) FILTER (WHERE current_due_at < %(now)s),"
        " count(*) FILTER (WHERE current_due_at >= %(now)s AND current_due_at < %(week)s),"
        " count(*) FILTER (WHERE current_due_at >= %(week)s)"
        " FROM findings_finding WHERE organization_id = %(organization)s AND state = ANY(%(states)s)",
        {"now": now, "week": now + timedelta(days=7), "organization": organization_id,
         "states": [str(state) for state in _WORK]},
    )  # fmt: skip
    return Dues(overdue, week, later)


def open_over_time(organization_id: UUID, start: date, end: date, zone: str) -> list[tuple[date, int]]:
    """Open findings at the end of each week from `start` to `end`, at most a hundred points."""
    step = max(1, -(-(end - start).days // 100))
    with connections[tenancy.alias()].cursor() as cursor:
        cursor.execute(
            "SELECT d::date, (SELECT count(*) FROM findings_finding f WHERE f.organization_id = %(organization)s"
            "  AND f.state NOT IN ('draft', 'rejected') AND f.detected_at < ((d::date + 1)::timestamp AT TIME ZONE %(zone)s)"
            "  AND (f.closed_at IS NULL OR f.closed_at >= ((d::date + 1)::timestamp AT TIME ZONE %(zone)s)))"
            " FROM generate_series(%(start)s::date, %(end)s::date, %(step)s * interval '1 day') d",
            {"organization": organization_id, "zone": zone, "start": start, "end": end, "step": max(step, 7)},
        )
        return [(day, number) for day, number in cursor.fetchall()]


@dataclass(frozen=True)
class Mover:
    """A finding whose closing moves the score, and what it waits for."""

    ref: str
    title: str
    severity: str
    state: str
    due_at: datetime
    owner: str | None


def movers(organization_id: UUID, most: int = 3) -> list[Mover]:
    """The gravest open findings, nearest to their end first within a severity."""
    with connections[tenancy.alias()].cursor() as cursor:
        cursor.execute(
            "SELECT f.ref, f.title, f.severity, f.state, f.current_due_at, p.name FROM findings_finding f"
            " LEFT JOIN accounts_person p ON p.id = f.owner_id"
            " WHERE f.organization_id = %s AND f.state = ANY(%s)"
            " ORDER BY array_position(ARRAY['critical','high','medium','low'], f.severity::text),"
            " array_position(ARRAY['verified','ready_for_verification','in_remediation','planned','analysed','triaged',"
            " 'reported'], f.state::text), f.current_due_at LIMIT %s",
            [organization_id, [str(state) for state in _WORK], most],
        )
        return [Mover(*row) for row in cursor.fetchall()]


def _one(sql: str, values: Any) -> tuple[Any, ...]:
    with connections[tenancy.alias()].cursor() as cursor:
        cursor.execute(sql, values)
        row: tuple[Any, ...] = cursor.fetchone()
        return row
