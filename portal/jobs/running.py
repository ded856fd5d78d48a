"""The site's Celery task class: what makes a function of a jobs.py durable."""

import logging
import os
import socket
import sys
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import UUID

from celery import Task
from django.db import Error, InterfaceError, OperationalError, connections, transaction

from evidence import crashing, tenancy
from evidence.actors import Actor
from evidence.errors import Refused
from portal.jobs import services
from portal.jobs.models import Job
from portal.jobs.services import Cancelled
from remediation.approvals.emergencies.bars import BARRED

logger = logging.getLogger(__name__)
_REPORT_SECONDS = 0.5


class TakenOver(Cancelled):
    """The lease ran out meanwhile and another worker has the job; what this one did last is rolled back."""


class DurableJob(Task):
    """`@shared_task(name="packages.build", bind=True) def build(self, job, *, actor, **args)`.

    The message carries only the job's key. The function runs outside a transaction: it opens its own with
    `self.inside()`, and calls `self.progress(done, total, note)`, which raises Cancelled when asked to stop.
    What it returns, a JSON dictionary, becomes the job's result.
    """

    abstract = True
    # The message carries a key, not the function's arguments, so Celery must not hold one against the other.
    typing = False
    acks_late = True
    reject_on_worker_lost = True
    ignore_result = True
    max_retries = 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if len(args) != 1 or kwargs:
            raise TypeError("a job is called with its key alone")
        return self.perform(UUID(str(args[0])))

    def perform(self, job_id: UUID) -> str:
        """Claim, run, record the outcome. Returns the state it ended in, or "left" when it was not ours to run."""
        organization_id = _organization_of(job_id)
        if organization_id is None:
            return "left"
        worker = f"{socket.gethostname()}:{os.getpid()}"
        with transaction.atomic(), tenancy.entered(organization_id, system=True):
            job = services.claim(job_id, worker)
            if job is None:
                return "left"
            actor = _actor_of(job)
        crashing.point("job.claimed")
        self.job, self._reported = job, 0.0
        if job.result:
            # An attempt before this one did the work and died before it could say so.
            return self._end(Job.State.SUCCEEDED, result=job.result)
        try:
            result = self.run(job, actor=actor, **job.args)
        except TakenOver:
            return "left"
        except Cancelled:
            return self._end(Job.State.CANCELLED)
        except Refused as refusal:
            return self._end(Job.State.FAILED, error=services.failure_text(refusal))
        except (OperationalError, InterfaceError) as fault:
            return self._let_go(fault)
        except Exception as error:  # the edge of a job: recorded, then raised
            logger.exception("job %s (%s) failed", job.pk, job.kind)
            self._end(Job.State.FAILED, error=services.failure_text(error))
            raise
        crashing.point("job.done")
        return self._end(Job.State.SUCCEEDED, result=result)

    def inside(self) -> Any:
        """A transaction that has entered the job's organization; it commits only while the job is still ours."""
        return _Inside(self.job)

    def keep(self, result: dict[str, Any]) -> None:
        """Write the result in the caller's transaction, with the work: once it commits, nobody does the work again."""
        Job.objects.filter(pk=self.job.pk).update(result=result)

    def progress(self, done: int, total: int | None = None, note: str = "", *, force: bool = False) -> None:
        """Say how far it is. Written at most twice a second, on a connection of its own outside any transaction."""
        moment = time.monotonic()
        if not force and moment - self._reported < _REPORT_SECONDS and done != total:
            return
        self._reported = moment
        if _report_apart(self.job, done, total, note):
            raise Cancelled

    def _let_go(self, fault: Exception) -> str:
        """The database went away under the job, which is no fault of the job's: the next worker begins anew."""
        logger.warning("job %s (%s) waits for the database: %s", self.job.pk, self.job.kind, fault)
        with suppress(Error), transaction.atomic(), tenancy.entered(self.job.organization_id, system=True):
            if services.is_mine(self.job):
                services.let_go(self.job)
        return "left"

    def _end(self, state: str, *, result: dict[str, Any] | None = None, error: str = "") -> str:
        with transaction.atomic(), tenancy.entered(self.job.organization_id, system=True):
            if not services.is_mine(self.job):
                return "left"
            services.finish(Job.objects.get(pk=self.job.pk), state, result=result, error=error)
        return state


