"""Give evidence its retention class, and propose what has been kept long enough; the sweep never disposes of anything."""

from datetime import date
from typing import Any
from uuid import UUID

from django.db import transaction

from evidence import clock
from evidence.actors import Actor
from evidence.artifacts.models import Artifact, State
from evidence.errors import Invalid, NotFound, WrongState
from evidence.ledger import services as ledger
from evidence.organizations.models import Organization
from evidence.retention import events, proof, queries
from evidence.retention.models import Classification, Proposal, RetentionClass

BATCH_ROWS = 500


@transaction.atomic
def classify(
    artifact_id: UUID, *, retention_class: str, actor: Actor, reason: str, needed_until: date | None = None
) -> Classification:
    """Say how long an artifact is kept. Raises Invalid for an unknown class or without a reason."""
    artifact = _locked(artifact_id)
    actor.require("retention.classify", artifact)
    return _give(artifact, retention_class, actor, proof.words(reason), needed_until)


@transaction.atomic
def choose(artifact_id: UUID, *, retention_class: str, actor: Actor) -> Classification:
    """The class that comes with an upload, from whoever uploaded it. Later a compliance manager changes it."""
    artifact = _locked(artifact_id)
    actor.require("evidence.upload", artifact)
    if artifact.created_by_id != actor.person_id or artifact.classifications.exists():
        actor.require("retention.classify", artifact)
    return _give(artifact, retention_class, actor, "Chosen at the upload", None)


def _give(
    artifact: Artifact, retention_class: str, actor: Actor, reason: str, needed_until: date | None
) -> Classification:
    if artifact.state == State.DISPOSED:
        raise WrongState(f"{artifact.ref} was disposed of; nothing of it is kept any more.")
    if retention_class not in RetentionClass.values:
        raise Invalid("Nothing was changed.", fields={"retention_class": ["Choose one of the classes."]})
    before = queries.standing(artifact.pk)
    made = Classification.objects.create(
        organization_id=artifact.organization_id,
        artifact=artifact,
        retention_class=retention_class,
        needed_until=needed_until,
        reason=reason,
        person_id=actor.person_id,
    )
    artifact.version += 1
    artifact.save(update_fields=["version"])
    after = queries.standing(artifact.pk)
    ledger.record(
        events.ARTIFACT_CLASSIFIED,
        subject=artifact,
        actor=actor,
        before=_told(before),
        after=_told(after),
        reason=reason,
    )
    return made


@transaction.atomic
def propose_due(*, actor: Actor) -> int:
    """Note, once per artifact and date, what has been kept long enough. Returns how many are new. Disposes of nothing."""
    zone = Organization.objects.values_list("timezone", flat=True).get(pk=actor.organization_id)
    made = 0
    while rows := queries.unproposed(actor.organization_id, today=clock.today(zone), limit=BATCH_ROWS):
        Proposal.objects.bulk_create(
            Proposal(
                organization_id=actor.organization_id,
                artifact_id=row.artifact_id,
                retention_class=row.retention_class,
                dispose_after=row.dispose_after,
                policy_version=row.policy_version,
            )
            for row in rows
            if row.dispose_after
        )
        for row in rows:
            ledger.record(
                events.DISPOSAL_PROPOSED,
                subject=ledger.Subject("artifacts.artifact", row.artifact_id, row.ref),
                actor=actor,
                data=_told(row),
            )
        made += len(rows)
        if len(rows) < BATCH_ROWS:
            break
    return made


def _locked(artifact_id: UUID) -> Artifact:
    artifact = Artifact.objects.select_for_update(of=("self",)).filter(pk=artifact_id).first()
    if artifact is None:
        raise NotFound("There is no such evidence here.")
    return artifact


def _told(row: queries.Standing) -> dict[str, Any]:
    return {
        "retention_class": row.retention_class,
        "dispose_after": row.dispose_after.isoformat() if row.dispose_after else None,
        "policy_version": row.policy_version,
    }
