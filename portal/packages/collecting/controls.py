"""Controls with how often they were due and ran in the period, and every gap with what was said of it."""

from collections import defaultdict
from typing import Any
from uuid import UUID

from django.db.models import Count

from evidence.controls.models import ControlCriterion
from portal.packages import snapshot as s
from portal.packages.collecting.ground import Ground
from remediation.monitoring.models import Run, RunState


def controls(
    ground: Ground, rows: list[Any], findings: list[s.Finding], exhibits: dict[UUID, list[str]]
) -> tuple[s.Control, ...]:
    last = min(ground.engagement.period_end, ground.today)
    runs: dict[UUID, dict[str, int]] = defaultdict(dict)
    counted = (
        Run.objects.filter(
            control_id__in=[row.pk for row in rows], due_on__gte=ground.engagement.period_start, due_on__lte=last
        )
        .exclude(state=RunState.SCHEDULED)
        .values_list("control_id", "state")
        .annotate(many=Count("pk"))
    )
    for control_id, state, many in counted:
        runs[control_id][state] = many
    gaps: dict[UUID, list[s.Gap]] = defaultdict(list)
    unfilled = Run.objects.filter(
        control_id__in=[row.pk for row in rows],
        due_on__gte=ground.engagement.period_start,
        due_on__lte=last,
        state__in=[RunState.MISSED, RunState.PARTIAL],
    ).order_by("due_on")
    for control_id, on, state, explanation in unfilled.values_list("control_id", "due_on", "state", "explanation"):
        gaps[control_id].append(s.Gap(on, state, explanation))
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
            operated=runs[row.pk].get(RunState.OPERATED, 0),
            due=sum(runs[row.pk].values()),
            findings=tuple(found[row.ref]),
            exhibits=tuple(exhibits.get(row.pk, ())),
            partial=runs[row.pk].get(RunState.PARTIAL, 0),
            missed=runs[row.pk].get(RunState.MISSED, 0),
            pending=runs[row.pk].get(RunState.PENDING, 0),
            gaps=tuple(gaps[row.pk]),
        )
        for row in rows
    )
