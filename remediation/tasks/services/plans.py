"""A finding's plan: written with its success test, submitted, and for High and Critical approved before work starts."""

from typing import Any
from uuid import UUID

from django.db import transaction

from evidence import clock
from evidence.actors import Actor
from evidence.errors import Invalid, NotFound, Stale, WrongState
from evidence.ledger import services as ledger
from remediation.approvals import queries as approval_queries
from remediation.approvals import services as approvals
from remediation.approvals.models import Request
from remediation.findings import sla
from remediation.findings.models import Finding
from remediation.findings.services import lifecycle, proposals
from remediation.findings.states import NEEDS_PLAN_APPROVAL, State
from remediation.sod.duties import Duty
from remediation.tasks import events
from remediation.tasks.models import Plan, PlanState, Task, TaskState

ACTION = "finding.approve_plan"
WRITABLE = (State.ANALYSED, State.PLANNED)


def standing(finding: Finding, *, lock: bool = False) -> Plan | None:
    """The plan that stands for the finding's present cycle."""
    rows = Plan.objects.filter(finding=finding, cycle=finding.cycle).exclude(state=PlanState.SUPERSEDED)
    return (rows.select_for_update() if lock else rows).first()


@transaction.atomic
def draft_plan(
    finding_id: UUID,
    *,
    actor: Actor,
    text: str,
    success_test: str = "",
    residual_risk: str = "",
    expected_version: int | None = None,
) -> Plan:
    """Write the plan of an analysed finding. Where work of an earlier plan began, the new one supersedes it."""
    finding = lifecycle.lock(finding_id, actor=actor, expected_version=expected_version)
    actor.require("findings.plan", finding)
    _require_writable(finding)
    existing = standing(finding, lock=True)
    if existing is not None and existing.work_started_at is None:
        raise WrongState(f"{finding.ref} has a plan already.", help="Edit that plan.")
    _check(text, success_test, complete=False)
    lifecycle.take(finding, Duty.OWNER, actor=actor)
    if existing is not None:
        existing.state = PlanState.SUPERSEDED
        existing.version += 1
        existing.save(update_fields=["state", "version"])
        ledger.record(events.PLAN_SUPERSEDED, subject=finding, actor=actor, data={"plan": str(existing.pk)})
    plan = Plan.objects.create(
        organization_id=finding.organization_id,
        finding=finding,
        cycle=finding.cycle,
        text=text.strip(),
        success_test=success_test.strip(),
        residual_risk=residual_risk.strip(),
        written_by_id=lifecycle.person_of(actor),
    )
    _record(events.PLAN_DRAFTED, finding, plan, actor)
    return plan


@transaction.atomic
def edit_plan(
    plan_id: UUID,
    *,
    actor: Actor,
    text: str,
    success_test: str,
    residual_risk: str = "",
    expected_version: int | None = None,
) -> Plan:
    """Change a plan before work starts. A request that is open about it becomes void."""
    plan = _of(plan_id, actor)
    finding = lifecycle.lock(plan.finding_id, actor=actor)
    plan = Plan.objects.select_for_update().get(pk=plan_id)
    actor.require("findings.plan", finding)
    if expected_version is not None and plan.version != expected_version:
        raise Stale("The plan was changed meanwhile.", help="Compare, then save again; yours was not kept.")
    if plan.work_started_at is not None:
        raise WrongState(
            "Work on this plan has started, so its success test stands.", help="Return the finding to plan anew."
        )
    _require_writable(finding)
    _check(text, success_test, complete=plan.state != PlanState.DRAFT)
    lifecycle.take(finding, Duty.OWNER, actor=actor)
    plan.text, plan.success_test = text.strip(), success_test.strip()
    plan.residual_risk = residual_risk.strip()
    if plan.state != PlanState.DRAFT:
        plan.state = PlanState.DRAFT
        approvals.void_open(
            lifecycle.SUBJECT, finding.pk, finding.cycle, actor=actor, why="The plan was changed.", actions=[ACTION]
        )
    plan.version += 1
    plan.save()
    _record(events.PLAN_EDITED, finding, plan, actor)
    return plan


@transaction.atomic
def submit_plan(finding_id: UUID, *, actor: Actor, expected_version: int | None = None) -> Finding:
    """Hand in the plan: success test written, at least one task, every task due before the finding is.

    For High and Critical it now waits for approval; for the others remediation opens at once. Submitting again is
    possible after a refusal, and after a change of severity or scope made an earlier approval void.
    """
    finding = lifecycle.lock(finding_id, actor=actor, expected_version=expected_version)
    actor.require("findings.plan", finding)
    again = finding.state in (State.PLANNED, State.IN_REMEDIATION)
    if not again:
        lifecycle.BY_VERB["plan"].check(finding.state, finding.ref)
    plan = standing(finding, lock=True)
    if plan is None:
        raise Invalid("There is no plan yet.", fields={"text": ["Write the plan first."]})
    _check(plan.text, plan.success_test, complete=True)
    _check_tasks(finding, plan)
    needs_approval = finding.severity in NEEDS_PLAN_APPROVAL
    if again and (not needs_approval or is_approved(finding)):
        raise WrongState(f"The plan of {finding.ref} needs no further approval.")
    if not again:
        move = lifecycle.begin(finding, "plan", actor=actor)
        lifecycle.finish(finding, move, actor=actor)
    plan.submitted_at = clock.now()
    plan.state = PlanState.SUBMITTED if needs_approval else PlanState.APPROVED
    if needs_approval:
        plan.version += 1
        plan.save()
        approvals.request(
            ACTION,
            subject_type=lifecycle.SUBJECT,
            subject_id=finding.pk,
            subject_ref=finding.ref,
            cycle=finding.cycle,
            content=content(finding.pk),
            severity=finding.severity,
            actor=actor,
            reason="",
        )
        _record(events.PLAN_SUBMITTED, finding, plan, actor)
        return finding
    return _open_work(finding, plan, actor)


