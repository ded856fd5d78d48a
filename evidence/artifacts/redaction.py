"""Redact evidence: a copy that shows less becomes a new version, and somebody else decides on it.

The original is never changed. From the moment a copy is proposed, neither goes to auditors or into packages; once it
is approved, the copy alone does. Nobody decides on a copy they made, or on an original they brought (rule X-03).
"""

from typing import Any
from uuid import UUID

from django.db import transaction

from evidence.actors import Actor
from evidence.artifacts import events, holding, scanning, services, withholding
from evidence.artifacts.facts import VersionFacts
from evidence.artifacts.models import (
    Artifact,
    ArtifactVersion,
    Redaction,
    RedactionDecision,
    RedactionMethod,
    RedactionVerdict,
    State,
)
from evidence.errors import DutyConflict, Invalid, NotAllowed, NotFound, WrongState
from evidence.intake.services import Received
from evidence.ledger import services as ledger

REASON_LIMIT = 2000
_EVENTS = {
    RedactionVerdict.APPROVED: events.REDACTION_APPROVED,
    RedactionVerdict.REFUSED: events.REDACTION_REFUSED,
    RedactionVerdict.UNNEEDED: events.REDACTION_UNNEEDED,
}


def require_open(original: ArtifactVersion, *, actor: Actor) -> None:
    """Raise unless the actor may now make a redacted copy of this version. The service asks again on the locked row."""
    actor.require("evidence.redact", original.artifact)
    scanning.refuse_infected(original)
    if not holding.may_decide(original, actor):
        holding.refuse_held(original)
    if Redaction.objects.filter(original__artifact_id=original.artifact_id, decision=None).exists():
        raise WrongState(
            f"A redacted copy of {original.artifact.ref} already waits for a decision.",
            help="Wait for it, or ask the person who decides to refuse it.",
        )


@transaction.atomic
def propose(
    original_id: UUID,
    received: Received,
    *,
    actor: Actor,
    method: str,
    reason: str,
    recipe: dict[str, Any] | None = None,
) -> Redaction:
    """Keep a copy that shows less as the newest version, until somebody else has decided on it.

    `recipe` may say kinds, columns, pages and counts; nothing of what was masked.
    """
    original = _version(original_id)
    artifact = Artifact.objects.select_for_update(of=("self",)).get(pk=original.artifact_id)
    require_open(original, actor=actor)
    withholding.refuse_kept_back(original, actor=actor, engagement=None)
    if actor.person_id is None:
        raise NotAllowed("Only a person can redact evidence; the product itself can't answer for it.")
    if not reason.strip() or len(reason) > REASON_LIMIT:
        raise Invalid("The copy was not kept.", fields={"reason": ["Say in words why the original may not be shown."]})
    if method not in RedactionMethod.values:
        raise Invalid("The copy was not kept.", fields={"method": ["Choose how the copy was made."]})
    if received.sealed.sha256 == original.sha256:
        raise Invalid(
            "The copy is the original, byte for byte. Nothing was kept.",
            code="nothing_masked",
            fields={"file": ["Mask something first."]},
        )
    before = artifact.state
    services.add_version(artifact.pk, received, version=artifact.version, actor=actor, about=_facts_of(original))
    redacted = ArtifactVersion.objects.filter(artifact=artifact).latest("number")
    made = Redaction.objects.create(
        organization_id=artifact.organization_id,
        artifact=artifact,
        original=original,
        redacted=redacted,
        method=method,
        recipe=recipe or {},
        reason=reason.strip(),
        state_before=before,
        redacted_by_id=actor.person_id,
    )
    ledger.record(
        events.REDACTION_PROPOSED,
        subject=artifact,
        actor=actor,
        data={**_told(made), "method": method, "recipe": recipe or {}},
        reason=reason.strip(),
    )
    return made


