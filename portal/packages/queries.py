"""Reads of packages: for staff all of the organization's, for auditors the sealed ones of their engagement."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from evidence.actors import Actor
from evidence.errors import NotFound
from portal.engagements.models import Engagement
from portal.packages import review
from portal.packages.models import FINAL, Package, State
from remediation.approvals import queries as approvals
from remediation.approvals.models import Request


def packages(actor: Actor) -> QuerySet[Package]:
    """For staff: newest first."""
    actor.require("packages.view")
    return (
        Package.objects.filter(organization_id=actor.organization_id)
        .select_related("engagement", "prepared_by", "approved_by", "job", "release__released_by")
        .order_by("-number", "-issue")
    )


def find(actor: Actor, package_id: UUID | str) -> Package:
    """For staff: one package. Raises NotFound."""
    found = packages(actor).filter(pk=package_id).first()
    if found is None:
        raise NotFound("There is no such package.")
    return found


def released(engagement: Engagement) -> QuerySet[Package]:
    """For the engagement's auditors: what was sealed and released to them, newest first."""
    return (
        Package.objects.filter(engagement=engagement, state__in=FINAL, release__isnull=False)
        .select_related("approved_by", "prepared_by")
        .order_by("-number", "-issue")
    )


@dataclass(frozen=True)
class Sealing:
    """The open question about a package, and whether the reader may answer it; `why_not` is a sentence."""

    request: Request
    position: approvals.Position


def sealing(package: Package, actor: Actor) -> Sealing | None:
    if package.state != State.IN_REVIEW or package.approved_by_id is not None:
        return None
    request = approvals.open_request(review.SUBJECT, package.pk, review.CYCLE, review.ACTION)
    return Sealing(request, approvals.position(request, actor)) if request else None
