"""Add evidence, say what it belongs to, judge it, and keep a record of everyone who saw it.

A file is stored by evidence.intake before any of these is called; here its row, its facts and its event are written
in one transaction. Versions, links and reviews are never changed afterwards.
"""

from dataclasses import asdict
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from evidence import clock
from evidence.actors import Actor
from evidence.artifacts import events, facts, holding, scanning, withholding
from evidence.artifacts.facts import VersionFacts
from evidence.artifacts.models import (
    Artifact,
    ArtifactLink,
    ArtifactReview,
    ArtifactVersion,
    ScanState,
    State,
    Verdict,
)
from evidence.controls.models import Control, EvidenceKind
from evidence.errors import DutyConflict, Invalid, NotFound, Stale, WrongState
from evidence.intake.services import Received
from evidence.ledger import services as ledger
from evidence.organizations import queries as policies
from evidence.organizations import services as organizations
from evidence.vault import checking
from evidence.vault import services as vault
from evidence.vault.models import Outcome

CONTROL = "controls.control"


@transaction.atomic
def add(received: Received, *, title: str, kind: str, actor: Actor, about: VersionFacts | None = None) -> Artifact:
    """Record a stored file as new evidence, received or, when a check blocked it, quarantined."""
    actor.require("evidence.upload")
    about = about or VersionFacts()
    facts.check(about, title=title, kind=kind)
    ref, number = organizations.take_ref(actor.organization_id, "E")
    artifact = Artifact.objects.create(
        organization_id=actor.organization_id,
        ref=ref,
        number=number,
        title=title.strip(),
        kind=kind,
        state=_first_state(received),
        created_by_id=actor.person_id,
    )
    version = _write_version(artifact, received, about, number=1, actor=actor)
    texts = {"title": artifact.title, **_texts(version)}
    ledger.record(
        events.ARTIFACT_RECEIVED, subject=artifact, actor=actor, after=_snapshot(artifact, version), texts=texts
    )
    holding.note_found(version, received.personal, actor=actor)
    return artifact


@transaction.atomic
def add_version(
    artifact_id: UUID, received: Received, *, version: int, actor: Actor, about: VersionFacts | None = None
) -> Artifact:
    """Add a newer file; the artifact has to be judged anew. Raises Stale when it changed since `version`."""
    artifact = _locked(artifact_id)
    actor.require("evidence.upload", artifact)
    if artifact.version != version:
        raise Stale(f"{artifact.ref} was changed meanwhile. Look at it again; your file was not kept.")
    if artifact.state == State.DISPOSED:
        raise WrongState(f"{artifact.ref} was disposed of, and stays a record of that. Your file was not kept.")
    about = about or VersionFacts()
    facts.check(about, title=artifact.title, kind=artifact.kind)
    before = {"state": artifact.state}
    newest = artifact.versions.order_by("-number").first()
    artifact.state = _first_state(received)
    artifact.version += 1
    added = _write_version(artifact, received, about, number=newest.number + 1 if newest else 1, actor=actor)
    ledger.record(
        events.ARTIFACT_VERSION_ADDED,
        subject=artifact,
        actor=actor,
        before=before,
        after=_snapshot(artifact, added),
        texts=_texts(added),
    )
    holding.note_found(added, received.personal, actor=actor)
    return artifact


@transaction.atomic
def link(
    artifact_id: UUID,
    *,
    target_type: str,
    target_id: UUID,
    actor: Actor,
    target_ref: str = "",
    closing: bool = False,
) -> ArtifactLink:
    """Say that something uses this evidence. Linking twice is no error and leaves one link.

    Evidence for tasks and findings goes through remediation's own service, which also records the uploader's hand.
    """
    artifact = _locked(artifact_id)
    actor.require("evidence.upload", artifact)
    if "." not in target_type or len(target_type) > 60:
        raise Invalid("Evidence is linked to a kind of record that exists.", fields={"target_type": ["Unknown kind."]})
    found, is_new = ArtifactLink.objects.get_or_create(
        organization_id=artifact.organization_id,
        artifact=artifact,
        target_type=target_type,
        target_id=target_id,
        closing=closing,
        defaults={"target_ref": target_ref, "linked_by_id": actor.person_id, "created_at": clock.now()},
    )
    if not is_new:
        return found
    if target_type == CONTROL:
        _refresh(artifact)
    artifact.version += 1
    artifact.save(update_fields=["fresh_until", "version"])
    target = {"type": target_type, "id": str(target_id), "ref": target_ref, "closing": closing}
    ledger.record(events.ARTIFACT_LINKED, subject=artifact, actor=actor, data={"target": target})
    return found


