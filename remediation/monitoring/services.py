"""Runs of controls: scheduled over a period, recorded by whoever operates them, missed when nobody did, explained.

A run's result can be corrected downwards, never upwards: a missed run becomes an explained exception.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F

from evidence import clock
from evidence.actors import Actor
from evidence.artifacts import services as artifacts
from evidence.artifacts.models import Artifact
from evidence.controls.models import Control
from evidence.errors import Invalid, NotFound, Stale, WrongState
from evidence.identifiers import uuid7
from evidence.ledger import services as ledger
from evidence.ledger.services import Subject
from evidence.organizations import queries as organizations
from remediation.findings import services as findings
from remediation.findings import sla
from remediation.findings.models import Finding, FindingControl
from remediation.findings.services import lifecycle
from remediation.findings.states import State
from remediation.monitoring import events
from remediation.monitoring.calendar import due_dates, monday_of
from remediation.monitoring.models import Run, RunState

RUN = "monitoring.run"
# How long evidence may be on its way before a run counts as missed.
PENDING_DAYS = 14
_WORSE = {
    RunState.SCHEDULED: (RunState.PENDING, RunState.OPERATED, RunState.PARTIAL, RunState.MISSED),
    RunState.PENDING: (RunState.OPERATED, RunState.PARTIAL, RunState.MISSED),
    RunState.OPERATED: (RunState.PARTIAL, RunState.MISSED),
    RunState.PARTIAL: (RunState.MISSED,),
    RunState.MISSED: (),
}


def ref_of(run: Run, control: Control) -> str:
    """How a run is named: its control and its day."""
    return f"{control.ref} {run.due_on.isoformat()}"


@transaction.atomic
def schedule(control_ids: Iterable[UUID], *, start: date, end: date, actor: Actor) -> int:
    """Schedule every run that the controls owe in a period, and return how many are new. Doing it again adds nothing."""
    actor.require("controls.manage")
    if end < start:
        raise Invalid("The period ends before it starts.", fields={"end": ["Choose a later day."]})
    controls = Control.objects.filter(
        pk__in=list(control_ids), organization_id=actor.organization_id, retired_at=None
    ).order_by("number")
    made = 0
    for control in controls:
        known = set(Run.objects.filter(control=control, due_on__range=(start, end)).values_list("due_on", flat=True))
        rows = [
            Run(id=uuid7(), organization_id=control.organization_id, control=control, due_on=day, week=monday_of(day))
            for day in due_dates(control.frequency, start, end)
            if day not in known
        ]
        Run.objects.bulk_create(rows)
        ledger.record_many(
            events.RUN_SCHEDULED,
            rows=[(row.pk, ref_of(row, control), {"due_on": row.due_on.isoformat()}) for row in rows],
            object_type=RUN,
            actor=actor,
        )
        made += len(rows)
    return made


@transaction.atomic
def record(
    run_id: UUID,
    *,
    state: str,
    actor: Actor,
    artifact_id: UUID | None = None,
    note: str = "",
    expected_version: int | None = None,
) -> Run:
    """Record how a due run went: operated needs its evidence, partial and missed need words.

    `pending` says that it ran and the evidence follows. A worse result may follow a better one, never the reverse.
    """
    run, control = _locked(run_id, actor, expected_version)
    actor.require("controls.operate", control)
    if state not in RunState.values or state == RunState.SCHEDULED:
        raise Invalid("Say how it went.", fields={"state": ["Choose operated, partial, missed or evidence pending."]})
    _check_move(run, control, RunState(state))
    _check_given(run, RunState(state), artifact_id, note)
    was = run.state
    if artifact_id is not None:
        artifact = Artifact.objects.filter(pk=artifact_id, organization_id=actor.organization_id).first()
        if artifact is None:
            raise NotFound("There is no such evidence here.")
        artifacts.link(
            artifact.pk, target_type="controls.control", target_id=control.pk, target_ref=control.ref, actor=actor
        )
        run.artifact = artifact
    run.state, run.note = RunState(state), note.strip() or run.note
    run.recorded_by_id, run.recorded_at = actor.person_id, clock.now()
    run.version += 1
    run.save()
    better = was in (RunState.SCHEDULED, RunState.PENDING)
    ledger.record(
        events.RUN_RECORDED if better else events.RUN_WORSENED,
        subject=Subject(RUN, run.pk, ref_of(run, control)),
        actor=actor,
        before={"state": str(was)},
        after={"state": str(run.state), "artifact": run.artifact.ref if run.artifact else None},
        reason=note.strip(),
    )
    count_for_findings(control, actor=actor)
    return run


@transaction.atomic
def explain(run_id: UUID, *, words: str, actor: Actor, expected_version: int | None = None) -> Run:
    """Say once what happened in a missed or partial run. The run stays what it was."""
    run, control = _locked(run_id, actor, expected_version)
    actor.require("controls.operate", control)
    if run.state not in (RunState.MISSED, RunState.PARTIAL):
        raise WrongState("Only a missed or partial run is explained.")
    if run.explanation:
        raise WrongState("This run was explained already; the explanation is kept as it was given.")
    run.explanation = lifecycle.needs_words(words, field="words", ask="Say what happened and what it affected.")
    run.explained_by_id, run.explained_at = actor.person_id, clock.now()
    run.version += 1
    run.save(update_fields=["explanation", "explained_by", "explained_at", "version"])
    ledger.record(
        events.RUN_EXPLAINED, subject=Subject(RUN, run.pk, ref_of(run, control)), actor=actor, reason=run.explanation
    )
    return run


@transaction.atomic
def miss_overdue(*, actor: Actor) -> int:
    """Mark as missed what nobody recorded by the end of its day, or whose evidence never came. For the sweep."""
    today = sla.rules(actor.organization_id).day_of(clock.now())
    waiting = Run.objects.select_for_update(of=("self",)).filter(organization_id=actor.organization_id)
    late = list(
        waiting.filter(state=RunState.SCHEDULED, due_on__lt=today).select_related("control").order_by("id")
    ) + list(
        waiting.filter(state=RunState.PENDING, due_on__lt=today - timedelta(days=PENDING_DAYS))
        .select_related("control")
        .order_by("id")
    )
    Run.objects.filter(pk__in=[run.pk for run in late]).update(
        state=RunState.MISSED, recorded_at=clock.now(), version=F("version") + 1
    )
    ledger.record_many(
        events.RUN_MISSED,
        rows=[(run.pk, ref_of(run, run.control), {"state": "missed"}) for run in late],
        object_type=RUN,
        actor=actor,
    )
    return len(late)


def count_for_findings(control: Control, *, actor: Actor) -> None:
    """Tell the fixed findings of a control how often it has operated since (PRACTICE.md 3.5)."""
    waiting = Finding.objects.filter(
        pk__in=FindingControl.objects.filter(control=control).values("finding_id"),
        state=State.VERIFIED,
        design_fixed_on__isnull=False,
    )
    least = organizations.policy(control.organization_id, "operating_history").body
    for finding in waiting.order_by("id"):
        needed, seen = _slowest(finding, least)
        findings.count_operation(finding.pk, seen=seen, needed=needed, actor=actor)


def _slowest(finding: Finding, least: dict[str, int]) -> tuple[int | None, int]:
    """Needed and seen runs of the control that has the smallest share of what it needs."""
    worst: tuple[int | None, int] = (None, 0)
    rows = FindingControl.objects.filter(finding=finding).select_related("control")
    for row in rows:
        needed = int(least[row.control.frequency])
        seen = Run.objects.filter(
            control=row.control, state=RunState.OPERATED, due_on__gt=finding.design_fixed_on
        ).count()
        if worst[0] is None or seen * worst[0] < worst[1] * needed:
            worst = (needed, seen)
    return worst


def _locked(run_id: UUID, actor: Actor, expected_version: int | None) -> tuple[Run, Control]:
    run = (
        Run.objects.select_for_update(of=("self",))
        .select_related("control", "artifact")
        .filter(pk=run_id, organization_id=actor.organization_id)
        .first()
    )
    if run is None:
        raise NotFound("There is no such run here.")
    if expected_version is not None and run.version != expected_version:
        raise Stale("This run was recorded meanwhile.", help="Look at it again; nothing of yours was recorded.")
    return run, run.control


def _check_move(run: Run, control: Control, to: RunState) -> None:
    if to not in _WORSE[RunState(run.state)]:
        raise WrongState(
            f"{ref_of(run, control)} is “{RunState(run.state).label}” and does not become “{to.label}” later.",
            help="Explain what happened; a missed run becomes an explained exception and stays missed.",
        )


def _check_given(run: Run, to: RunState, artifact_id: UUID | None, note: str) -> None:
    today = sla.rules(run.organization_id).day_of(clock.now())
    wrong: dict[str, list[str]] = {}
    if to != RunState.MISSED and monday_of(run.due_on) > today:
        wrong["state"] = ["Its week has not begun yet."]
    if to == RunState.OPERATED and artifact_id is None and run.artifact_id is None:
        wrong["artifact"] = ["Give the evidence that it ran, or say that it follows."]
    if to in (RunState.PARTIAL, RunState.MISSED) and not note.strip():
        wrong["note"] = ["Say what was not done."]
    if wrong:
        raise Invalid("The run is not complete.", fields=wrong)
