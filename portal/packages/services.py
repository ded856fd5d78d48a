"""Every write about a package: start, build, submit, seal, supersede, download.

Building and sealing are long, so they run in a job: rows are read in one transaction at one ledger size, the PDF is set
outside any transaction, and the result is adopted in another. Until then there is no package, afterwards a whole one.
"""

import io
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from datetime import UTC
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from django.conf import settings
from django.db import Error as DatabaseFault
from django.db import transaction

from evidence import clock, crashing, tenancy
from evidence.actors import Actor
from evidence.artifacts import withholding
from evidence.artifacts.models import Artifact, ArtifactVersion
from evidence.errors import Invalid, NotFound, Refused, Stale, Unavailable, WrongState
from evidence.ledger import bundle
from evidence.ledger import services as ledger
from evidence.organizations import queries as settings_of
from evidence.organizations import services as organizations
from evidence.vault import checking
from evidence.vault import services as vault
from evidence.vault.models import Blob
from portal.engagements.models import Engagement
from portal.jobs import services as jobs
from portal.packages import (
    archives,
    collect,
    custody,
    events,
    letterheads,
    narrowing,
    outlines,
    planning,
    proving,
    render,
    review,
    shelf,
)
from portal.packages.exhibits.laying import Volume as LaidVolume
from portal.packages.models import Package, Paper, State, Volume
from portal.packages.proving import Proving
from portal.packages.signing.services import Signing
from portal.packages.snapshot import Exhibit, Issue, Snapshot, digest, load
from portal.packages.stages import Stage
from remediation.approvals import services as approvals
from remediation.approvals.models import Request
from remediation.sod import services as sod
from remediation.sod.duties import Duty

SEAL_SECONDS = 30.0
READINGS = 4
LIMIT_BYTES = 1 << 40

Inside = Callable[[], AbstractContextManager[None]]
Watch = render.Watch


@transaction.atomic
def build(engagement_id: UUID, *, actor: Actor, **wanted: Any) -> Package:
    """Start a package (see `start`) and put the building into the queue."""
    package = start(engagement_id, actor=actor, **wanted)
    return _enqueue(package, "packages.build", f"Build {package.ref}, issue {package.issue}", actor)


@transaction.atomic
def start(
    engagement_id: UUID,
    *,
    actor: Actor,
    title: str = "",
    paper: str = "",
    change: str = "",
    follows: UUID | None = None,
    with_restricted: bool = False,
    template: str = outlines.FULL.key,
    wishes: planning.Wishes | None = None,
) -> Package:
    """Take the next number for an empty draft. `follows` makes it the next issue of that package.

    The person who starts it is its preparer and may not approve it. `with_restricted` confirms that restricted
    findings they are let in to are told in it; the others are counted, never named. Without `paper` it is the
    organization's. Raises Invalid when the template lacks what it asks for (planning.py).
    """
    actor.require("packages.build")
    ledger.require_healthy()
    engagement = Engagement.objects.filter(pk=engagement_id, organization_id=actor.organization_id).first()
    if engagement is None:
        raise NotFound("There is no such engagement.")
    paper = paper or letterheads.in_force(actor.organization_id).paper
    if paper not in Paper.values:
        raise Invalid("A package is printed on A4 or letter.", fields={"paper": ["Choose A4 or letter."]})
    chosen = planning.chosen(template, wishes or planning.Wishes(), engagement, with_restricted=with_restricted)
    ref, number, issue = _next_number(follows, engagement, actor, change)
    package = Package.objects.create(
        organization_id=actor.organization_id,
        ref=ref,
        number=number,
        issue=issue,
        change=change.strip()[:200] or ("First issue" if issue == 1 else "Corrected issue"),
        engagement=engagement,
        title=title.strip()[:200] or f"{_called(template)} for {engagement.title}"[:200],
        paper=paper,
        template=template,
        chosen=chosen,
        with_restricted=with_restricted,
        prepared_by_id=actor.person_id,
    )
    _take_preparer(package, actor)
    ledger.record(events.PACKAGE_STARTED, subject=package, actor=actor, after=_told(package), reason=change)
    return package


