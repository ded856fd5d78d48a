"""Reads of tasks: one person's work, a finding's work, one task with all that belongs to it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from django.db.models import Prefetch, Q, QuerySet

from evidence import clock
from evidence.actors import Actor
from evidence.artifacts.models import Artifact
from evidence.counting import Count
from evidence.errors import NotFound
from remediation.findings.models import Finding
from remediation.findings.states import OPEN, State
from remediation.tasks.models import OwedItem, Plan, PlanState, Task, TaskNote, TaskState, Verification
from remediation.tasks.services.evidence import attached

LIMIT = 100


@dataclass(frozen=True)
class MyWork:
    """One person's tasks: what came back, what is due within a week, later, and what waits on somebody else."""

    returned: list[Task] = field(default_factory=list)
    due_soon: list[Task] = field(default_factory=list)
    later: list[Task] = field(default_factory=list)
    waiting: list[Task] = field(default_factory=list)
    to_judge: list[Task] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def needs_me(self) -> int:
        return len(self.returned) + len(self.due_soon) + len(self.later)


def _whole() -> "QuerySet[Task]":
    return Task.objects.select_related("finding", "finding__owner", "assignee", "submitted_by").prefetch_related(
        Prefetch("owed", OwedItem.objects.select_related("artifact").order_by("position", "id")),
        Prefetch("notes", TaskNote.objects.select_related("by").order_by("at", "id")),
    )


def my_work(actor: Actor) -> MyWork:
    """The actor's work of findings that are open now, in a number of queries that does not grow with it."""
    soon = clock.today() + timedelta(days=7)
    rows = list(
        _whole()
        .filter(organization_id=actor.organization_id, assignee_id=actor.person_id, finding__state__in=OPEN)
        .exclude(state=TaskState.DONE)
        .order_by("due_on", "number")[:LIMIT]
    )
    rows = [row for row in rows if row.cycle == row.finding.cycle]
    open_rows = [row for row in rows if row.state in (TaskState.TODO, TaskState.IN_PROGRESS)]
    judge: list[Task] = []
    if actor.may("tasks.manage") or actor.may("findings.verify"):
        judge = list(
            _whole()
            .filter(organization_id=actor.organization_id, state=TaskState.SUBMITTED)
            .exclude(Q(assignee_id=actor.person_id) | Q(submitted_by_id=actor.person_id))
            .order_by("submitted_at")[:LIMIT]
        )
    return MyWork(
        returned=[row for row in rows if row.state == TaskState.RETURNED],
        due_soon=[row for row in open_rows if row.due_on <= soon],
        later=[row for row in open_rows if row.due_on > soon],
        waiting=[row for row in rows if row.state == TaskState.SUBMITTED],
        to_judge=judge,
        findings=list(_findings_of(actor)),
    )


def _findings_of(actor: Actor) -> Iterable[Finding]:
    """Findings whose next step is the actor's: the cause to write, the fix to hand over, the fix to verify."""
    mine = Q(assignee_id=actor.person_id) | Q(owner_id=actor.person_id)
    wanted = Q(pk=None)
    if actor.may("findings.analyse"):
        wanted |= mine & Q(state=State.TRIAGED)
    if actor.may("findings.plan"):
        wanted |= Q(owner_id=actor.person_id, state__in=[State.ANALYSED, State.VERIFIED])
    if actor.may("tasks.work"):
        wanted |= Q(assignee_id=actor.person_id, state=State.IN_REMEDIATION) & ~Q(
            pk__in=Task.objects.exclude(state=TaskState.DONE).values("finding_id")
        )
    if actor.may("findings.verify"):
        wanted |= Q(state=State.READY_FOR_VERIFICATION)
    rows = Finding.objects.filter(wanted, organization_id=actor.organization_id)
    return rows.select_related("owner", "assignee").order_by("current_due_at", "id")[:LIMIT]


def open_count(actor: Actor) -> int:
    """How many tasks wait for this person."""
    return _waiting(actor.organization_id, actor.person_id)


_waiting = Count(
    lambda organization, person, now: Task.objects.filter(
        organization_id=organization,
        assignee_id=person,
        finding__state__in=OPEN,
        state__in=[TaskState.TODO, TaskState.IN_PROGRESS, TaskState.RETURNED],
    ),
    at_most=LIMIT,
)


def number_of(ref: str) -> int | None:
    """The number in a public id such as T-081, else None."""
    prefix, _, digits = ref.strip().upper().partition("-")
    return int(digits) if prefix == "T" and digits.isdigit() and len(digits) < 10 else None


def find(actor: Actor, ref: str) -> Task:
    """The task with this public id and all that belongs to it. Raises NotFound."""
    actor.require("findings.view")
    number = number_of(ref)
    found = (
        _whole().select_related("plan").filter(organization_id=actor.organization_id, number=number).first()
        if number is not None
        else None
    )
    if found is None:
        raise NotFound(f"There is no task {ref} here.")
    return found


@dataclass(frozen=True)
class Work:
    """A finding's plan, tasks, evidence and verifications in its present cycle, and the tasks of earlier ones."""

    plan: Plan | None
    tasks: list[Task]
    earlier: list[Task]
    evidence: list[Artifact]
    verifications: list[Verification]

    @property
    def done(self) -> int:
        return sum(task.state == TaskState.DONE for task in self.tasks)


def work_of(finding: Finding) -> Work:
    """Everything that is done about a finding."""
    tasks = list(_whole().filter(finding=finding).order_by("number"))
    return Work(
        plan=Plan.objects.filter(finding=finding, cycle=finding.cycle)
        .exclude(state=PlanState.SUPERSEDED)
        .select_related("written_by")
        .first(),
        tasks=[task for task in tasks if task.cycle == finding.cycle],
        earlier=[task for task in tasks if task.cycle != finding.cycle],
        evidence=attached(finding),
        verifications=list(
            Verification.objects.filter(finding=finding, cycle=finding.cycle).select_related("verifier").order_by("-at")
        ),
    )


def tasks_of(organization_id: UUID, finding_ids: Iterable[UUID]) -> list[Task]:
    """Tasks of many findings, by number, for packages and exports."""
    return list(_whole().filter(organization_id=organization_id, finding_id__in=list(finding_ids)).order_by("number"))
