"""Search evidence for malware and keep each result: clean, infected, unscannable, or still waiting.

Without a scanner nothing is claimed. With one, nothing is accepted before its scan ended; infected evidence never is.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery

from evidence import clock
from evidence.actors import Actor
from evidence.artifacts import events
from evidence.artifacts.models import Artifact, ArtifactVersion, Scan, ScanState, State
from evidence.errors import NotFound, WrongState
from evidence.intake import looks, scanner
from evidence.ledger import services as ledger
from evidence.limited import running
from evidence.vault import services as vault

ATTEMPTS_MAX = 6
FIRST_PAUSE = timedelta(minutes=1)
ATTACHED_BYTES = 24 * 1024 * 1024


def await_scan(version: ArtifactVersion) -> None:
    """Mark a new version as waiting, in the transaction that adds it; nothing happens without a scanner."""
    if scanner.configured():
        _add(version, scanner.Result(ScanState.WAITING))


def scan(version_id: UUID, *, actor: Actor) -> str:
    """Ask the scanner about one version and record its word. Answers the state that the version is in now."""
    return record(version_id, ask(to_scan(version_id, actor=actor)), actor=actor)


def to_scan(version_id: UUID, *, actor: Actor) -> ArtifactVersion:
    """The version as `ask` needs it. Raises NotFound."""
    return _version(version_id, actor)


def ask(version: ArtifactVersion, progress: Callable[[int, int], None] | None = None) -> scanner.Result:
    """Stream the stored bytes to the scanner, which may take minutes: outside any transaction.

    When the scanner is away the version goes on waiting; after six attempts it counts as unscannable, with the reason.
    """
    try:
        result = scanner.scan(_watched(version, progress), version.size)
        return _with_attachments(version) or result if result.outcome == ScanState.CLEAN else result
    except scanner.Away as away:
        return _away(version, str(away))


def _with_attachments(version: ArtifactVersion) -> scanner.Result | None:
    """What the scanner says of the files inside a PDF, when it is worse than clean."""
    if version.mime != "application/pdf" or not any(note["code"] == "attachments" for note in version.intake_notes):
        return None
    try:
        inner = looks.attachments(version.blob, most_bytes=ATTACHED_BYTES)
    except running.Failed as failure:
        return scanner.Result(ScanState.UNSCANNABLE, reason=f"Files inside the PDF could not be scanned: {failure}.")
    results = (scanner.scan([data], len(data)) for data in inner)
    return next((result for result in results if result.outcome != ScanState.CLEAN), None)


def _watched(version: ArtifactVersion, progress: Callable[[int, int], None] | None) -> Iterator[bytes]:
    done = 0
    for piece in vault.open(version.blob):
        yield piece
        done += len(piece)
        if progress is not None:
            progress(done, version.size)


def _version(version_id: UUID, actor: Actor) -> ArtifactVersion:
    found = (
        ArtifactVersion.objects.select_related("artifact", "blob")
        .prefetch_related("scans")
        .filter(pk=version_id, organization_id=actor.organization_id)
        .first()
    )
    if found is None:
        raise NotFound("There is no such evidence here.")
    return found


def _away(version: ArtifactVersion, why: str) -> scanner.Result:
    attempts = sum(1 for row in version.scans.all() if row.outcome == ScanState.WAITING and row.reason) + 1
    if attempts < ATTEMPTS_MAX:
        return scanner.Result(ScanState.WAITING, reason=why)
    return scanner.Result(ScanState.UNSCANNABLE, reason=f"The scanner could not be reached {attempts} times: {why}")


@transaction.atomic
def record(version_id: UUID, result: scanner.Result, *, actor: Actor) -> str:
    """Keep one result; what is infected or can't be scanned goes into quarantine in the same step."""
    artifact = _locked(version_id)
    version = _version(version_id, actor)
    if version.scan_state == ScanState.INFECTED:
        return ScanState.INFECTED
    before, outcome = version.scan_state, ScanState(result.outcome)
    if outcome in (ScanState.INFECTED, ScanState.UNSCANNABLE) and artifact.latest_id == version.pk:
        artifact.state = State.QUARANTINED
    if outcome != ScanState.WAITING:
        artifact.version += 1
    artifact.save(update_fields=["state", "version"])
    _add(version, result)
    if outcome != ScanState.WAITING:
        ledger.record(
            events.ARTIFACT_SCANNED,
            subject=artifact,
            actor=actor,
            before={"scan": before},
            after={"scan": outcome.value, "state": artifact.state, "number": version.number, "sha256": version.sha256},
            data={"signature": result.signature, "engine": result.engine, "reason": result.reason},
        )
    return outcome


