"""Evidence that may hold personal data waits for a person: the one who uploaded it, or who manages evidence.

Until then nobody else opens it, nobody accepts it, and neither packages nor auditors have it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from evidence import clock
from evidence.actors import Actor
from evidence.artifacts import events
from evidence.artifacts.models import (
    Artifact,
    ArtifactVersion,
    PersonalCheck,
    PersonalDecision,
    PersonalState,
    Scan,
    ScanState,
    State,
)
from evidence.errors import Invalid, NotAllowed, NotFound, WrongState
from evidence.intake import looks, privacy
from evidence.intake.services import own_domains
from evidence.ledger import services as ledger

DECIDE = "evidence.decide_personal"


@dataclass(frozen=True)
class Hold:
    """What a page says of a version that waits."""

    is_pending: bool
    places: tuple[privacy.Place, ...]

    @property
    def total(self) -> int:
        return sum(place.count for place in self.places)


def note_found(version: ArtifactVersion, found: privacy.Found | None, *, actor: Actor) -> PersonalCheck:
    """Keep the outcome of the search that came with a new version; None means that a job will search."""
    check = _add(version, found)
    if check.outcome == PersonalState.FOUND:
        _record(version, check, actor)
    return check


def search(version_id: UUID, *, actor: Actor) -> str:
    """Search a version that waits for it, and keep what was found. Answers the outcome."""
    return record(version_id, ask(to_search(version_id)), actor=actor)


def to_search(version_id: UUID) -> ArtifactVersion:
    """The version as `ask` needs it. Raises NotFound."""
    return _version(version_id)


def ask(version: ArtifactVersion, progress: Callable[[int, int], None] | None = None) -> privacy.Found:
    """Search the stored bytes, which may take minutes: outside any transaction."""
    domains = own_domains(version.organization_id)
    return looks.search(version.blob, name=version.filename, own_domains=domains, progress=progress)


@transaction.atomic
def record(version_id: UUID, found: privacy.Found, *, actor: Actor) -> str:
    """Keep the outcome of a search, unless another one was quicker."""
    artifact = _locked(version_id)
    version = _version(version_id)
    if version.personal is not None and version.personal.outcome != PersonalState.PENDING:
        return version.personal.outcome
    check = _add(version, found)
    if check.outcome == PersonalState.FOUND:
        artifact.version += 1
        artifact.save(update_fields=["version"])
        version.artifact = artifact
        _record(version, check, actor)
    return check.outcome


def keep(version_id: UUID, *, actor: Actor, reason: str) -> PersonalDecision:
    """Decide that it is no personal data, or may stay as it is. Raises NotAllowed for others than uploader and managers."""
    if not reason.strip():
        raise Invalid("Say why it may be kept as it is.", fields={"reason": ["A reason is needed; it is recorded."]})
    with transaction.atomic():
        artifact = _locked(version_id)
        version = _version(version_id)
        if not may_decide(version, actor) or actor.person_id is None:
            raise NotAllowed(
                "Who uploaded the file decides about personal data in it, or a compliance manager.",
                help="Ask one of them.",
            )
        check = version.personal
        if check is None or check.outcome != PersonalState.FOUND or not check.holds:
            raise WrongState(f"{artifact.ref}, version {version.number}, waits for no decision about personal data.")
        made = PersonalDecision.objects.create(
            organization_id=version.organization_id,
            check_of=check,
            reason=reason.strip(),
            person_id=actor.person_id,
            at=clock.now(),
        )
        artifact.version += 1
        artifact.save(update_fields=["version"])
        ledger.record(
            events.ARTIFACT_KEPT,
            subject=artifact,
            actor=actor,
            before={"held": True},
            after={"held": False, "number": version.number, "sha256": version.sha256},
            reason=reason.strip(),
        )
    return made


def hold_of(version: ArtifactVersion) -> Hold | None:
    """What a version waits for, or None."""
    check = version.personal
    if check is None or not check.holds:
        return None
    places = tuple(privacy.place_from(row) for row in check.places)
    return Hold(check.outcome == PersonalState.PENDING, places)


def may_decide(version: ArtifactVersion, actor: Actor) -> bool:
    """The uploader, as long as they may upload, and managers of evidence."""
    if actor.may(DECIDE, version.artifact):
        return True
    return actor.person_id == version.uploaded_by_id and actor.may("evidence.upload", version.artifact)


def refuse_held(version: ArtifactVersion) -> None:
    """Raise WrongState while it waits."""
    if version.is_held:
        raise WrongState(
            f"{version.artifact.ref}, version {version.number}, may hold personal data and waits for a decision about it.",
            code="held",
            help="Who uploaded it or a compliance manager decides; or upload a masked version.",
        )


def showable(rows: QuerySet[Artifact]) -> QuerySet[Artifact]:
    """Of these, what may go to packages and auditors: nothing held, infected, unscannable or still to be looked at."""
    checks = PersonalCheck.objects.filter(checked=OuterRef("latest_id"))
    later = PersonalCheck.objects.filter(checked=OuterRef("checked"), number__gt=OuterRef("number"))
    scans = Scan.objects.filter(scanned=OuterRef("latest_id"))
    later_scan = Scan.objects.filter(scanned=OuterRef("scanned"), number__gt=OuterRef("number"))
    bad = (ScanState.WAITING, ScanState.UNSCANNABLE)
    return rows.exclude(
        Exists(checks.filter(outcome=PersonalState.FOUND, decision=None).exclude(Exists(later)))
        | Exists(checks.filter(outcome=PersonalState.PENDING).exclude(Exists(later)))
        | Exists(scans.filter(outcome=ScanState.INFECTED))
    ).exclude(~Q(state=State.ACCEPTED) & Exists(scans.filter(outcome__in=bad).exclude(Exists(later_scan))))


def due() -> QuerySet[ArtifactVersion]:
    """Versions whose search was left to a job and isn't made."""
    checks = PersonalCheck.objects.filter(checked=OuterRef("pk"))
    return ArtifactVersion.objects.filter(Exists(checks.filter(outcome=PersonalState.PENDING))).exclude(
        Exists(checks.exclude(outcome=PersonalState.PENDING))
    )


