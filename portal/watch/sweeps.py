"""Once a day every organization's history is judged again, by a job: it may take long."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from evidence import clock
from evidence.actors import Actor
from portal.jobs import schedule
from portal.jobs import services as jobs
from portal.jobs.models import Job
from portal.watch import queries
from portal.watch.jobs import CHECK

TITLE = "Nightly check on duties"


def check_duties(organization_id: object) -> object:
    """The nightly check: a day after the last one, or an hour after one that failed."""
    last = Job.objects.filter(kind=CHECK).order_by("-created_at").first()
    if last is not None and (not last.is_over or clock.now() - last.created_at < _pause_after(last)):
        return None
    return jobs.enqueue(CHECK, actor=Actor.system(UUID(str(organization_id)), "scheduler"), args={}, title=TITLE)


def check_now(*, actor: Actor) -> tuple[Job, bool]:
    """The check that is under way, or a new one; and whether it is new."""
    actor.require("duties.view")
    job = queries.under_way()
    if job is not None:
        return job, False
    # As the product itself: it judges what is restricted, too, and shows it to nobody who is not let in.
    product = replace(Actor.system(actor.organization_id, actor.name), emergency=actor.emergency)
    return jobs.enqueue(CHECK, actor=product, args={}, title=TITLE), True


def _pause_after(last: Job) -> timedelta:
    return timedelta(hours=1) if last.state == Job.State.FAILED else timedelta(days=1)


def declare() -> None:
    schedule.every(timedelta(minutes=30), "checks on duties", check_duties)
