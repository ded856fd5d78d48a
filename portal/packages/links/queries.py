"""Reads of links: those of a package with their uses, and how often packages were taken, by whom."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Max, Q, QuerySet

from evidence import clock
from evidence.actors import Actor
from evidence.errors import NotFound
from evidence.ledger.models import Event
from portal.packages.events import PACKAGE_DOWNLOADED
from portal.packages.links.models import Link, Use
from portal.packages.models import Package

TAKEN = (Use.What.PDF,)


def of_package(package: Package, actor: Actor) -> QuerySet[Link]:
    """Newest first, each with `opened`, `downloaded` and `last_at`."""
    actor.require("packages.view", package)
    return (
        Link.objects.filter(package=package)
        .select_related("made_by", "revoked_by")
        .annotate(
            opened=Count("uses", filter=Q(uses__what=Use.What.OPENED)),
            downloaded=Count("uses", filter=Q(uses__what=Use.What.PDF)),
            last_at=Max("uses__at"),
        )
        .order_by("-created_at", "-id")
    )


def open_links(packages: Collection[UUID]) -> dict[UUID, int]:
    """How many links open each package now; one that none opens is not in it."""
    rows = Link.objects.filter(package__in=packages, revoked_at=None, ends_at__gt=clock.now())
    return dict(rows.values_list("package").annotate(Count("id")))


def uses(package: Package, actor: Actor) -> QuerySet[Use]:
    """Each opening and download by a link of the package, newest first."""
    actor.require("packages.view", package)
    return Use.objects.filter(link__package=package).select_related("link").order_by("-at", "-id")


def find(actor: Actor, package: Package, link_id: UUID) -> Link:
    """One link of the package, as `of_package` gives it. Raises NotFound."""
    row = of_package(package, actor).filter(pk=link_id).first()
    if row is None:
        raise NotFound("There is no such link.")
    return row


@dataclass(frozen=True)
class Downloads:
    """How often a package was taken, in whatever form, and when last."""

    count: int = 0
    last: datetime | None = None


def downloads(packages: Collection[UUID]) -> dict[UUID, Downloads]:
    """Of each package: by people who signed in, and by links."""
    found = {key: Downloads() for key in packages}
    people = (
        Event.objects.filter(object_type="packages.package", object_id__in=packages, kind=PACKAGE_DOWNLOADED.kind)
        .values_list("object_id")
        .annotate(Count("id"), Max("at"))
    )
    outside = (
        Use.objects.filter(link__package__in=packages, what__in=TAKEN)
        .values_list("link__package")
        .annotate(Count("id"), Max("at"))
    )
    for key, count, last in (*people, *outside):
        before = found[key]
        found[key] = Downloads(before.count + count, max(filter(None, (before.last, last))))
    return found