def link_control(artifact_id: UUID, control_ref: str, *, actor: Actor) -> ArtifactLink:
    """Link to a control by its public id. Raises Invalid when there is none."""
    control = Control.objects.filter(ref=control_ref.strip().upper()).first()
    if control is None:
        raise Invalid(f"There is no control {control_ref} here.", fields={"control": ["Choose one of the list."]})
    return link(artifact_id, target_type=CONTROL, target_id=control.pk, target_ref=control.ref, actor=actor)


def accept(artifact_id: UUID, *, number: int, actor: Actor, reason: str = "") -> Artifact:
    """Judge file version `number` sufficient. Never by anyone who uploaded or collected a version of it."""
    return _judge(artifact_id, number=number, verdict=Verdict.ACCEPTED, reason=reason, actor=actor)


def give_back(artifact_id: UUID, *, number: int, actor: Actor, reason: str) -> Artifact:
    """Return it with words that say what is missing."""
    if not reason.strip():
        raise Invalid("Say what is missing, so that it can be mended.", fields={"reason": ["Words are needed."]})
    return _judge(artifact_id, number=number, verdict=Verdict.RETURNED, reason=reason, actor=actor)


def release(artifact_id: UUID, *, number: int, actor: Actor, reason: str) -> Artifact:
    """Let a quarantined file through to the ordinary review, with the reason why it is no danger."""
    if not reason.strip():
        raise Invalid("Say why it may leave quarantine.", fields={"reason": ["A reason is needed."]})
    return _judge(artifact_id, number=number, verdict=Verdict.RELEASED, reason=reason, actor=actor)


_VERDICTS = {
    Verdict.ACCEPTED: (State.ACCEPTED, {State.RECEIVED, State.RETURNED}, events.ARTIFACT_ACCEPTED),
    Verdict.RETURNED: (
        State.RETURNED,
        {State.RECEIVED, State.QUARANTINED, State.ACCEPTED},
        events.ARTIFACT_RETURNED,
    ),
    Verdict.RELEASED: (State.RECEIVED, {State.QUARANTINED}, events.ARTIFACT_RELEASED),
}


@transaction.atomic
def _judge(artifact_id: UUID, *, number: int, verdict: Verdict, reason: str, actor: Actor) -> Artifact:
    artifact = _locked(artifact_id)
    actor.require("evidence.review", artifact)
    version = artifact.latest
    if version is None or version.number != number:
        raise Stale(f"{artifact.ref} has a newer version than the one you looked at. Nothing was recorded.")
    to, sources, event = _VERDICTS[verdict]
    if artifact.state not in sources:
        raise WrongState(f"{artifact.ref} is {artifact.get_state_display().lower()}, so this step doesn't exist now.")
    if verdict == Verdict.ACCEPTED and withholding.kept_back_among([version.pk]):
        raise WrongState(
            f"Version {number} of {artifact.ref} is a redacted copy that nobody approved yet.",
            code="redaction_undecided",
            help="Decide on the redaction first.",
        )
    person_id = _refuse_own(artifact, actor)
    if verdict == Verdict.ACCEPTED:
        scanning.refuse_unready(version)
        holding.refuse_held(version)
    elif verdict == Verdict.RELEASED:
        scanning.refuse_infected(version)
    before = {"state": artifact.state}
    ArtifactReview.objects.create(
        organization_id=artifact.organization_id,
        artifact=artifact,
        reviewed=version,
        verdict=verdict,
        reason=reason.strip(),
        person_id=person_id,
    )
    artifact.state = to
    artifact.version += 1
    artifact.save(update_fields=["state", "version"])
    after = {"state": artifact.state, "number": version.number, "sha256": version.sha256}
    ledger.record(event, subject=artifact, actor=actor, before=before, after=after, reason=reason.strip())
    return artifact


def record_download(version_id: UUID, *, actor: Actor, reason: str = "", engagement: Any = None) -> ArtifactVersion:
    """Leave the event of a download and give the version to read. An auditor reads through their engagement's grant.

    What is in quarantine is handed to reviewers only.
    """
    return _opened(version_id, events.ARTIFACT_DOWNLOADED, "evidence.download", actor, reason, engagement, {})