@transaction.atomic
def decide(redaction_id: UUID, *, verdict: str, actor: Actor, reason: str = "") -> Redaction:
    """Let the copy stand for the original, send it back, or find that the original may be shown as it is."""
    found = Redaction.objects.filter(pk=redaction_id).first()
    if found is None:
        raise NotFound("There is no such redaction.")
    artifact = Artifact.objects.select_for_update(of=("self",)).get(pk=found.artifact_id)
    actor.require("evidence.review", artifact)
    if RedactionDecision.objects.filter(redaction=found).exists():
        raise WrongState(f"This copy of {artifact.ref} was already decided on. Nothing was recorded.")
    person_id = _refuse_own(found, artifact, actor)
    if verdict not in RedactionVerdict.values:
        raise Invalid("Nothing was recorded.", fields={"verdict": ["Choose one of the answers."]})
    if verdict != RedactionVerdict.APPROVED and not reason.strip():
        raise Invalid("Nothing was recorded.", fields={"reason": ["Say in words why the copy doesn't stand."]})
    RedactionDecision.objects.create(
        organization_id=artifact.organization_id,
        redaction=found,
        verdict=verdict,
        reason=reason.strip(),
        person_id=person_id,
    )
    _settle(artifact, found, verdict)
    event = _EVENTS[RedactionVerdict(verdict)]
    ledger.record(event, subject=artifact, actor=actor, data=_told(found), reason=reason.strip())
    return found


def redactions(artifact: Artifact) -> list[Redaction]:
    """All redactions of an artifact, newest first, with their decisions."""
    rows = Redaction.objects.filter(artifact=artifact).select_related(
        "original", "redacted", "redacted_by", "decision", "decision__person"
    )
    return list(rows.order_by("-at"))


def redaction(artifact: Artifact, redaction_id: UUID) -> Redaction:
    """One redaction of an artifact. Raises NotFound."""
    for row in redactions(artifact):
        if row.pk == redaction_id:
            return row
    raise NotFound("There is no such redaction.")


def decision_of(redaction: Redaction) -> RedactionDecision | None:
    return getattr(redaction, "decision", None)


def may_decide(redaction: Redaction, *, actor: Actor) -> bool:
    """Whether the actor could decide on it now; the service asks again."""
    if not actor.may("evidence.review", redaction.artifact) or decision_of(redaction) is not None:
        return False
    return not _own_acts(redaction, actor)


def own_acts(redaction: Redaction, *, actor: Actor) -> list[str]:
    """What the actor did that keeps them from deciding."""
    return _own_acts(redaction, actor)


def _settle(artifact: Artifact, found: Redaction, verdict: str) -> None:
    """What follows for the artifact, unless a newer file came meanwhile."""
    artifact.version += 1
    if artifact.latest_id == found.redacted_id:
        if verdict == RedactionVerdict.UNNEEDED:
            artifact.latest_id, artifact.state = found.original_id, found.state_before
        elif verdict == RedactionVerdict.REFUSED and artifact.state == State.RECEIVED:
            artifact.state = State.RETURNED
    artifact.save(update_fields=["latest", "state", "version"])


def _refuse_own(found: Redaction, artifact: Artifact, actor: Actor) -> UUID:
    acts = _own_acts(found, actor)
    if acts or actor.person_id is None:
        reason = acts[0] if acts else "The product itself can't decide on a redaction"
        raise DutyConflict(
            f"{reason}, so someone else must decide on the redacted copy of {artifact.ref} (rule X-03).",
            rule="X-03",
            acts=acts,
            help="Ask a reviewer who neither made the copy nor brought the original.",
        )
    return actor.person_id


def _own_acts(found: Redaction, actor: Actor) -> list[str]:
    acts = []
    if found.redacted_by_id == actor.person_id:
        acts.append(f"You made the redacted copy on {found.at:%d %b %Y}")
    for version in (found.original, found.redacted):
        if version.uploaded_by_id == actor.person_id and found.redacted_by_id != actor.person_id:
            acts.append(f"You uploaded version {version.number} on {version.received_at:%d %b %Y}")
        elif version.collector_id == actor.person_id and not acts:
            acts.append(f"You collected version {version.number}")
    return acts


def _facts_of(original: ArtifactVersion) -> VersionFacts:
    """A copy covers what its original covers, and comes from where that came from."""
    return VersionFacts(
        period_from=original.period_from,
        period_to=original.period_to,
        as_of=original.as_of,
        collected_at=original.collected_at,
        collector_id=original.collector_id,
        method=original.method,
        source_system=original.source_system,
        is_production=original.is_production,
        query=original.query,
        tool_version=original.tool_version,
        row_count=original.row_count,
        ipe=dict(original.ipe),
        note=f"Redacted copy of version {original.number}",
    )


def _told(found: Redaction) -> dict[str, Any]:
    return {
        "number": found.redacted.number,
        "sha256": found.redacted.sha256,
        "original": {"number": found.original.number, "sha256": found.original.sha256},
    }


def _version(version_id: UUID) -> ArtifactVersion:
    version = ArtifactVersion.objects.select_related("artifact", "blob").filter(pk=version_id).first()
    if version is None:
        raise NotFound("There is no such evidence here.")
    return version
