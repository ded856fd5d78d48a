"""Tasks: added to a plan, assigned, started, handed in, returned with words, accepted as done by somebody else."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from django.db import transaction

from evidence import clock
from evidence.actors import Actor
from evidence.controls.models import EvidenceKind
from evidence.errors import DutyConflict, Invalid, NotAllowed, NotFound, Stale, WrongState
from evidence.ledger import services as ledger
from evidence.ledger.events import Event
from evidence.organizations.services import take_ref
from remediation.findings.models import Finding
from remediation.findings.services import lifecycle
from remediation.findings.states import State
from remediation.sod.duties import Duty
from remediation.tasks import events
from remediation.tasks.models import OwedItem, Task, TaskNote, TaskState
from remediation.tasks.services import plans

PLANNING = (State.ANALYSED, State.PLANNED, State.IN_REMEDIATION)
_WORDS = ("title", "details")


@transaction.atomic
def add(
    finding_id: UUID,
    *,
    actor: Actor,
    title: str,
    due_on: date,
    assignee_id: UUID | None = None,
    details: str = "",
    changes_production: bool = False,
    owed: Sequence[tuple[str, str]] = (),
) -> Task:
    """Add a task to the finding's plan. `owed` lists (title, kind) of the evidence it must leave."""
    finding = lifecycle.lock(finding_id, actor=actor)
    actor.require("tasks.manage", finding)
    _require(finding, PLANNING)
    plan = plans.standing(finding, lock=True)
    if plan is None:
        raise WrongState(f"{finding.ref} has no plan yet.", help="Write the plan first; tasks belong to it.")
    _check(title, due_on)
    _check_owed(owed)
    ref, number = take_ref(finding.organization_id, "T")
    task = Task.objects.create(
        organization_id=finding.organization_id,
        ref=ref,
        number=number,
        finding=finding,
        plan=plan,
        cycle=finding.cycle,
        title=title.strip(),
        details=details.strip(),
        due_on=due_on,
        changes_production=changes_production,
    )
    OwedItem.objects.bulk_create(
        [
            OwedItem(organization_id=task.organization_id, task=task, title=words.strip(), kind=kind, position=place)
            for place, (words, kind) in enumerate(owed)
        ]
    )
    if assignee_id is not None:
        _appoint(finding, task, assignee_id, actor)
    ledger.record(
        events.TASK_ADDED,
        subject=task,
        actor=actor,
        after={
            "finding": finding.ref,
            "due_on": due_on.isoformat(),
            "assignee": str(assignee_id) if assignee_id else None,
            "changes_production": changes_production,
            "owes": len(owed),
        },
        texts={"title": task.title, **({"details": task.details} if task.details else {})},
    )
    return task


@transaction.atomic
def edit(
    task_id: UUID,
    *,
    actor: Actor,
    title: str,
    due_on: date,
    details: str = "",
    changes_production: bool = False,
    expected_version: int | None = None,
) -> Task:
    """Change a task that is not done."""
    finding, task = locked(task_id, actor, expected_version)
    actor.require("tasks.manage", finding)
    if task.state == TaskState.DONE:
        raise WrongState(f"{task.ref} is done.", help="Return it first, with words.")
    _check(title, due_on)
    return _change(
        task, events.TASK_EDITED, actor=actor,
        title=title.strip(), due_on=due_on, details=details.strip(), changes_production=changes_production,
    )  # fmt: skip


@transaction.atomic
def assign(task_id: UUID, *, actor: Actor, assignee_id: UUID, expected_version: int | None = None) -> Task:
    """Give a task to somebody. Whoever had it keeps the implementer's hand."""
    finding, task = locked(task_id, actor, expected_version)
    actor.require("tasks.manage", finding)
    if task.state == TaskState.DONE:
        raise WrongState(f"{task.ref} is done.", help="Return it first, with words.")
    _appoint(finding, task, assignee_id, actor)
    task.version += 1
    task.save(update_fields=["version"])
    ledger.record(events.TASK_ASSIGNED, subject=task, actor=actor, after={"assignee": str(assignee_id)})
    return task