@transaction.atomic
def rebuild(package_id: UUID, *, actor: Actor) -> Package:
    """Build a draft again, with the rows as they are now. The person who does so becomes its preparer too."""
    actor.require("packages.build")
    package = _locked(package_id, actor)
    if package.state != State.DRAFT:
        raise WrongState("Only a draft can be built again; a correction of a sealed package is a new issue.")
    if package.job is not None and not package.job.is_over:
        raise WrongState("It is being built already.", help="Wait for the job, or cancel it.")
    _take_preparer(package, actor)
    return _enqueue(package, "packages.build", f"Build {package.ref}, issue {package.issue}", actor)


def _called(template: str) -> str:
    return "Package" if template == outlines.FULL.key else outlines.BY_KEY[template].title


def _next_number(follows: UUID | None, engagement: Engagement, actor: Actor, change: str) -> tuple[str, int, int]:
    if follows is None:
        ref, number = organizations.take_ref(actor.organization_id, "PKG", digits=4)
        return ref, number, 1
    before = _locked(follows, actor)
    if before.engagement_id != engagement.pk:
        raise Invalid("A new issue belongs to the same engagement as the one before.")
    if not before.is_final:
        raise WrongState("Only a sealed package gets a new issue; build the draft again instead.")
    if not change.strip():
        raise Invalid("Say what this issue changes.", fields={"change": ["A new issue states its reason."]})
    newest = Package.objects.filter(organization_id=actor.organization_id, number=before.number).order_by("-issue")[0]
    if not newest.is_final:
        raise WrongState(f"Issue {newest.issue} is not sealed yet.")
    return before.ref, before.number, newest.issue + 1


def perform_build(package_id: UUID, *, actor: Actor, inside: Inside, watch: Watch) -> dict[str, Any]:
    """The job's work: read, print, keep. Raises BuildFailed, Unavailable or what `watch` raises, and keeps nothing."""
    with inside():
        package = _locked(package_id, actor)
        if _is_built_by_its_job(package):
            return _made(package)
    snapshot = _sealed_snapshot(package_id, actor, inside)
    crashing.point("package.read")
    with inside():
        proof = proving.proving(snapshot, actor.organization_id)
    with _Printing(snapshot, proof, package_id, inside, watch) as kept:
        with inside():
            package = _locked(package_id, actor)
            if package.state != State.DRAFT:
                raise WrongState("The package is no longer a draft; nothing was changed.")
            _adopt(package, kept, snapshot)
            crashing.point("package.adopted")
            _record_file(package, events.PACKAGE_BUILT, actor)
            crashing.point("package.recorded")
        crashing.point("package.committed")
        return _made(package)


def perform_seal(package_id: UUID, *, actor: Actor, inside: Inside, watch: Watch) -> dict[str, Any]:
    """The job's work after the approval: print the reviewed rows with the seal, sign; the issue before is superseded."""
    with inside():
        ledger.require_healthy()
        package = Package.objects.select_related("approved_by", "snapshot", "organization").get(pk=package_id)
        if package.state == State.SEALED:
            # A worker that died between the seal and the end of its job; the seal stands.
            return _made(package)
        if package.approved_by is None or package.state != State.IN_REVIEW:
            raise WrongState("Only an approved package can be sealed.")
        rows = b"".join(vault.open(package.snapshot))
        approver, approved_at = package.approved_by.name, package.approved_at.astimezone(UTC)
        signing = Signing(package.organization.slug)
    reviewed_sha256 = digest(rows)
    if reviewed_sha256 != package.snapshot_sha256:
        raise render.BuildFailed("The stored snapshot is not the one that was approved. Nothing was sealed.")
    reviewed = load(rows)
    del rows
    told = narrowing.approver(reviewed, approver)
    identity = replace(reviewed.identity, state="sealed", approved_by=told, approved_at=approved_at)
    sealed = replace(reviewed, identity=identity)
    proof = _proving_approval(sealed, package_id, actor, inside)
    with _Printing(sealed, proof, package_id, inside, watch, finish=signing) as kept:
        with inside():
            package = _locked(package_id, actor)
            if package.state != State.IN_REVIEW or reviewed_sha256 != package.snapshot_sha256:
                raise WrongState("The package changed while it was being sealed; nothing was sealed.")
            _adopt(package, kept, sealed, commit=False)
            package.state, package.sealed_at = State.SEALED, clock.now()
            package.save()
            signing.keep(package)
            crashing.point("package.adopted")
            _record_file(package, events.PACKAGE_SEALED, actor, **signing.told())
            # The approver need not be let in to a restricted finding that the preparer confirmed.
            with tenancy.as_the_product():
                custody.record_exhibits(package, sealed, actor=actor)
            _supersede_earlier(package, actor)
            crashing.point("package.recorded")
        crashing.point("package.committed")
        return _made(package)


