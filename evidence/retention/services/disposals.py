"""Dispose of evidence: one person asks, another decides, and a job destroys the keys and leaves the certificate.

A hold beats every step. What stays is the tombstone: hash, size, reason, authority, and who stood behind it.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import transaction

from evidence import clock
from evidence.actors import Actor
from evidence.artifacts.models import Artifact, ArtifactVersion, State
from evidence.errors import DutyConflict, Invalid, NotFound, Refused, WrongState
from evidence.ledger import services as ledger
from evidence.organizations import services as organizations
from evidence.organizations.models import Organization
from evidence.retention import events, proof, queries
from evidence.retention.models import (
    Certificate,
    Disposal,
    DisposalDecision,
    DisposalItem,
    HoldKind,
    HoldRelease,
    Verdict,
)
from evidence.vault import services as vault

AUTHORITY_LIMIT = 200


class Held(Refused):
    """A hold keeps the evidence."""

    code = "held"


@transaction.atomic
def ask(
    artifact_id: UUID, *, actor: Actor, reason: str, authority: str, numbers: Sequence[int] | None = None
) -> Disposal:
    """Ask that files of an artifact be destroyed: all of them, or the versions `numbers`.

    Asking before the policy's date is no error; the request says so to whoever decides.
    """
    artifact = _locked(artifact_id)
    actor.require("disposals.request", artifact)
    person_id = proof.person(actor)
    files = _files(artifact, numbers)
    text = proof.words(reason)
    if not authority.strip() or len(authority) > AUTHORITY_LIMIT:
        fields = {"authority": ["Name the policy, law or contract that allows it."]}
        raise Invalid("Nothing was recorded.", fields=fields)
    refuse_held(artifact)
    _refuse_releaser(artifact, actor)
    if open_ := Disposal.objects.filter(artifact=artifact, decision=None).first():
        raise WrongState(f"{open_.ref} asks for the disposal of {artifact.ref} already and waits for a decision.")
    kept = queries.standing(artifact.pk)
    zone = Organization.objects.values_list("timezone", flat=True).get(pk=actor.organization_id)
    ref, number = organizations.take_ref(actor.organization_id, "D")
    disposal = Disposal.objects.create(
        organization_id=artifact.organization_id,
        ref=ref,
        number=number,
        artifact=artifact,
        reason=text,
        authority=authority.strip(),
        retention_class=kept.retention_class,
        dispose_after=kept.dispose_after,
        policy_version=kept.policy_version,
        is_early=kept.dispose_after is None or kept.dispose_after > clock.today(zone),
        requested_by_id=person_id,
    )
    DisposalItem.objects.bulk_create(
        DisposalItem(
            organization_id=artifact.organization_id, disposal=disposal, file=file, sha256=file.sha256, size=file.size
        )
        for file in files
    )
    _record(events.DISPOSAL_REQUESTED, disposal, artifact, actor, reason=text, files=files)
    return disposal


def approve(disposal_id: UUID, *, actor: Actor, reason: str) -> Disposal:
    """Let exactly these files go. Never by who asked or who brought one of them (Z-02), never against a hold (H-01)."""
    return _decide(disposal_id, verdict=Verdict.APPROVED, actor=actor, reason=reason)


def refuse(disposal_id: UUID, *, actor: Actor, reason: str) -> Disposal:
    """Keep the files."""
    return _decide(disposal_id, verdict=Verdict.REFUSED, actor=actor, reason=reason)


@transaction.atomic
def withdraw(disposal_id: UUID, *, actor: Actor, reason: str) -> Disposal:
    """Take back one's own request (rule Z-04)."""
    disposal = _undecided(disposal_id)
    if disposal.requested_by_id != actor.person_id:
        raise DutyConflict(
            f"{disposal.ref} is withdrawn by whoever made it (rule Z-04).",
            rule="Z-04",
            help="You can refuse it instead.",
        )
    text = proof.words(reason)
    _write(disposal, Verdict.WITHDRAWN, actor, text, authenticated_at=None)
    _record(events.DISPOSAL_WITHDRAWN, disposal, disposal.artifact, actor, reason=text)
    return disposal


