"""Evidence for a fix: linked to the finding and its task, with the hand of everyone who brought a version of it."""

from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import transaction

from evidence.actors import Actor
from evidence.artifacts import services as artifacts
from evidence.artifacts.models import Artifact, ArtifactLink, ArtifactVersion
from evidence.errors import Invalid, NotFound, WrongState
from evidence.ledger import services as ledger
from remediation.findings.models import Finding
from remediation.findings.services import lifecycle
from remediation.findings.states import State
from remediation.findings.transitions import BEFORE_VERIFICATION
from remediation.sod.duties import Duty
from remediation.tasks import events
from remediation.tasks.models import OwedItem, Task
from remediation.tasks.services import work

TASK = "tasks.task"


@transaction.atomic
def attach_evidence(
    artifact_id: UUID,
    *,
    actor: Actor,
    finding_id: UUID | None = None,
    task_id: UUID | None = None,
    owed_id: UUID | None = None,
) -> ArtifactLink:
    """Use an artifact as evidence of a fix, for a finding, or for a task of it and what the task owes.

    Everyone who uploaded or collected a version of it gets the uploader's hand on the finding's cycle, and so does
    who attaches it: none of them verifies or approves later.
    """
    finding, task = _target(finding_id, task_id, actor)
    actor.require("evidence.upload", finding)
    if finding.state not in BEFORE_VERIFICATION:
        raise WrongState(
            f"{finding.ref} is “{State(finding.state).label}”, so evidence of its fix cannot be added now.",
            help="A verifier can return it to work first." if finding.state == State.VERIFIED else None,
        )
    artifact = Artifact.objects.filter(pk=artifact_id, organization_id=actor.organization_id).first()
    if artifact is None:
        raise NotFound("There is no such evidence here.")
    owed = _owed(task, owed_id)
    lifecycle.take(finding, Duty.UPLOADER, actor=actor, about=artifact.ref)
    lay_hands(finding, [artifact.pk], actor=actor)
    link = artifacts.link(
        artifact.pk, target_type=lifecycle.SUBJECT, target_id=finding.pk, target_ref=finding.ref, closing=True,
        actor=actor,
    )  # fmt: skip
    if task is not None:
        link = artifacts.link(
            artifact.pk, target_type=TASK, target_id=task.pk, target_ref=task.ref, closing=True, actor=actor
        )
    if owed is not None:
        owed.artifact = artifact
        owed.save(update_fields=["artifact"])
    ledger.record(
        events.EVIDENCE_ATTACHED,
        subject=finding,
        actor=actor,
        data={
            "cycle": finding.cycle,
            "artifact": artifact.ref,
            "task": task.ref if task else None,
            "sha256": artifact.latest.sha256 if artifact.latest else None,
        },
    )
    return link


def attached(finding: Finding) -> list[Artifact]:
    """The artifacts that are evidence of this finding or of its tasks, oldest first, with their latest version."""
    tasks = Task.objects.filter(finding=finding).values_list("pk", flat=True)
    links = ArtifactLink.objects.filter(
        organization_id=finding.organization_id, target_type=lifecycle.SUBJECT, target_id=finding.pk
    ) | ArtifactLink.objects.filter(
        organization_id=finding.organization_id, target_type=TASK, target_id__in=list(tasks)
    )
    return list(Artifact.objects.filter(pk__in=links.values("artifact_id")).select_related("latest").order_by("number"))


def lay_hands(finding: Finding, artifact_ids: list[UUID], *, actor: Actor) -> None:
    """Give everyone who brought a version of these artifacts the uploader's hand on the finding's cycle.

    Called again before verification and closure, because a newer version may have come from somebody else.
    """
    rows = ArtifactVersion.objects.filter(artifact_id__in=artifact_ids).select_related("artifact")
    brought: dict[UUID, str] = {}
    for row in rows.order_by("received_at"):
        for person_id in (row.uploaded_by_id, row.collector_id):
            if person_id is not None:
                brought.setdefault(person_id, row.artifact.ref)
    for person_id, ref in brought.items():
        hand = actor if person_id == actor.person_id else _as(person_id, actor)
        if hand is not None:
            lifecycle.take(finding, Duty.UPLOADER, actor=hand, about=ref)


def _as(person_id: UUID, actor: Actor) -> Actor | None:
    # A hand is that of an account's own person; somebody who never had an account brought nothing through the portal.
    account = get_user_model().objects.filter(person_id=person_id).order_by("created_at").first()
    if account is None:
        return None
    return Actor(organization_id=actor.organization_id, account_id=account.pk, person_id=person_id, via="record")


def _target(finding_id: UUID | None, task_id: UUID | None, actor: Actor) -> tuple[Finding, Task | None]:
    if task_id is not None:
        return work.locked(task_id, actor)
    if finding_id is None:
        raise Invalid("Say what it is evidence of.", fields={"finding": ["Choose a finding or a task."]})
    return lifecycle.lock(finding_id, actor=actor), None


def _owed(task: Task | None, owed_id: UUID | None) -> OwedItem | None:
    if owed_id is None:
        return None
    owed = OwedItem.objects.select_for_update().filter(pk=owed_id, task=task).first() if task else None
    if owed is None:
        raise Invalid("The task does not owe that.", fields={"owed": ["Choose from the task's list."]})
    return owed
