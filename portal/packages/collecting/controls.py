"""Controls with how often they were due and ran in the period, and every gap with what was said of it."""

from collections import Counter, defaultdict
from typing import Any
from uuid import UUID

from evidence.controls.models import ControlCriterion
from portal.packages import snapshot as s
from portal.packages.collecting.ground import Ground
from remediation.monitoring.models import Run, RunState

UNFILLED = frozenset({RunState.MISSED, RunState.PARTIAL})


def controls(
    ground: Ground, rows: list[Any], findings: list[s.Finding], exhibits: dict[UUID, list[str]]
) -> tuple[s.Control, ...]:
    last = min(ground.engagement.period_end, ground.today)
    runs: dict[UUID, Counter[str]] = defaultdict(Counter)
    gaps: dict[UUID, list[s.Gap]] = defaultdict(list)
    due = (
        Run.objects.filter(
            control_id__in=[row.pk for row in rows], due_on__gte=ground.engagement.period_start, due_on__lte=last
        )
        .exclude(state=RunState.SCHEDULED)
        .order_by("due_on")
    )
    for control_id, on, state, explanation in due.values_list("control_id", "due_on", "state", "explanation"):
        runs[control_id][state] += 1
        if state in UNFILLED:
            gaps[control_id].append(s.Gap(on, state, explanation, place=runs[control_id].total()))
    criteria: dict[UUID, list[str]] = defaultdict(list)
    links = ControlCriterion.objects.filter(control_id__in=[row.pk for row in rows])
    for control_id, name in links.order_by("criterion__position").values_list("control_id", "criterion_id"):
        criteria[control_id].append(name)
    found: dict[str, list[str]] = defaultdict(list)
    for finding in findings:
        for ref in finding.controls:
            found[ref].append(finding.ref)
    return tuple(
        s.Control(
            ref=row.ref,
            title=row.title,
            owner=row.owner.name if row.owner else "",
            criteria=tuple(criteria[row.pk]),
            frequency=row.get_frequency_display(),
            operated=runs[row.pk][RunState.OPERATED],
            due=runs[row.pk].total(),
            findings=tuple(found[row.ref]),
            exhibits=tuple(exhibits.get(row.pk, ())),
            partial=runs[row.pk][RunState.PARTIAL],
            missed=runs[row.pk][RunState.MISSED],
            pending=runs[row.pk][RunState.PENDING],
            gaps=tuple(gaps[row.pk]),
        )
        for row in rows
    )
