"""The populations of the controls in scope, hashed, and the samples drawn from them when a seed was given."""

from collections import defaultdict
from typing import Any
from uuid import UUID

from portal.packages import sampling
from portal.packages import snapshot as s
from portal.packages.collecting.ground import Ground
from remediation.monitoring.models import Run, RunState

#: A control's id and its runs of the period: day, state, the evidence's reference.
Runs = dict[UUID, list[tuple[Any, str, str]]]


def populations(ground: Ground, rows: list[Any], *, in_full: bool) -> s.Sampling:
    """A population for each control. Its members are listed when something is drawn or `in_full` is asked."""
    told = ground.package.chosen.get("sampling", {})
    seed, risk = told.get("seed", ""), told.get("risk", sampling.RISKS[0])
    runs = _runs(ground, rows)
    return s.Sampling(
        algorithm=sampling.ALGORITHM if seed else "",
        seed=seed,
        seed_from=told.get("seed_from", ""),
        risk=risk,
        populations=tuple(_population(ground, row, runs[row.pk], seed, risk, in_full) for row in rows),
    )


def _runs(ground: Ground, rows: list[Any]) -> Runs:
    last = min(ground.engagement.period_end, ground.today)
    found: Runs = defaultdict(list)
    due = (
        Run.objects.filter(
            control_id__in=[row.pk for row in rows], due_on__gte=ground.engagement.period_start, due_on__lte=last
        )
        .exclude(state=RunState.SCHEDULED)
        .order_by("due_on")
    )
    for control_id, on, state, ref in due.values_list("control_id", "due_on", "state", "artifact__ref"):
        found[control_id].append((on, state, ref or ""))
    return found


def _population(
    ground: Ground, control: Any, runs: list[tuple[Any, str, str]], seed: str, risk: str, in_full: bool
) -> s.Population:
    ids = [f"{control.ref} {on.isoformat()}" for on, _, _ in runs]
    sha256 = sampling.fingerprint(ids)
    drawn = sampling.ranked(sampling.key(seed, control.ref, sha256), ids) if seed else []
    ranks = {name: place for place, name in enumerate(drawn, 1)}
    items = tuple(
        s.Item(name, on, state, ref, ranks.get(name, 0))
        for name, (on, state, ref) in zip(ids, runs, strict=True)
        if seed or in_full
    )
    return s.Population(
        control=control.ref,
        title=control.title,
        frequency=control.get_frequency_display(),
        period_start=ground.engagement.period_start,
        period_end=min(ground.engagement.period_end, ground.today),
        count=len(ids),
        sha256=sha256,
        size=sampling.size(control.frequency, len(ids), risk),
        items=items,
    )