@transaction.atomic
def start(task_id: UUID, *, actor: Actor, expected_version: int | None = None) -> Task:
    """Begin a task, or take it up again after it came back. Only its assignee may."""
    finding, task = locked(task_id, actor, expected_version)
    actor.require("tasks.work", finding)
    _require(finding, (State.IN_REMEDIATION,))
    _move(task, (TaskState.TODO, TaskState.RETURNED))
    _require_assignee(task, actor)
    lifecycle.take(finding, Duty.IMPLEMENTER, actor=actor, about=task.ref)
    return _change(
        task, events.TASK_STARTED, actor=actor, state=TaskState.IN_PROGRESS, state_since=clock.now(),
        started_at=task.started_at or clock.now(),
    )  # fmt: skip


@transaction.atomic
def refer_to_change(
    task_id: UUID,
    *,
    actor: Actor,
    change_ticket: str = "",
    pull_request: str = "",
    deploy: str = "",
    expected_version: int | None = None,
) -> Task:
    """Name the change ticket, the pull request and the deployment behind a task."""
    finding, task = locked(task_id, actor, expected_version)
    actor.require("tasks.work", finding) if task.assignee_id == actor.person_id else actor.require(
        "tasks.manage", finding
    )
    if task.state == TaskState.DONE:
        raise WrongState(f"{task.ref} is done.", help="Return it first, with words.")
    return _change(
        task, events.TASK_REFERENCED, actor=actor, change_ticket=change_ticket.strip()[:200],
        pull_request=pull_request.strip()[:500], deploy=deploy.strip()[:500],
    )  # fmt: skip


@transaction.atomic
def submit(task_id: UUID, *, actor: Actor, words: str = "", expected_version: int | None = None) -> Task:
    """Hand in a task: every owed piece of evidence is there, and a change of production is referenced."""
    finding, task = locked(task_id, actor, expected_version)
    actor.require("tasks.work", finding)
    _move(task, (TaskState.IN_PROGRESS, TaskState.RETURNED))
    _require_assignee(task, actor)
    check_complete(task)
    lifecycle.take(finding, Duty.IMPLEMENTER, actor=actor, about=task.ref)
    _note(task, TaskNote.Kind.SUBMITTED, words, actor)
    return _change(
        task, events.TASK_SUBMITTED, actor=actor, reason=words, state=TaskState.SUBMITTED, state_since=clock.now(),
        submitted_at=clock.now(), submitted_by_id=actor.person_id,
    )  # fmt: skip


@transaction.atomic
def give_back(task_id: UUID, *, actor: Actor, words: str, expected_version: int | None = None) -> Task:
    """Return a task that was handed in, with words that say what is missing."""
    finding, task = locked(task_id, actor, expected_version)
    _require_judge(finding, task, actor)
    _move(task, (TaskState.SUBMITTED,))
    said = lifecycle.needs_words(words, field="words", ask="Say what is missing, so that it can be mended.")
    return send_back(task, said, actor=actor)


@transaction.atomic
def accept(task_id: UUID, *, actor: Actor, words: str = "", expected_version: int | None = None) -> Task:
    """Accept a task as done. Nobody accepts what they handed in."""
    finding, task = locked(task_id, actor, expected_version)
    _require_judge(finding, task, actor)
    _move(task, (TaskState.SUBMITTED,))
    check_complete(task)
    _note(task, TaskNote.Kind.ACCEPTED, words, actor)
    return _change(
        task, events.TASK_DONE, actor=actor, reason=words, state=TaskState.DONE, state_since=clock.now(),
        done_at=clock.now(),
    )  # fmt: skip


def send_back(task: Task, words: str, *, actor: Actor) -> Task:
    """Mark a locked task as returned, with the words."""
    _note(task, TaskNote.Kind.RETURNED, words, actor)
    return _change(
        task, events.TASK_RETURNED, actor=actor, reason=words, state=TaskState.RETURNED, state_since=clock.now(),
        done_at=None,
    )  # fmt: skip


def check_complete(task: Task) -> None:
    """Raise Invalid naming everything a task still lacks before it can count as done."""
    wrong: dict[str, list[str]] = {}
    if task.changes_production:
        for name, words in (
            ("change_ticket", "Name the change ticket."),
            ("pull_request", "Name the pull request."),
            ("deploy", "Name the deployment."),
        ):
            if not getattr(task, name):
                wrong[name] = [f"{words} The task changes production."]
    missing = list(task.owed.filter(artifact=None).values_list("title", flat=True))
    if missing:
        wrong["evidence"] = [f"Still owed: {', '.join(missing)}."]
    if wrong:
        raise Invalid(f"{task.ref} is not complete yet.", fields=wrong)


