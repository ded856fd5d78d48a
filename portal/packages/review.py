"""What a request to seal a package is about, and what follows each answer."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from evidence.actors import Actor
from evidence.ledger import services as ledger
from portal.jobs import services as jobs
from portal.packages import events
from portal.packages.models import Package, State
from remediation.approvals.models import Request
from remediation.approvals.subjects import Description

SUBJECT = "packages.package"
ACTION = "package.seal"
CYCLE = 1


def content(package_id: UUID) -> dict[str, Any]:
    """The reviewed content: exactly these rows, this list of files, this draft."""
    package = Package.objects.select_related("engagement").get(pk=package_id)
    return {
        "package": package.ref,
        "issue": package.issue,
        "engagement": package.engagement.ref,
        "title": package.title,
        "snapshot_sha256": package.snapshot_sha256,
        "manifest_sha256": package.manifest_sha256,
        "draft_sha256": package.sha256,
        "ledger_size": package.ledger_size,
        "pages": package.pages,
    }


def granted(request: Request, actor: Actor) -> None:
    """Approved: remember by whom, and print the snapshot once more with the seal."""
    package = Package.objects.select_for_update().get(pk=request.subject_id)
    last = request.decisions.filter(verdict="approve").order_by("-at").first()
    package.approved_by_id, package.approved_at = last.person_id, last.at
    package.job = jobs.enqueue(
        "packages.seal",
        actor=actor,
        args={"package_id": str(package.pk)},
        title=f"Seal {package.ref}, issue {package.issue}",
        subject=package,
    )
    package.version += 1
    package.save()
    ledger.record(
        events.PACKAGE_APPROVED, subject=package, actor=actor, data={"request": str(request.pk)}, after=_told(package)
    )


def refused(request: Request, actor: Actor) -> None:
    _back_to_draft(request, actor)


def ended(request: Request, actor: Actor) -> None:
    _back_to_draft(request, actor)


def describe(ids: Sequence[UUID]) -> Mapping[UUID, Description]:
    rows = Package.objects.filter(pk__in=ids).select_related("organization")
    return {
        row.pk: Description(
            f"{row.ref}, issue {row.issue}: {row.title}", "packages:detail", (row.organization.slug, row.pk)
        )
        for row in rows
    }


def _back_to_draft(request: Request, actor: Actor) -> None:
    package = Package.objects.select_for_update().get(pk=request.subject_id)
    if package.state != State.IN_REVIEW:
        return
    package.state, package.submitted_at = State.DRAFT, None
    package.version += 1
    package.save()
    ledger.record(events.PACKAGE_RETURNED, subject=package, actor=actor, data={"request": str(request.pk)})


def _told(package: Package) -> dict[str, Any]:
    return {"state": package.state, "snapshot_sha256": package.snapshot_sha256, "sha256": package.sha256}