@transaction.atomic
def execute(disposal_id: UUID, *, actor: Actor) -> Certificate:
    """Destroy the keys of the approved files and write the certificate, all or nothing.

    The sealed bytes are removed by the caller after the commit (`remove_bytes`); without keys they are noise. Run
    again, it gives the certificate that is there.
    """
    disposal = _found(disposal_id)
    artifact = _locked(disposal.artifact_id)
    if done := Certificate.objects.filter(disposal=disposal).first():
        return done
    decision = DisposalDecision.objects.filter(disposal=disposal).first()
    if decision is None or decision.verdict != Verdict.APPROVED:
        raise WrongState(f"{disposal.ref} was not approved, so nothing is disposed of (rule Z-05).")
    actor.require("disposals.decide", artifact)
    refuse_held(artifact)
    items = list(disposal.items.select_related("file").order_by("file__number"))
    for item in items:
        vault.erase(item.file.blob_id, actor=actor, reason=f"Disposal {disposal.ref}")
    event = _record(
        events.ARTIFACT_DISPOSED,
        disposal,
        artifact,
        actor,
        reason=disposal.reason,
        files=[item.file for item in items],
        more={
            "requested_by": str(disposal.requested_by_id),
            "requested_at": disposal.requested_at.isoformat(),
            "approved_by": str(decision.person_id),
            "approved_at": decision.at.isoformat(),
        },
    )
    certificate = Certificate.objects.create(
        organization_id=disposal.organization_id,
        disposal=disposal,
        event_id=event.id,
        files=len(items),
        size=sum(item.size for item in items),
    )
    if not ArtifactVersion.objects.filter(artifact=artifact, blob__erased_at=None).exists():
        artifact.state = State.DISPOSED
    artifact.version += 1
    artifact.save(update_fields=["state", "version"])
    return certificate


def remove_bytes(disposal_id: UUID) -> int:
    """Remove what the store still keeps of erased files. Returns how many it can't remove now."""
    items = DisposalItem.objects.filter(disposal_id=disposal_id).select_related("file__blob")
    return sum(not vault.remove_bytes(item.file.blob) for item in items)


def refuse_held(artifact: Artifact) -> None:
    """Raise Held while a hold covers the artifact, naming it."""
    holds = queries.holds_on(artifact.pk)
    if not holds:
        return
    hold = next((one for one in holds if one.kind == HoldKind.ACCESS_REQUEST), holds[0])
    if hold.kind == HoldKind.ACCESS_REQUEST:
        sentence = (
            f"An access request is open ({hold.ref}, {hold.matter}), so {artifact.ref} can't be disposed of until it is "
            "answered (34 CFR 99.10(e), rule H-01). Nothing was disposed of."
        )
    else:
        sentence = f"{hold.ref} ({hold.matter}) keeps {artifact.ref}, and a hold beats every disposal (rule H-01). Nothing was disposed of."
    raise Held(
        sentence,
        help="It can go after somebody who did not set the hold has released it.",
        details={"rule": "H-01", "holds": [one.ref for one in holds]},
    )


def refuse_own(disposal: Disposal, *, actor: Actor) -> None:
    """Raise DutyConflict when this person may not decide on it."""
    acts = []
    if disposal.requested_by_id == actor.person_id:
        acts.append(f"You asked for it on {disposal.requested_at:%d %b %Y}")
    for item in disposal.items.select_related("file"):
        if item.file.uploaded_by_id == actor.person_id:
            acts.append(f"You uploaded version {item.file.number}")
        elif item.file.collector_id == actor.person_id:
            acts.append(f"You collected version {item.file.number}")
    if acts:
        raise DutyConflict(
            f"{acts[0]}, so someone else must decide on {disposal.ref} (rule Z-02).",
            rule="Z-02",
            acts=acts,
            help="Ask an approver who neither asked for it nor brought the files.",
        )


