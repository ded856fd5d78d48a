"""Telling people about packages, once for each: the preparer that it was sealed or failed, the auditors that it is theirs."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from evidence import clock
from evidence.actors import Actor
from portal.engagements import queries as engagements
from portal.jobs import schedule
from portal.jobs.models import Job
from portal.notifications import services
from portal.notifications.models import Notice
from portal.notifications.rules import packages as rule
from portal.packages.links.models import Release
from portal.packages.models import FINAL, Package

#: What lies further back is no news, however long the scheduler was away.
NEWS_FOR = timedelta(days=7)


@dataclass(frozen=True)
class News:
    """One thing to tell. `occasion` names it for ever."""

    what: str
    occasion: str
    package: Package
    people: frozenset[UUID | None]
    path: str


def tell_about_packages(organization_id: object) -> int:
    """How many notices were made. The sample has no one to tell."""
    actor = Actor.system(UUID(str(organization_id)), "scheduler")
    if services.is_sample(actor):
        return 0
    found = {news.occasion: news for news in _news(actor.organization_id, clock.now() - NEWS_FOR)}
    return sum(bool(_tell(found[occasion], actor)) for occasion in services.untold(rule.KEY, found, actor=actor))


def _news(organization_id: UUID, since: datetime) -> Iterator[News]:
    rows = Package.objects.filter(organization_id=organization_id).select_related("engagement", "job")
    for row in rows.filter(sealed_at__gt=since, state__in=FINAL):
        yield News("sealed", f"s:{row.pk.hex}", row, frozenset({row.prepared_by_id}), f"packages/{row.pk}")
    for row in rows.filter(job__state=Job.State.FAILED, job__ended_at__gt=since).exclude(state__in=FINAL):
        people = frozenset({row.prepared_by_id, row.job.created_by_id})
        yield News("failed", f"f:{row.job.pk.hex}", row, people, f"packages/{row.pk}")
    for each in Release.objects.filter(organization_id=organization_id, released_at__gt=since).select_related(
        "package__engagement"
    ):
        engagement = each.package.engagement
        path = f"audit/{engagement.ref}/packages/{each.package_id}"
        yield News("released", f"r:{each.pk.hex}", each.package, frozenset(engagements.reading(engagement)), path)


def _tell(news: News, actor: Actor) -> Notice | None:
    row = news.package
    data = {
        "what": news.what,
        "path": news.path,
        "ref": f"{row.ref}, issue {row.issue}",
        "sha256": row.sha256 if row.is_final else "",
    }
    people = {person for person in news.people if person is not None}
    return services.announce(rule.KEY, news.occasion, data=data, actor=actor, people=people)


def declare() -> None:
    schedule.every(timedelta(minutes=1), "news of packages", tell_about_packages)