@transaction.atomic
def submit_for_review(package_id: UUID, *, actor: Actor, reason: str = "") -> Request:
    """Ask for the approval of exactly this draft."""
    package = _locked(package_id, actor)
    actor.require("packages.build", package)
    if package.state != State.DRAFT or not package.is_built:
        raise WrongState("Only a finished draft can go into review.", help="Build it first.")
    if package.job is not None and not package.job.is_over:
        raise WrongState("It is being built; wait for the job or cancel it.")
    ledger.require_healthy()
    package.state, package.submitted_at = State.IN_REVIEW, clock.now()
    _save(package)
    ledger.record(events.PACKAGE_SUBMITTED, subject=package, actor=actor, after=_told(package), reason=reason)
    return approvals.request(
        review.ACTION,
        subject_type=review.SUBJECT,
        subject_id=package.pk,
        subject_ref=f"{package.ref} issue {package.issue}",
        cycle=review.CYCLE,
        content=review.content(package.pk),
        severity="",
        actor=actor,
        reason=reason,
    )


def seal(package_id: UUID, *, actor: Actor, reason: str) -> Package:
    """Approve the draft under review; the sealed PDF is printed by a job. Refused for whoever prepared it.

    Raises what `approvals.decide` raises, and WrongState when nothing waits for a decision.
    """
    approvals.decide(_open_request(package_id, actor).pk, verdict="approve", reason=reason, actor=actor)
    return Package.objects.get(pk=package_id)


def send_back(package_id: UUID, *, actor: Actor, reason: str) -> Package:
    """Reject the draft under review; it becomes a draft again."""
    approvals.decide(_open_request(package_id, actor).pk, verdict="reject", reason=reason, actor=actor)
    return Package.objects.get(pk=package_id)


@transaction.atomic
def seal_again(package_id: UUID, *, actor: Actor) -> Package:
    """Print the seal of an approved package once more, after its job failed or was cancelled."""
    package = _locked(package_id, actor)
    if not actor.may("packages.approve", package):
        actor.require("packages.build", package)
    ledger.require_healthy()
    if package.state != State.IN_REVIEW or package.approved_by_id is None:
        raise WrongState("Only an approved package that is not sealed yet can be sealed again.")
    if package.job is not None and not package.job.is_over:
        raise WrongState("It is being sealed already.")
    return _enqueue(package, "packages.seal", f"Seal {package.ref}, issue {package.issue}", actor)


def supersede(
    package_id: UUID,
    *,
    actor: Actor,
    change: str,
    title: str | None = None,
    paper: str | None = None,
    with_restricted: bool | None = None,
    wishes: planning.Wishes | None = None,
) -> Package:
    """Start the next issue of a sealed package; the old one is superseded when the new one is sealed.

    It begins with every choice of the issue before; what is given takes its place. The template stays.
    """
    before = Package.objects.filter(pk=package_id, organization_id=actor.organization_id).first()
    if before is None:
        raise NotFound("There is no such package.")
    return build(
        before.engagement_id,
        actor=actor,
        change=change,
        follows=before.pk,
        template=before.template,
        title=before.title if title is None else title,
        paper=before.paper if paper is None else paper,
        with_restricted=before.with_restricted if with_restricted is None else with_restricted,
        wishes=planning.wishes_of(before.chosen) if wishes is None else wishes,
    )