@transaction.atomic
def _decide(disposal_id: UUID, *, verdict: Verdict, actor: Actor, reason: str) -> Disposal:
    disposal = _undecided(disposal_id)
    actor.require("disposals.decide", disposal.artifact)
    proof.person(actor)
    refuse_own(disposal, actor=actor)
    text = proof.words(reason)
    moment = proof.fresh(actor)
    if verdict == Verdict.APPROVED:
        refuse_held(disposal.artifact)
        ledger.require_healthy()
    _write(disposal, verdict, actor, text, authenticated_at=moment)
    event = events.DISPOSAL_APPROVED if verdict == Verdict.APPROVED else events.DISPOSAL_REFUSED
    _record(event, disposal, disposal.artifact, actor, reason=text)
    return disposal


def _undecided(disposal_id: UUID) -> Disposal:
    disposal = _found(disposal_id)
    disposal.artifact = _locked(disposal.artifact_id)
    if DisposalDecision.objects.filter(disposal=disposal).exists():
        raise WrongState(f"{disposal.ref} was already decided on. Nothing was recorded.")
    return disposal


def _found(disposal_id: UUID) -> Disposal:
    disposal = Disposal.objects.filter(pk=disposal_id).first()
    if disposal is None:
        raise NotFound("There is no such disposal.")
    return disposal


def _locked(artifact_id: UUID) -> Artifact:
    artifact = Artifact.objects.select_for_update(of=("self",)).filter(pk=artifact_id).first()
    if artifact is None:
        raise NotFound("There is no such evidence here.")
    return artifact


def _files(artifact: Artifact, numbers: Sequence[int] | None) -> list[ArtifactVersion]:
    found = artifact.versions.filter(blob__erased_at=None).order_by("number")
    files = list(found.filter(number__in=numbers) if numbers is not None else found)
    if not files or (numbers is not None and len(files) != len(set(numbers))):
        raise Invalid("Nothing was recorded.", fields={"numbers": ["Choose versions whose files are still there."]})
    return files


def _refuse_releaser(artifact: Artifact, actor: Actor) -> None:
    released = HoldRelease.objects.filter(person_id=proof.person(actor)).select_related("hold")
    for one in released:
        if queries.covers(one.hold, artifact.pk):
            raise DutyConflict(
                f"You released {one.hold.ref}, which kept {artifact.ref}, so someone else must ask for its disposal (rule Z-03).",
                rule="Z-03",
                acts=[f"You released {one.hold.ref} on {one.at:%d %b %Y}"],
                help="Ask another compliance manager.",
            )


def _write(disposal: Disposal, verdict: str, actor: Actor, reason: str, *, authenticated_at: Any) -> None:
    DisposalDecision.objects.create(
        organization_id=disposal.organization_id,
        disposal=disposal,
        verdict=verdict,
        reason=reason,
        person_id=proof.person(actor),
        authenticated_at=authenticated_at,
    )


def _record(
    event: Any,
    disposal: Disposal,
    artifact: Artifact,
    actor: Actor,
    *,
    reason: str,
    files: Sequence[ArtifactVersion] = (),
    more: dict[str, Any] | None = None,
) -> ledger.Recorded:
    data: dict[str, Any] = {
        "disposal": disposal.ref,
        "retention_class": disposal.retention_class,
        "dispose_after": disposal.dispose_after.isoformat() if disposal.dispose_after else None,
        "policy_version": disposal.policy_version,
        **(more or {}),
    }
    if files:
        data["files"] = [{"number": file.number, "sha256": file.sha256, "size": file.size} for file in files]
    texts = {"authority": disposal.authority}
    return ledger.record(event, subject=artifact, actor=actor, data=data, reason=reason, texts=texts)
