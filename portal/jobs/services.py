"""Jobs: put one in the queue, claim it, report progress, ask it to stop."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import redis
from django.db import connections, transaction
from django.db.models.functions import Now
from kombu.exceptions import OperationalError

from evidence import clock, tenancy
from evidence.actors import Actor
from evidence.errors import NotFound, Refused, WrongState
from evidence.ledger import services as ledger
from portal.jobs.events import JOB_STARTED_IN_EMERGENCY
from portal.jobs.models import Job

logger = logging.getLogger(__name__)

LEASE_SECONDS = 60
# Leases go by the database's clock, the one that all workers share. One that ends later than any can was written before
# the clock went back, and holds nothing.
LEASE = timedelta(seconds=LEASE_SECONDS)
LONGEST_LEASE = 2 * LEASE
ATTEMPTS_MAX = 3


class Cancelled(Exception):
    """Raised inside a job by `progress` once somebody asked it to stop."""


def enqueue(kind: str, *, actor: Actor, args: dict[str, Any], title: str = "", subject: Any = None) -> Job:
    """Write a job in the caller's transaction; the bell rings after it commits.

    Asked for while emergency access runs, it is tagged with it, and an event says so. Raises KeyError for
    a kind that no jobs.py declares.
    """
    from portal.celery import app, load_jobs

    load_jobs()
    if kind not in app.tasks:
        raise KeyError(f"no job is called {kind}")
    job = Job.objects.create(
        organization_id=actor.organization_id,
        kind=kind,
        title=title or kind,
        args=args,
        subject_type=subject._meta.label_lower if subject is not None else "",
        subject_id=subject.pk if subject is not None else None,
        created_by_account_id=actor.account_id,
        created_by_id=actor.person_id,
        emergency_id=actor.emergency,
    )
    _tell_emergency(job, actor)
    transaction.on_commit(lambda: ring(job.pk, kind))
    return job


def _tell_emergency(job: Job, actor: Actor) -> None:
    # The trigger tags what this request did not know of: an emergency of another account, or one activated meanwhile.
    job.refresh_from_db(fields=["emergency"])
    if job.emergency_id is not None:
        subject = ledger.Subject(job._meta.label_lower, job.pk, job.kind)
        ledger.record(JOB_STARTED_IN_EMERGENCY, subject=subject, actor=actor, data={"emergency": str(job.emergency_id)})


def ring(job_id: UUID, kind: str) -> bool:
    """Tell the workers. False when the broker is away: the scheduler rings again later."""
    from portal.celery import app, load_jobs

    # The scheduler has asked for no job before it rings for those of others.
    load_jobs()
    try:
        app.tasks[kind].apply_async(args=[str(job_id)], retry=False, ignore_result=True)
    except (OperationalError, redis.RedisError, OSError) as error:
        logger.warning("the broker is away, job %s waits: %s", job_id, error)
        return False
    return True


def ring_unfinished(most: int = 100) -> int:
    """Ring for every job that nobody works on. Returns how many there are."""
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT id, organization_id FROM unfinished_jobs(%s)", [most])
        rows = cursor.fetchall()
    for job_id, organization_id in rows:
        with transaction.atomic(), tenancy.entered(organization_id, system=True):
            kind = Job.objects.values_list("kind", flat=True).get(pk=job_id)
        if not ring(job_id, kind):
            break
    return len(rows)


def claim(job_id: UUID, worker: str) -> Job | None:
    """Take the job for this worker, or None when it is over, held by a live worker, or worn out."""
    job = Job.objects.select_for_update(skip_locked=True).filter(pk=job_id).first()
    if job is None or job.is_over or _is_held(job):
        return None
    if job.cancel_requested:
        finish(job, Job.State.CANCELLED)
        return None
    if job.attempts >= ATTEMPTS_MAX:
        finish(job, Job.State.FAILED, error="The worker stopped three times in the middle of this job.")
        return None
    job.state = Job.State.RUNNING
    job.attempts += 1
    job.worker = worker
    job.started_at = job.started_at or clock.now()
    job.save(update_fields=["state", "attempts", "worker", "started_at"])
    Job.objects.filter(pk=job.pk).update(lease_until=Now() + LEASE)
    return job


def _is_held(job: Job) -> bool:
    held = Job.objects.filter(pk=job.pk, state=Job.State.RUNNING)
    return held.filter(lease_until__gt=Now(), lease_until__lte=Now() + LONGEST_LEASE).exists()


def is_mine(job: Job) -> bool:
    """Whether this attempt still holds the job, locked until the transaction ends. False once another took it over."""
    row = Job.objects.select_for_update().filter(pk=job.pk).first()
    return row is not None and not row.is_over and row.attempts == job.attempts


def let_go(job: Job) -> None:
    """End the lease of a job that its worker could not go on with."""
    Job.objects.filter(pk=job.pk).update(lease_until=Now())


def finish(job: Job, state: str, *, result: dict[str, Any] | None = None, error: str = "") -> None:
    """Write the outcome. The first outcome stays."""
    job.state = state
    job.ended_at = clock.now()
    job.lease_until = None
    job.result = result or {}
    job.error = error
    if state == Job.State.SUCCEEDED and job.total:
        job.done = job.total
    job.save(update_fields=["state", "ended_at", "lease_until", "result", "error", "done"])


def report(job: Job, done: int, total: int | None, note: str) -> bool:
    """Write progress and renew the lease. Returns whether to stop: somebody asked for it, or another took the job over."""
    mine = Job.objects.filter(pk=job.pk, attempts=job.attempts, state=Job.State.RUNNING)
    is_mine = mine.update(done=done, total=total, note=note[:200], lease_until=Now() + LEASE)
    job.done, job.total, job.note = done, total, note
    return not is_mine or Job.objects.values_list("cancel_requested", flat=True).get(pk=job.pk)


@transaction.atomic
def cancel(job_id: UUID, *, actor: Actor) -> Job:
    """Ask a job to stop: its own maker may, and whoever manages settings. Raises WrongState when it is over."""
    job = Job.objects.select_for_update().filter(pk=job_id, organization_id=actor.organization_id).first()
    if job is None:
        raise NotFound("There is no such job.")
    if job.created_by_id != actor.person_id:
        actor.require("settings.manage")
    if job.is_over:
        raise WrongState("This job is already over.")
    job.cancel_requested = True
    job.save(update_fields=["cancel_requested"])
    if job.state == Job.State.QUEUED:
        finish(job, Job.State.CANCELLED)
    return job


def failure_text(error: Exception) -> str:
    """What the job's page says: the refusal's own words, or that it is ours to mend."""
    if isinstance(error, Refused):
        return f"{error.message} {error.help or ''}".strip()
    return (
        f"Something went wrong on our side ({type(error).__name__}). Nothing was half-saved; the log has the details."
    )


Work = Callable[..., dict[str, Any] | None]