@transaction.atomic
def at_version(package_id: UUID, *, version: int, actor: Actor) -> Package:
    """Lock the package for the caller's transaction. Raises Stale unless it is still at this version."""
    package = _locked(package_id, actor)
    if package.version != version:
        raise Stale("Somebody else changed this package meanwhile. Nothing of yours was saved.")
    return package


@transaction.atomic
def note_download(package: Package, *, actor: Actor, form: str = "") -> None:
    """Each download is an event, of the PDF or of the form named."""
    told = {"sha256": package.sha256} | ({"form": form} if form else {})
    ledger.record(events.PACKAGE_DOWNLOADED, subject=package, actor=actor, data=told)


def pdf_bytes(package: Package) -> Iterator[bytes]:
    """The finished file in pieces, checked while they are read. Raises NotFound before it is built."""
    if package.pdf is None:
        raise NotFound("This package has not been built yet.")
    return vault.open(package.pdf)


# --- the parts of a build ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Kept:
    """What was printed and stored, but belongs to no row yet."""

    printed: render.Printed
    pdf: vault.Sealed
    manifest: vault.Sealed
    snapshot: vault.Sealed
    made: vault.Sealed
    volumes: tuple[tuple[LaidVolume, vault.Sealed], ...]


def _made(package: Package) -> dict[str, Any]:
    return {"package": str(package.pk), "sha256": package.sha256, "pages": package.pages}


def _is_built_by_its_job(package: Package) -> bool:
    """Whether an earlier attempt of the running job made it and died before it could say so."""
    job = package.job
    if job is None or job.is_over or job.started_at is None or package.built_at is None:
        return False
    return job.kind == "packages.build" and package.built_at >= job.started_at


def _sealed_snapshot(package_id: UUID, actor: Actor, inside: Inside) -> Snapshot:
    """The rows at one ledger size, every event of them under its checkpoint; read again when they changed meanwhile."""
    for _ in range(READINGS - 1):
        with suppress(collect.ChangedMeanwhile):
            return _read(package_id, actor, inside)
    return _read(package_id, actor, inside)


def _read(package_id: UUID, actor: Actor, inside: Inside) -> Snapshot:
    with inside():
        package = _locked(package_id, actor)
        if package.state != State.DRAFT:
            raise WrongState("Only a draft can be built.")
        ledger.require_healthy()
        waiting = collect.unsealed_events(package.organization_id)
    if waiting:
        with inside():
            ledger.wait_sealed(waiting, SEAL_SECONDS)
    with inside():
        package = Package.objects.select_related("organization", "engagement", "prepared_by").get(pk=package_id)
        return collect.snapshot(package, issues=_issues(package))


def _issues(package: Package) -> tuple[Issue, ...]:
    earlier = Package.objects.filter(
        organization_id=package.organization_id, number=package.number, issue__lt=package.issue
    ).order_by("issue")
    rows = [Issue(row.issue, (row.sealed_at or row.created_at).date(), row.change) for row in earlier]
    return (*rows, Issue(package.issue, clock.now().date(), package.change))


def _proving_approval(snapshot: Snapshot, package_id: UUID, actor: Actor, inside: Inside) -> Proving:
    """What the reviewed draft proved, and the proof of its approval, which is waited for. Raises Unavailable."""
    with inside():
        approved = bundle.last(review.SUBJECT, package_id, events.PACKAGE_APPROVED.kind)
    with inside():
        ledger.wait_sealed([approved], SEAL_SECONDS)
    with inside():
        found = proving.proving(snapshot, actor.organization_id)
        return replace(found, files=(*found.files, proving.approval(approved)))


