"""What ties the history to the world outside by time: the weekly mail, and time-stamps when an authority is configured."""

from datetime import timedelta
from uuid import UUID

from evidence import clock
from evidence.actors import Actor
from evidence.ledger import queries as ledger
from evidence.ledger import timestamps
from evidence.ledger.jobs import STAMP
from evidence.ledger.models import Checkpoint, TimeStamp
from evidence.organizations.models import Organization
from portal.jobs import schedule
from portal.jobs import services as jobs
from portal.jobs.models import Job
from portal.notifications import services
from portal.packages.models import Package

STAMP_EVERY = timedelta(days=1)
AT_ONCE = 20


def mail_anchor(organization_id: object) -> object:
    """The newest checkpoint, once a week, and again to whom the mail server refused it."""
    actor = _product(organization_id)
    made = services.announce_anchor(Organization.objects.get(pk=actor.organization_id), actor=actor)
    return made or services.retry_failed(actor=actor)


def stamp_checkpoints(organization_id: object) -> object:
    """At least one checkpoint a day, and the one of every sealed package."""
    actor = _product(organization_id)
    if not timestamps.is_configured() or _is_asking(actor):
        return None
    sizes = due(actor.organization_id)
    return jobs.enqueue(STAMP, actor=actor, args={"sizes": sizes}, title="Time-stamp checkpoints") if sizes else None


def due(organization_id: UUID) -> list[int]:
    """The sizes whose checkpoints want a time-stamp now."""
    stamped = TimeStamp.objects.filter(organization_id=organization_id)
    packaged = Package.objects.filter(organization_id=organization_id, state__in=("sealed", "superseded"))
    signed = Checkpoint.objects.filter(organization_id=organization_id, size__in=packaged.values("ledger_size"))
    wanted = signed.exclude(size__in=stamped.values("size")).order_by("size")
    sizes = list(wanted.values_list("size", flat=True)[:AT_ONCE])
    newest = ledger.standing(organization_id).size
    recent = stamped.filter(received_at__gt=clock.now() - STAMP_EVERY)
    if newest and newest not in sizes and not recent.exists() and not stamped.filter(size=newest).exists():
        sizes.append(newest)
    return sizes


def declare() -> None:
    schedule.every(timedelta(minutes=5), "the weekly anchor", mail_anchor)
    schedule.every(timedelta(minutes=30), "time-stamps of checkpoints", stamp_checkpoints)


def _is_asking(actor: Actor) -> bool:
    return Job.objects.filter(organization_id=actor.organization_id, kind=STAMP, ended_at=None).exists()


def _product(organization_id: object) -> Actor:
    return Actor.system(UUID(str(organization_id)), "scheduler")
