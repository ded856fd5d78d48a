"""Jobs that look into files after they came in: at once for a new version, and by sweep for what was left."""

from evidence import clock
from evidence.actors import Actor
from evidence.artifacts import holding, scanning
from evidence.artifacts.jobs import SCAN, SEARCH
from evidence.artifacts.models import ArtifactVersion, PersonalState, ScanState
from portal.jobs.models import Job
from portal.jobs.services import enqueue

MOST = 200
_OPEN = (Job.State.QUEUED, Job.State.RUNNING)


def enqueue_for(version: ArtifactVersion, *, actor: Actor) -> list[Job]:
    """The jobs that one new version needs: none without a scanner and for a small file."""
    made = []
    if version.scan_state == ScanState.WAITING:
        made.append(_enqueue(SCAN, version, "Malware scan", actor))
    if version.personal is not None and version.personal.outcome == PersonalState.PENDING:
        made.append(_enqueue(SEARCH, version, "Search for personal data", actor))
    return made


def enqueue_due(*, actor: Actor) -> int:
    """Jobs for what waits and has none. Answers how many were made."""
    made = 0
    for kind, word, rows in (
        (SCAN, "Malware scan", scanning.due(clock.now())),
        (SEARCH, "Search for personal data", holding.due()),
    ):
        under_way = Job.objects.filter(kind=kind, state__in=_OPEN).values("subject_id")
        for version in rows.exclude(pk__in=under_way).select_related("artifact")[:MOST]:
            _enqueue(kind, version, word, actor)
            made += 1
    return made


def _enqueue(kind: str, version: ArtifactVersion, word: str, actor: Actor) -> Job:
    product = Actor.system(actor.organization_id, "intake")
    title = f"{word} of {version.artifact.ref}, version {version.number}"
    return enqueue(kind, actor=product, args={"version": str(version.pk)}, title=title, subject=version)