class _Printing:
    """Prints and stores; on leaving with an error what was stored is discarded.

    Not when the database was lost: a commit whose answer never came may stand, and the janitor finds what no row names.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        proof: Proving,
        package_id: UUID,
        inside: Inside,
        watch: Watch,
        finish: Callable[[render.Printed], render.Printed] | None = None,
    ) -> None:
        self.snapshot, self.proof, self.package_id = snapshot, proof, package_id
        self.inside, self.watch, self.finish = inside, watch, finish
        self.stored: list[vault.Sealed] = []

    def __enter__(self) -> _Kept:
        with self.inside():
            package = Package.objects.get(pk=self.package_id)
            blobs = _blobs(self.snapshot, package.organization_id)
            volume_megabytes = int(settings_of.policy(package.organization_id, "packages").body["volume_megabytes"])
        work = Path(settings.CLEARHOLD_WORK_DIR)
        lending = render.printed(
            self.snapshot,
            _Fetch(blobs),
            self.proof,
            paper=package.paper,
            watch=self.watch,
            work=work,
            shelf=shelf.of(package.organization_id, work),
            volume_bytes=volume_megabytes * 1_000_000,
        )
        try:
            with lending as printed:
                crashing.point("package.printed")
                if self.finish is not None:
                    self.watch(1, 1, Stage.SIGNING)
                    printed = self.finish(printed)
                self.watch(1, 1, Stage.STORING)
                pdf = self._store_file(printed.path, package.organization_id)
                volumes = tuple(
                    (each, self._store_file(Path(each.source), package.organization_id)) for each in printed.volumes
                )
                manifest = self._store(io.BytesIO(printed.manifest), package.organization_id)
                with printed.snapshot.open("rb") as rows:
                    snapshot = self._store(rows, package.organization_id)
                with tempfile.TemporaryFile(dir=printed.path.parent) as out:
                    at = self.snapshot.identity.as_of
                    archives.of_made(printed.files, printed.manifest, at, out)
                    made = self._store(out, package.organization_id)
        except BaseException:
            self._discard()
            raise
        return _Kept(printed, pdf, manifest, snapshot, made, volumes)

    def __exit__(self, kind: object, *rest: object) -> None:
        if kind is not None and not (isinstance(kind, type) and issubclass(kind, DatabaseFault)):
            self._discard()

    def _store_file(self, path: Path, organization_id: UUID) -> vault.Sealed:
        with path.open("rb") as file:
            return self._store(file, organization_id)

    def _store(self, file: Any, organization_id: UUID) -> vault.Sealed:
        sealed = vault.store(file, organization_id=organization_id, limit_bytes=LIMIT_BYTES)
        self.stored.append(sealed)
        crashing.point("package.stored")
        return sealed

    def _discard(self) -> None:
        for sealed in self.stored:
            vault.discard(sealed)


class _Fetch:
    """Writes an exhibit's original bytes; one that is damaged or gone is named, and raises the vault's alarm."""

    def __init__(self, blobs: dict[str, Blob]) -> None:
        self.blobs = blobs

    def __call__(self, exhibit: Exhibit, target: BinaryIO) -> None:
        blob = self.blobs.get(exhibit.number)
        if blob is None:
            raise render.BuildFailed(f"The file of exhibit {exhibit.number} is missing. No package was made.")
        try:
            for piece in vault.open(blob):
                target.write(piece)
        except (Refused, OSError) as fault:
            if isinstance(fault, Unavailable):
                checking.note_damage(blob, fault)
            raise render.BuildFailed(
                f"The file of exhibit {exhibit.number} could not be read: {fault} No package was made.",
                code="exhibit_unreadable",
                help="Run manage.py verify_vault and tell your administrator.",
            ) from fault


def _blobs(snapshot: Snapshot, organization_id: UUID) -> dict[str, Blob]:
    wanted = {exhibit.number: exhibit.version for exhibit in snapshot.exhibits if exhibit.has_bytes}
    rows = Artifact.objects.filter(organization_id=organization_id, ref__in=wanted).prefetch_related("versions__blob")
    found = {row.ref: v for row in rows for v in row.versions.all() if v.number == wanted[row.ref]}
    _refuse_changed(found)
    return {ref: version.blob for ref, version in found.items()}


def _refuse_changed(found: dict[str, ArtifactVersion]) -> None:
    """What was redacted or disposed of since the rows were read is not printed from the rows that were read."""
    kept_back = withholding.kept_back_among(version.pk for version in found.values())
    for ref, version in found.items():
        if version.pk in kept_back or version.blob.erased_at is not None:
            raise render.BuildFailed(
                f"Exhibit {ref} was {'disposed of' if version.blob.erased_at else 'redacted'} since the package was "
                "collected. No package was made.",
                code="exhibit_withdrawn",
                help="Build it again, then ask for approval anew.",
            )


def _adopt(package: Package, kept: _Kept, snapshot: Snapshot, *, commit: bool = True) -> None:
    package.pdf = vault.adopt(kept.pdf)
    package.manifest = vault.adopt(kept.manifest)
    package.snapshot = vault.adopt(kept.snapshot)
    package.made = vault.adopt(kept.made)
    _adopt_volumes(package, kept)
    printed = kept.printed
    package.sha256, package.size, package.pages = printed.sha256, printed.size, printed.pages
    package.manifest_sha256 = printed.manifest_sha256
    package.snapshot_sha256 = printed.snapshot_sha256
    package.finding_count, package.exhibit_count = len(snapshot.findings), len(snapshot.exhibits)
    package.ledger_size = snapshot.checkpoint.tree_size if snapshot.checkpoint else 0
    package.as_of, package.built_at = snapshot.identity.as_of, clock.now()
    package.peak_bytes, package.build_seconds = printed.peak_bytes, f"{printed.seconds:.2f}"
    package.version += 1
    if commit:
        package.save()


def _adopt_volumes(package: Package, kept: _Kept) -> None:
    """Those of an earlier printing go."""
    Volume.objects.filter(package=package).delete()
    for number, (laid, sealed) in enumerate(kept.volumes, 1):
        Volume.objects.create(
            organization_id=package.organization_id,
            package=package,
            number=number,
            filename=laid.path,
            pdf=vault.adopt(sealed),
            sha256=laid.sha256,
            size=laid.size,
            pages=laid.pages,
        )


def _record_file(package: Package, event: Any, actor: Actor, **more: Any) -> None:
    volumes = {row.filename: row.sha256 for row in Volume.objects.filter(package=package)}
    told = _told(package) | {"volumes": volumes} | more
    recorded = ledger.record(event, subject=package, actor=actor, after=told)
    Package.objects.filter(pk=package.pk).update(recorded_by_event=recorded.id)
    package.recorded_by_event = recorded.id


def _supersede_earlier(package: Package, actor: Actor) -> None:
    earlier = Package.objects.select_for_update().filter(
        organization_id=package.organization_id, number=package.number, issue__lt=package.issue, state=State.SEALED
    )
    for row in earlier:
        row.state, row.superseded_at = State.SUPERSEDED, clock.now()
        _save(row)
        ledger.record(
            events.PACKAGE_SUPERSEDED, subject=row, actor=actor, data={"by": package.ref, "issue": package.issue}
        )


def _enqueue(package: Package, kind: str, title: str, actor: Actor) -> Package:
    package.job = jobs.enqueue(kind, actor=actor, args={"package_id": str(package.pk)}, title=title, subject=package)
    _save(package)
    return package


def _take_preparer(package: Package, actor: Actor) -> None:
    sod.take_duty(
        Duty.PREPARER,
        subject_type=review.SUBJECT,
        subject_id=package.pk,
        cycle=review.CYCLE,
        actor=actor,
        about=package.ref,
    )


def _open_request(package_id: UUID, actor: Actor) -> Request:
    found = Request.objects.filter(
        organization_id=actor.organization_id,
        subject_type=review.SUBJECT,
        subject_id=package_id,
        action=review.ACTION,
        state=Request.State.OPEN,
    ).first()
    if found is None:
        raise WrongState("Nothing about this package waits for a decision.")
    return found


def _locked(package_id: UUID, actor: Actor) -> Package:
    found = (
        Package.objects.select_for_update(of=("self",))
        .select_related("job")
        .filter(pk=package_id, organization_id=actor.organization_id)
        .first()
    )
    if found is None:
        raise NotFound("There is no such package.")
    return found


def _save(package: Package) -> None:
    package.version += 1
    package.save()


def _told(package: Package) -> dict[str, Any]:
    return {
        "state": str(package.state),
        "issue": package.issue,
        "sha256": package.sha256,
        "manifest_sha256": package.manifest_sha256,
        "snapshot_sha256": package.snapshot_sha256,
        "size": package.size,
        "pages": package.pages,
        "ledger_size": package.ledger_size,
    }