def record_view(version_id: UUID, *, actor: Actor, engagement: Any = None, page: int | None = None) -> ArtifactVersion:
    """Leave the event of a preview and give the version to show."""
    data = {} if page is None else {"page": page}
    return _opened(version_id, events.ARTIFACT_VIEWED, "evidence.view", actor, "", engagement, data)


@transaction.atomic
def _opened(
    version_id: UUID, event: Any, permission: str, actor: Actor, reason: str, engagement: Any, data: dict[str, Any]
) -> ArtifactVersion:
    version = (
        ArtifactVersion.objects.select_related("artifact", "blob")
        .prefetch_related("scans", "personal_checks__decision")
        .filter(pk=version_id)
        .first()
    )
    if version is None:
        raise NotFound("There is no such evidence here.")
    if engagement is None:
        actor.require(permission, version.artifact)
    else:
        actor.require("engagement.read", engagement)
        data = {**data, "engagement": str(engagement.pk)}
    if version.artifact.state == State.QUARANTINED and not actor.may("evidence.review", version.artifact):
        raise WrongState(
            f"{version.artifact.ref} is in quarantine until a reviewer has looked at it.", code="quarantined"
        )
    withholding.refuse_kept_back(version, actor=actor, engagement=engagement)
    _refuse_withheld(version, event, actor)
    data = {"number": version.number, "sha256": version.sha256, **data}
    ledger.record(event, subject=version.artifact, actor=actor, data=data, reason=reason)
    return version


def _refuse_withheld(version: ArtifactVersion, event: Any, actor: Actor) -> None:
    """What is infected is never drawn, and handed to reviewers only; what is held goes to those who decide about it."""
    ref = version.artifact.ref
    may_have = event is events.ARTIFACT_DOWNLOADED and actor.may("evidence.review", version.artifact)
    if version.scan_state == ScanState.INFECTED and not may_have:
        raise WrongState(
            f"Malware was found in {ref}, version {version.number}. It is never shown, and only a reviewer may download it.",
            code="infected",
        )
    if version.is_held and not holding.may_decide(version, actor):
        holding.refuse_held(version)


def verify(version_id: UUID, *, actor: Actor) -> bool:
    """Read and hash the stored bytes now and record the result. False when they are not what was stored.

    Raises Unavailable, and records nothing, when a key or the store is away: then nobody can tell.
    """
    version = ArtifactVersion.objects.select_related("artifact", "blob").filter(pk=version_id).first()
    if version is None:
        raise NotFound("There is no such evidence here.")
    actor.require("evidence.view", version.artifact)
    found = checking.examine(version.blob)
    if found.outcome is Outcome.UNREAD and found.refusal is not None:
        raise found.refusal
    intact = found.outcome is Outcome.INTACT
    with transaction.atomic():
        checking.remember(version.blob, found, actor=actor)
        data = {"number": version.number, "sha256": version.sha256, "intact": intact, "problem": found.problem}
        ledger.record(events.ARTIFACT_VERIFIED, subject=version.artifact, actor=actor, data=data)
    return intact


@transaction.atomic
def record_custody_report(
    artifact_id: UUID, *, sha256: str, size: int, ledger_size: int, actor: Actor, engagement: Any = None
) -> None:
    """Leave the event of a finished custody report, with the hash by which anybody can tell the file again."""
    artifact = Artifact.objects.filter(pk=artifact_id).first()
    if artifact is None:
        raise NotFound("There is no such evidence here.")
    data: dict[str, Any] = {"report_sha256": sha256, "report_size": size, "ledger_size": ledger_size}
    if engagement is None:
        actor.require("evidence.view", artifact)
    else:
        actor.require("engagement.read", engagement)
        data["engagement"] = str(engagement.pk)
    ledger.record(events.ARTIFACT_CUSTODY_REPORTED, subject=artifact, actor=actor, data=data)


@transaction.atomic
def record_packaged(numbers: dict[str, int], *, package: dict[str, Any], actor: Actor) -> int:
    """Leave an event with each exhibit of a sealed package: public ids with the version that went in. How many.

    Somebody may open an exhibit at this very moment, which takes its next place in the history; then each event is
    recorded for itself, and waits for its turn.
    """
    rows = list(Artifact.objects.filter(organization_id=actor.organization_id, ref__in=numbers).order_by("pk"))
    about = {"package": package}
    try:
        with transaction.atomic():
            ledger.record_many(
                events.ARTIFACT_PACKAGED,
                rows=((row.pk, row.ref, {"number": numbers[row.ref]}) for row in rows),
                object_type="artifacts.artifact",
                actor=actor,
                data=about,
            )
    except Stale:
        for row in rows:
            after = {"number": numbers[row.ref]}
            ledger.record(events.ARTIFACT_PACKAGED, subject=row, actor=actor, after=after, data=about)
    return len(rows)