def is_approved(finding: Finding) -> bool:
    """Whether a granted approval of the plan stands, where the severity needs one."""
    if finding.severity not in NEEDS_PLAN_APPROVAL:
        return True
    granted = approval_queries.granted(lifecycle.SUBJECT, finding.pk, finding.cycle, ACTION)
    return granted is not None and granted.ended_at is not None and granted.ended_at >= finding.severity_since


def content(finding_id: UUID) -> dict[str, Any]:
    """What an approver of a plan decides about."""
    finding = Finding.objects.get(pk=finding_id)
    plan = standing(finding)
    return {
        **proposals.facts_of(finding),
        "cause": {"class": finding.root_cause_class, "words": finding.root_cause, "scope_check": finding.scope_check},
        "plan": words_of(plan),
        "tasks": tasks_of(finding),
    }


def words_of(plan: Plan | None) -> dict[str, Any]:
    if plan is None:
        return {}
    return {"text": plan.text, "success_test": plan.success_test, "residual_risk": plan.residual_risk}


def tasks_of(finding: Finding) -> list[dict[str, Any]]:
    return [
        {
            "ref": task.ref,
            "title": task.title,
            "assignee": str(task.assignee_id) if task.assignee_id else None,
            "due_on": task.due_on.isoformat(),
            "changes_production": task.changes_production,
        }
        for task in Task.objects.filter(finding=finding, cycle=finding.cycle).order_by("number")
    ]


def approved(request: Request, actor: Actor) -> None:
    """A granted request: remediation opens, unless it was open already."""
    finding = lifecycle.lock(request.subject_id, actor=actor)
    plan = standing(finding, lock=True)
    if plan is None:
        raise NotFound("The plan is gone.")
    plan.state = PlanState.APPROVED
    if finding.state == State.IN_REMEDIATION:
        plan.approved_at = clock.now()
        plan.version += 1
        plan.save()
        _record(events.PLAN_APPROVED, finding, plan, actor)
        return
    _open_work(finding, plan, actor)


def refused(request: Request, actor: Actor) -> None:
    """A refused or ended request: the plan goes back to who wrote it."""
    finding = lifecycle.lock(request.subject_id, actor=actor)
    plan = standing(finding, lock=True)
    if plan is None or plan.state != PlanState.SUBMITTED:
        return
    plan.state = PlanState.REFUSED
    plan.version += 1
    plan.save(update_fields=["state", "version"])
    _record(events.PLAN_REFUSED, finding, plan, actor)


def _open_work(finding: Finding, plan: Plan, actor: Actor) -> Finding:
    move = lifecycle.begin(finding, "start", actor=actor)
    plan.state = PlanState.APPROVED
    plan.approved_at = plan.work_started_at = clock.now()
    plan.version += 1
    plan.save()
    _record(events.PLAN_APPROVED, finding, plan, actor)
    return lifecycle.finish(finding, move, actor=actor)


def _of(plan_id: UUID, actor: Actor) -> Plan:
    plan = Plan.objects.filter(pk=plan_id, organization_id=actor.organization_id).first()
    if plan is None:
        raise NotFound("There is no such plan here.")
    return plan


def _require_writable(finding: Finding) -> None:
    if finding.state not in WRITABLE:
        raise WrongState(
            f"{finding.ref} is “{State(finding.state).label}”; its plan is written after the root cause and before work.",
            help=lifecycle.next_step(finding.state),
        )


def _check(text: str, success_test: str, *, complete: bool) -> None:
    wrong: dict[str, list[str]] = {}
    if not text.strip():
        wrong["text"] = ["Say what will be done."]
    if complete and not success_test.strip():
        wrong["success_test"] = [
            "Say how anyone will see that it worked. It is written before the work and then stands."
        ]
    if wrong:
        raise Invalid("The plan is not complete.", fields=wrong)


def _check_tasks(finding: Finding, plan: Plan) -> None:
    tasks = list(Task.objects.filter(plan=plan).order_by("number"))
    if not tasks:
        raise Invalid("The plan has no task yet.", fields={"tasks": ["Add at least one task."]})
    due = sla.rules(finding.organization_id).day_of(finding.current_due_at)
    late = [task for task in tasks if task.due_on > due and task.state != TaskState.DONE]
    if late:
        raise Invalid(
            f"{late[0].ref} is due after the finding.",
            fields={"tasks": [f"{finding.ref} is due on {due:%d %b %Y}; {late[0].ref} on {late[0].due_on:%d %b %Y}."]},
            help="Bring the task forward, or ask to move the finding's date or to defer it.",
        )


def _record(event: Any, finding: Finding, plan: Plan, actor: Actor) -> None:
    ledger.record(
        event,
        subject=finding,
        actor=actor,
        data={"cycle": plan.cycle, "plan": str(plan.pk), "plan_version": plan.version, "state": str(plan.state)},
        texts={name: text for name, text in words_of(plan).items() if text},
    )