def due(moment: datetime) -> QuerySet[ArtifactVersion]:
    """Latest versions whose scan is to be made now: waiting ones, each attempt twice as long after the one before."""
    if not scanner.configured():
        return ArtifactVersion.objects.none()
    last = Scan.objects.filter(scanned=OuterRef("pk")).order_by("-number")
    waiting = ArtifactVersion.objects.annotate(
        last_outcome=Subquery(last.values("outcome")[:1]),
        last_at=Subquery(last.values("at")[:1]),
        last_number=Subquery(last.values("number")[:1]),
    ).filter(last_outcome=ScanState.WAITING)
    longest = FIRST_PAUSE * 2 ** (ATTEMPTS_MAX - 1)
    due_now = waiting.filter(last_number=1, last_at__lte=moment - FIRST_PAUSE)
    for number in range(2, ATTEMPTS_MAX + 1):
        pause = min(longest, FIRST_PAUSE * 2 ** (number - 1))
        due_now = due_now | waiting.filter(last_number=number, last_at__lte=moment - pause)
    return due_now | waiting.filter(last_number__gt=ATTEMPTS_MAX, last_at__lte=moment - longest)


@transaction.atomic
def ask_again(version_id: UUID, *, actor: Actor) -> ArtifactVersion:
    """Let a version be scanned anew, for those who judge evidence. Raises WrongState without a scanner, or for malware."""
    artifact = _locked(version_id)
    actor.require("evidence.review", artifact)
    version = _version(version_id, actor)
    if not scanner.configured():
        raise WrongState("No scanner is set up here, so nothing can be scanned.")
    if version.scan_state in (ScanState.INFECTED, ScanState.WAITING):
        raise WrongState(
            f"{artifact.ref} is {version.get_scan_state_display().lower()}; scanning again changes nothing."
        )
    _add(version, scanner.Result(ScanState.WAITING))
    return version


def refuse_unready(version: ArtifactVersion) -> None:
    """Raise WrongState unless the version's scan allows it to be accepted."""
    state, ref = version.scan_state, version.artifact.ref
    if state == ScanState.INFECTED:
        raise WrongState(
            f"Malware was found in {ref}, so it can never be accepted. Upload a clean version.", code="infected"
        )
    if state == ScanState.WAITING:
        raise WrongState(f"{ref} waits for the malware scan. Accept it when the scan has ended.", code="scan_waits")


def refuse_infected(version: ArtifactVersion) -> None:
    if version.scan_state == ScanState.INFECTED:
        raise WrongState(
            f"Malware was found in {version.artifact.ref}, so it can't leave quarantine. Return it, or upload a clean version.",
            code="infected",
        )


def _locked(version_id: UUID) -> Artifact:
    found = Artifact.objects.select_for_update(of=("self",)).filter(versions__pk=version_id).first()
    if found is None:
        raise NotFound("There is no such evidence here.")
    return found


def _add(version: ArtifactVersion, result: scanner.Result) -> Scan:
    last = Scan.objects.filter(scanned=version).order_by("-number").values_list("number", flat=True).first() or 0
    return Scan.objects.create(
        organization_id=version.organization_id,
        scanned=version,
        number=last + 1,
        outcome=result.outcome,
        signature=result.signature[:200],
        engine=result.engine[:200],
        reason=result.reason[:300],
        at=clock.now(),
    )
