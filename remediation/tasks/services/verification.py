"""Handing a fix over, returning it, and verifying it: by someone who neither worked on it nor brought its evidence."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db import transaction

from evidence import clock
from evidence.actors import Actor
from evidence.errors import Invalid, NotAllowed, WrongState
from evidence.ledger import services as ledger
from remediation.findings import sla
from remediation.findings.models import Finding
from remediation.findings.services import lifecycle, operation
from remediation.tasks import checklist, events
from remediation.tasks.models import Task, TaskState, Verification
from remediation.tasks.services import evidence, plans, work


@transaction.atomic
def ready(finding_id: UUID, *, actor: Actor, expected_version: int | None = None) -> Finding:
    """Hand the fix over for verification: all tasks done, evidence attached, changes referenced, plan approved."""
    finding = lifecycle.lock(finding_id, actor=actor, expected_version=expected_version)
    actor.require("tasks.work", finding)
    lifecycle.BY_VERB["ready"].check(finding.state, finding.ref)
    tasks = list(Task.objects.filter(finding=finding, cycle=finding.cycle).order_by("number"))
    if actor.person_id not in {finding.assignee_id, *(task.assignee_id for task in tasks)}:
        raise NotAllowed(f"Only who works on {finding.ref} hands it over.", help="Ask its assignee.")
    _check_whole(finding, tasks)
    move = lifecycle.begin(finding, "ready", actor=actor)
    return lifecycle.finish(finding, move, actor=actor, changes={"remediated_at": clock.now()})


def _check_whole(finding: Finding, tasks: Sequence[Task]) -> None:
    wrong: dict[str, list[str]] = {}
    if not plans.is_approved(finding):
        wrong["plan"] = [
            "The plan's approval does not stand any more, because severity or scope changed. Submit it again."
        ]
    open_tasks = [task.ref for task in tasks if task.state != TaskState.DONE]
    if open_tasks or not tasks:
        wrong["tasks"] = [f"Not done yet: {', '.join(open_tasks)}." if tasks else "There is no task in this cycle."]
    if not evidence.attached(finding):
        wrong["evidence"] = ["Attach the evidence of the fix."]
    unreferenced = [
        task.ref
        for task in tasks
        if task.changes_production and not (task.change_ticket and task.pull_request and task.deploy)
    ]
    if unreferenced:
        wrong["change"] = [f"Ticket, pull request and deployment are missing: {', '.join(unreferenced)}."]
    if wrong:
        raise Invalid(f"{finding.ref} cannot be handed over yet.", fields=wrong)


@transaction.atomic
def return_to_work(
    finding_id: UUID,
    *,
    actor: Actor,
    reason: str,
    task_ids: Sequence[UUID] = (),
    expected_version: int | None = None,
) -> Finding:
    """Send the fix back with the verifier's words; the named tasks come back too."""
    finding = lifecycle.lock(finding_id, actor=actor, expected_version=expected_version)
    actor.require("findings.verify", finding)
    lifecycle.BY_VERB["return_to_work"].check(finding.state, finding.ref)
    why = lifecycle.needs_words(reason)
    move = lifecycle.begin(finding, "return_to_work", actor=actor)
    _keep(finding, actor, Verification.Result.FAILED, why, {}, "")
    finding = lifecycle.finish(finding, move, actor=actor, changes={"remediated_at": None}, reason=why)
    rows = Task.objects.select_for_update().filter(pk__in=list(task_ids), finding=finding, cycle=finding.cycle)
    for task in rows.filter(state=TaskState.DONE).order_by("number"):
        work.send_back(task, why, actor=actor)
    return finding


@transaction.atomic
def verify(
    finding_id: UUID,
    *,
    actor: Actor,
    test_result: str,
    answers: Mapping[str, str],
    sample: str = "",
    expected_version: int | None = None,
) -> Finding:
    """Record that the success test passed and the evidence is enough. Raises Invalid while an answer is missing or no."""
    finding = lifecycle.lock(finding_id, actor=actor, expected_version=expected_version)
    actor.require("findings.verify", finding)
    lifecycle.BY_VERB["verify"].check(finding.state, finding.ref)
    _check_answers(test_result, dict(answers))
    evidence.lay_hands(finding, [artifact.pk for artifact in evidence.attached(finding)], actor=actor)
    move = lifecycle.begin(finding, "verify", actor=actor)
    _keep(finding, actor, Verification.Result.PASSED, test_result, dict(answers), sample)
    fixed_on = sla.rules(finding.organization_id).day_of(finding.remediated_at or clock.now())
    owed = operation.owed(finding, fixed_on)
    return lifecycle.finish(
        finding,
        move,
        actor=actor,
        changes={
            "verified_at": clock.now(),
            "design_fixed_on": fixed_on,
            "operating_needed": owed.needed,
            "operating_evidence_until": owed.until,
            "operating_seen": 0,
        },
    )


def _check_answers(test_result: str, answers: dict[str, str]) -> None:
    wrong: dict[str, list[str]] = {}
    if not test_result.strip():
        wrong["test_result"] = ["Say what the success test showed."]
    if missing := checklist.unanswered(answers):
        wrong["checklist"] = [f"Answer: {'; '.join(missing)}."]
    elif short := checklist.shortfalls(answers):
        wrong["checklist"] = [f"Not enough: {'; '.join(short)}. Return it to work with words instead."]
    if wrong:
        raise Invalid("The verification is not complete.", fields=wrong)


def _keep(
    finding: Finding, actor: Actor, result: str, words: str, answers: dict[str, str], sample: str
) -> Verification:
    plan = plans.standing(finding)
    if plan is None:
        raise WrongState(f"{finding.ref} has no plan to verify against.")
    row = Verification.objects.create(
        organization_id=finding.organization_id,
        finding=finding,
        cycle=finding.cycle,
        plan=plan,
        verifier_id=lifecycle.person_of(actor),
        result=result,
        test_result=words.strip(),
        checklist={
            question.key: {"words": question.words, "answer": answers[question.key]}
            for question in checklist.QUESTIONS
            if question.key in answers
        },
        sample=sample.strip(),
    )
    ledger.record(
        events.VERIFICATION_RECORDED,
        subject=finding,
        actor=actor,
        data={"cycle": finding.cycle, "result": str(result), "answers": dict(answers)},
        texts={"test_result": words.strip(), **({"sample": sample.strip()} if sample.strip() else {})},
    )
    return row