def _version(version_id: UUID) -> ArtifactVersion:
    found = (
        ArtifactVersion.objects.select_related("artifact", "blob")
        .prefetch_related("personal_checks__decision")
        .filter(pk=version_id)
        .first()
    )
    if found is None:
        raise NotFound("There is no such evidence here.")
    return found


def _locked(version_id: UUID) -> Artifact:
    found = Artifact.objects.select_for_update(of=("self",)).filter(versions__pk=version_id).first()
    if found is None:
        raise NotFound("There is no such evidence here.")
    return found


def _add(version: ArtifactVersion, found: privacy.Found | None) -> PersonalCheck:
    last = PersonalCheck.objects.filter(checked=version).order_by("-number").values_list("number", flat=True).first()
    return PersonalCheck.objects.create(
        organization_id=version.organization_id,
        checked=version,
        number=(last or 0) + 1,
        outcome=_outcome(found),
        places=found.as_json() if found else [],
        is_whole=found.is_whole if found else True,
        at=clock.now(),
    )


def _outcome(found: privacy.Found | None) -> PersonalState:
    if found is None:
        return PersonalState.PENDING
    if found.places:
        return PersonalState.FOUND
    return PersonalState.CLEAR if found.was_read and not found.failed else PersonalState.UNREADABLE


def _record(version: ArtifactVersion, check: PersonalCheck, actor: Actor) -> None:
    counts: dict[str, int] = {}
    for row in check.places:
        counts[row["kind"]] = counts.get(row["kind"], 0) + row["count"]
    ledger.record(
        events.ARTIFACT_SEARCHED,
        subject=version.artifact,
        actor=Actor.system(actor.organization_id, "personal data search"),
        after={"held": True, "number": version.number, "sha256": version.sha256},
        data={"found": counts},
    )