def _locked(artifact_id: UUID) -> Artifact:
    artifact = Artifact.objects.select_for_update(of=("self",)).select_related("latest").filter(pk=artifact_id).first()
    if artifact is None:
        raise NotFound("There is no such evidence here.")
    return artifact


def _first_state(received: Received) -> State:
    return State.QUARANTINED if received.is_blocked else State.RECEIVED


def _write_version(
    artifact: Artifact, received: Received, about: VersionFacts, *, number: int, actor: Actor
) -> ArtifactVersion:
    stated = asdict(about)
    stated["collector_id"] = about.collector_id or actor.person_id
    stated["collected_at"] = about.collected_at or clock.now()
    version = ArtifactVersion.objects.create(
        organization_id=artifact.organization_id,
        artifact=artifact,
        number=number,
        blob=vault.adopt(received.sealed),
        filename=received.filename,
        size=received.sealed.size,
        sha256=received.sealed.sha256,
        mime=received.mime,
        claimed_mime=received.claimed_mime,
        uploaded_by_id=actor.person_id,
        intake_notes=[asdict(note) for note in received.notes],
        **stated,
    )
    artifact.latest = version
    _refresh(artifact)
    artifact.save(update_fields=["latest", "state", "fresh_until", "version"])
    scanning.await_scan(version)
    return version


def _refresh(artifact: Artifact) -> None:
    days, version = _freshness_days(artifact), artifact.latest
    if days is None or version is None:
        artifact.fresh_until = None
        return
    anchor: date | None = version.period_to
    if version.as_of:
        anchor = version.as_of.date()
    elif anchor is None and version.collected_at:
        anchor = version.collected_at.date()
    artifact.fresh_until = anchor + timedelta(days=days) if anchor else None


def _freshness_days(artifact: Artifact) -> int | None:
    """How long it holds: by what the linked controls owe of this kind, else by how often they run."""
    policy = policies.policy(artifact.organization_id, "freshness").body
    targets = artifact.links.filter(target_type=CONTROL).values("target_id")
    found: list[int] = []
    for control in Control.objects.filter(pk__in=targets).prefetch_related("owed"):
        owed = [row.freshness_days for row in control.owed.all() if row.kind == artifact.kind]
        found += owed or [days for days in [policy.get(control.frequency)] if days]
    if not found and artifact.kind == EvidenceKind.POLICY:
        found = [policy["policy"]]
    return min(found, default=None)


def _refuse_own(artifact: Artifact, actor: Actor) -> UUID:
    """The person who judges. Raises DutyConflict for somebody who brought a version, and for the product itself."""
    acts = []
    for version in artifact.versions.all():
        if version.uploaded_by_id == actor.person_id:
            acts.append(f"You uploaded version {version.number} on {version.received_at:%d %b %Y}")
        elif version.collector_id == actor.person_id:
            acts.append(f"You collected version {version.number}")
    if acts or actor.person_id is None:
        reason = acts[0] if acts else "The product itself can't judge evidence"
        raise DutyConflict(
            f"{reason}, so someone else must judge {artifact.ref} (rule E-02).",
            rule="E-02",
            acts=acts,
            help="Ask a reviewer who neither uploaded nor collected it.",
        )
    return actor.person_id


def _snapshot(artifact: Artifact, version: ArtifactVersion) -> dict[str, Any]:
    return {
        "state": artifact.state,
        "kind": artifact.kind,
        "number": version.number,
        "sha256": version.sha256,
        "size": version.size,
        "mime": version.mime,
        "period_from": _iso(version.period_from),
        "period_to": _iso(version.period_to),
        "as_of": _iso(version.as_of),
        "collected_at": _iso(version.collected_at),
        "collector": str(version.collector_id) if version.collector_id else None,
        "method": version.method,
        "is_production": version.is_production,
        "row_count": version.row_count,
        "notes": [note["code"] for note in version.intake_notes],
    }


def _texts(version: ArtifactVersion) -> dict[str, str]:
    texts = {
        "filename": version.filename,
        "source_system": version.source_system,
        "query": version.query,
        "note": version.note,
    }
    return {name: text for name, text in texts.items() if text}


def _iso(moment: date | None) -> str | None:
    return moment.isoformat() if moment else None
