"""Reads of runs: coverage by week for many controls at once, and the gaps in it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from evidence.controls.models import Control
from remediation.monitoring.calendar import monday_of, weeks
from remediation.monitoring.models import Run, RunState

# In a week with several runs the worst counts.
_WORST_FIRST = (RunState.MISSED, RunState.PARTIAL, RunState.PENDING, RunState.OPERATED, RunState.SCHEDULED)
NOT_DUE = "not_due"


@dataclass(frozen=True)
class Cell:
    """One control in one week: its worst result, and how many runs of how many went well."""

    week: date
    state: str
    runs: int = 0
    operated: int = 0
    run_id: UUID | None = None
    due_on: date | None = None
    is_explained: bool = False


@dataclass(frozen=True)
class Line:
    """One control through the period. `share` is None while nothing has been due."""

    control: Control
    cells: list[Cell]
    operated: int = 0
    partial: int = 0
    missed: int = 0
    pending: int = 0

    @property
    def due(self) -> int:
        return self.operated + self.partial + self.missed

    @property
    def share(self) -> int | None:
        """(operated + half of partial) of what was due, in per cent; pending counts on neither side."""
        return round(100 * (self.operated + 0.5 * self.partial) / self.due) if self.due else None

    @property
    def has_gaps(self) -> bool:
        return bool(self.missed or self.partial)


@dataclass(frozen=True)
class Coverage:
    """Lines of controls by the weeks of a period."""

    start: date
    end: date
    weeks: list[date]
    lines: list[Line] = field(default_factory=list)

    @property
    def share(self) -> int | None:
        due = sum(line.due for line in self.lines)
        good = sum(line.operated + 0.5 * line.partial for line in self.lines)
        return round(100 * good / due) if due else None

    @property
    def missed(self) -> int:
        return sum(line.missed for line in self.lines)


def coverage(organization_id: UUID, controls: Sequence[Control], start: date, end: date) -> Coverage:
    """Coverage of these controls by week, in one query."""
    columns = weeks(start, end)
    runs: dict[UUID, dict[date, list[Run]]] = defaultdict(lambda: defaultdict(list))
    rows = Run.objects.filter(
        organization_id=organization_id,
        control__in=[control.pk for control in controls],
        due_on__range=(start, end),
    ).order_by("due_on")
    for run in rows.defer("note"):
        runs[run.control_id][run.week].append(run)
    return Coverage(start, end, columns, [_line(control, runs[control.pk], columns) for control in controls])


def _line(control: Control, by_week: dict[date, list[Run]], columns: Iterable[date]) -> Line:
    everything = [run for runs in by_week.values() for run in runs]

    def number(state: str) -> int:
        return sum(run.state == state for run in everything)

    return Line(
        control=control,
        cells=[_cell(week, by_week.get(week, [])) for week in columns],
        operated=number(RunState.OPERATED),
        partial=number(RunState.PARTIAL),
        missed=number(RunState.MISSED),
        pending=number(RunState.PENDING),
    )


def _cell(week: date, runs: list[Run]) -> Cell:
    if not runs:
        return Cell(week, NOT_DUE)
    worst = min(runs, key=lambda run: _WORST_FIRST.index(RunState(run.state)))
    return Cell(
        week=week,
        state=worst.state,
        runs=len(runs),
        operated=sum(run.state == RunState.OPERATED for run in runs),
        run_id=worst.pk,
        due_on=worst.due_on,
        is_explained=bool(worst.explanation),
    )


def runs_of(control: Control, start: date, end: date) -> list[Run]:
    """The runs of one control in a period, newest first, with evidence and people."""
    return list(
        Run.objects.filter(control=control, due_on__range=(start, end))
        .select_related("artifact", "recorded_by", "explained_by")
        .order_by("-due_on")
    )


def gaps(organization_id: UUID, start: date, end: date) -> list[Run]:
    """Missed and partial runs of a period, with their controls."""
    return list(
        Run.objects.filter(
            organization_id=organization_id,
            due_on__range=(start, end),
            state__in=[RunState.MISSED, RunState.PARTIAL],
        )
        .select_related("control", "artifact")
        .order_by("due_on", "control__number")
    )


def due_for(organization_id: UUID, owner_id: UUID, today: date) -> list[Run]:
    """The next or waiting run of each control that this person answers for."""
    rows = (
        Run.objects.filter(
            organization_id=organization_id,
            control__owner_id=owner_id,
            state__in=[RunState.SCHEDULED, RunState.PENDING],
        )
        .select_related("control")
        .order_by("control_id", "due_on")
        .distinct("control_id")
    )
    return sorted(rows, key=lambda run: run.due_on)


def this_week(today: date) -> date:
    return monday_of(today)
