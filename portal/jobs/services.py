"""Jobs: put one in the queue, claim it, report progress, ask it to stop."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import redis
from django.db import connections, transaction
from kombu.exceptions import OperationalError

from evidence import clock, tenancy
from evidence.actors import Actor
from evidence.errors import NotFound, Refused, WrongState
from portal.jobs.models import Job

logger = logging.getLogger(__name__)

LEASE_SECONDS = 60
ATTEMPTS_MAX = 3


class Cancelled(Exception):
    """Raised inside a job by `progress` once somebody asked it to stop."""


def enqueue(kind: str, *, actor: Actor, args: dict[str, Any], title: str = "", subject: Any = None) -> Job:
    """Write a job in the caller's transaction; the bell rings after it commits.

    Raises KeyError for a kind that no jobs.py declares.
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
    )
    transaction.on_commit(lambda: ring(job.pk, kind))
    return job


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
        with transaction.atomic(), tenancy.entered(organization_id):
            kind = Job.objects.values_list("kind", flat=True).get(pk=job_id)
        if not ring(job_id, kind):
            break
    return len(rows)


def claim(job_id: UUID, worker: str) -> Job | None:
    """Take the job for this worker, or None when it is over, held by a live worker, or worn out."""
    job = Job.objects.select_for_update(skip_locked=True).filter(pk=job_id).first()
    moment = clock.now()
    if job is None or job.is_over:
        return None
    if job.state == Job.State.RUNNING and job.lease_until and job.lease_until > moment:
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
    job.started_at = job.started_at or moment
    job.lease_until = moment + timedelta(seconds=LEASE_SECONDS)
    job.save(update_fields=["state", "attempts", "worker", "started_at", "lease_until"])
    return job


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
    """Write progress and renew the lease. Returns whether somebody asked the job to stop."""
    values = {
        "done": done,
        "total": total,
        "note": note[:200],
        "lease_until": clock.now() + timedelta(seconds=LEASE_SECONDS),
    }
    Job.objects.filter(pk=job.pk).update(**values)
    job.done, job.total, job.note = done, total, note
    return Job.objects.values_list("cancel_requested", flat=True).get(pk=job.pk)


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