def locked(task_id: UUID, actor: Actor, expected_version: int | None = None) -> tuple[Finding, Task]:
    """The task with its finding, both locked. Raises NotFound or Stale."""
    seen = Task.objects.filter(pk=task_id, organization_id=actor.organization_id).first()
    if seen is None:
        raise NotFound("There is no such task here.")
    # The finding first: closing a finding locks in this order too, so the two cannot deadlock.
    finding = lifecycle.lock(seen.finding_id, actor=actor)
    task = Task.objects.select_for_update().get(pk=task_id)
    if expected_version is not None and task.version != expected_version:
        raise Stale(
            f"{task.ref} was changed meanwhile: you saw version {expected_version}, it is now {task.version}.",
            help="Nothing of yours was recorded. Look at the task again.",
            details={"version": task.version},
        )
    if task.cycle != finding.cycle:
        raise WrongState(f"{task.ref} belongs to an earlier cycle of {finding.ref}.")
    return finding, task


def _appoint(finding: Finding, task: Task, assignee_id: UUID, actor: Actor) -> None:
    lifecycle.colleague(assignee_id, actor=actor, field="assignee")
    lifecycle.take(finding, Duty.IMPLEMENTER, actor=actor, person_id=assignee_id, about=task.ref)
    task.assignee_id = assignee_id
    task.save(update_fields=["assignee"])


def _change(task: Task, event: Event, *, actor: Actor, reason: str = "", **changes: Any) -> Task:
    changed = {name: value for name, value in changes.items() if getattr(task, name) != value}
    before = {name: lifecycle.plain(getattr(task, name)) for name in changed if name not in _WORDS}
    for name, value in changed.items():
        setattr(task, name, value)
    task.version += 1
    task.save(update_fields=[*changed, "version"])
    ledger.record(
        event,
        subject=task,
        actor=actor,
        before=before,
        after={name: lifecycle.plain(value) for name, value in changed.items() if name not in _WORDS},
        reason=reason.strip(),
        texts={name: value for name, value in changed.items() if name in _WORDS and value},
    )
    return task


def _note(task: Task, kind: str, words: str, actor: Actor) -> None:
    TaskNote.objects.create(
        organization_id=task.organization_id,
        task=task,
        kind=kind,
        by_id=lifecycle.person_of(actor),
        words=words.strip(),
    )


def _move(task: Task, sources: tuple[TaskState, ...]) -> None:
    if task.state not in sources:
        allowed = ", ".join(f"“{source.label}”" for source in sources)
        raise WrongState(
            f"{task.ref} is “{TaskState(task.state).label}”; this step exists only from {allowed}.",
            details={"state": task.state},
        )


def _require(finding: Finding, states: tuple[State, ...]) -> None:
    if finding.state not in states:
        raise WrongState(
            f"{finding.ref} is “{State(finding.state).label}”, so its tasks don't move now.",
            help=lifecycle.next_step(finding.state),
            details={"state": finding.state},
        )


def _require_assignee(task: Task, actor: Actor) -> None:
    if task.assignee_id != actor.person_id:
        raise NotAllowed(f"Only its assignee works on {task.ref}.", help="Ask the manager to assign it to you.")


def _require_judge(finding: Finding, task: Task, actor: Actor) -> None:
    if not actor.may("findings.verify", finding):
        actor.require("tasks.manage", finding)
    if actor.person_id in (task.assignee_id, task.submitted_by_id):
        raise DutyConflict(
            f"You handed in {task.ref}, so someone else must judge it (rule S-04).",
            rule="S-04",
            acts=[f"You handed in {task.ref}"],
            help="Ask the manager or a reviewer.",
        )


def _check(title: str, due_on: date | None) -> None:
    wrong: dict[str, list[str]] = {}
    if not title.strip() or len(title) > 300:
        wrong["title"] = ["Say in one line what is to be done (at most 300 characters)."]
    if due_on is None:
        wrong["due_on"] = ["Choose a day."]
    if wrong:
        raise Invalid("The task is not complete.", fields=wrong)


def _check_owed(owed: Sequence[tuple[str, str]]) -> None:
    for words, kind in owed:
        if not words.strip() or len(words) > 200 or (kind and kind not in EvidenceKind.values):
            raise Invalid("An owed piece of evidence needs a name.", fields={"owed": ["Name it, and choose its kind."]})