class _Inside:
    def __init__(self, job: Job) -> None:
        self._job = job

    def __enter__(self) -> None:
        self._atomic = transaction.atomic()
        self._atomic.__enter__()
        person = self._job.created_by_id
        # A job sees what the person who asked for it sees at this moment; one that nobody asked for is the product's.
        self._entered = tenancy.entered(self._job.organization_id, person, system=person is None)
        self._entered.__enter__()

    def __exit__(self, *exc: Any) -> None:
        if exc[0] is None:
            try:
                if not services.is_mine(self._job):
                    raise TakenOver
                self._entered.__exit__(None, None, None)
            except BaseException:
                self._atomic.__exit__(*sys.exc_info())
                raise
        self._atomic.__exit__(*exc)


def _organization_of(job_id: UUID) -> UUID | None:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT organization_of_job(%s)", [job_id])
        found: UUID | None = cursor.fetchone()[0]
        return found


def _actor_of(job: Job) -> Actor:
    """Who acts in the job. What was started in an emergency stays barred and tagged; the role ends with the emergency."""
    account = job.created_by_account
    if account is None or job.created_by is None:
        return replace(Actor.system(job.organization_id, job.kind), emergency=job.emergency_id)
    if job.emergency is not None and job.emergency.state == job.emergency.State.RUNNING:
        account.emergency_role = job.emergency.role  # type: ignore[attr-defined]
        account.emergency_ends_at = job.emergency.over_at  # type: ignore[attr-defined]
    return Actor(
        organization_id=job.organization_id,
        account_id=account.pk,
        person_id=job.created_by_id,
        via="job",
        name=job.created_by.name,
        rights=account,
        emergency=job.emergency_id,
        barred=BARRED if job.emergency_id else {},
    )


def _report_apart(job: Job, done: int, total: int | None, note: str) -> bool:
    # Inside the job's own transaction progress would stay invisible until the end, so it goes through a second one.
    connection = connections["default"]
    if not connection.in_atomic_block:
        with transaction.atomic(), tenancy.entered(job.organization_id, system=True):
            return services.report(job, done, total, note)
    return apart().write(job, done, total, note)


class _Apart:
    """A second connection to the same database, for progress alone."""

    def __init__(self) -> None:
        self._connection = connections["default"].copy("default")

    def write(self, job: Job, done: int, total: int | None, note: str) -> bool:
        """Whether to stop, as `services.report` says it. A connection that died meanwhile is made anew."""
        try:
            return self._write(job, done, total, note)
        except (OperationalError, InterfaceError):
            self._connection.close()
            return self._write(job, done, total, note)

    def _write(self, job: Job, done: int, total: int | None, note: str) -> bool:
        with self._connection.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(
                "SELECT set_config('app.organization', %s, true), set_config('app.system', 'on', true)",
                [str(job.organization_id)],
            )
            cursor.execute(
                "UPDATE jobs_job SET done = %s, total = %s, note = %s, lease_until = now() + %s * interval '1 second'"
                " WHERE id = %s AND attempts = %s AND state = 'running' RETURNING cancel_requested",
                [done, total, note[:200], services.LEASE_SECONDS, job.pk, job.attempts],
            )
            row = cursor.fetchone()
            cursor.execute("COMMIT")
        return row is None or bool(row[0])


_apart: _Apart | None = None


def apart() -> _Apart:
    global _apart  # one connection a process, opened when first needed
    if _apart is None:
        _apart = _Apart()
    return _apart
