"""The sweeps of the lower floors: what ends by time, and what is cleared away. The scheduler runs them."""

from datetime import timedelta
from uuid import UUID

from evidence import clock
from evidence.actors import Actor
from evidence.retention import jobs as retention_jobs
from evidence.retention import services as retention
from evidence.uploads import services as uploads
from evidence.vault import checking
from evidence.vault import jobs as vault_jobs
from evidence.vault import services as vault
from portal.accounts import viewing
from portal.jobs import looks, schedule
from portal.jobs import services as jobs
from portal.jobs.models import Job
from remediation.approvals import services as approvals
from remediation.monitoring import services as monitoring
from remediation.risk import services as risk


def end_requests(organization_id: object) -> object:
    """Requests whose votes ran out."""
    return approvals.expire_due(actor=_product(organization_id))


def end_risks(organization_id: object) -> object:
    """Risk acceptances and deferrals whose time has come."""
    return risk.expire_due(actor=_product(organization_id))


def miss_runs(organization_id: object) -> object:
    """Runs of controls that nobody recorded in time."""
    return monitoring.miss_overdue(actor=_product(organization_id))


def clear_blobs(organization_id: object) -> object:
    """Files in the vault that no row names."""
    return vault.sweep(UUID(str(organization_id)))


def check_blobs(organization_id: object) -> object:
    """Today's share of the stored files is read again, by a job: it may take hours."""
    actor = _product(organization_id)
    last = Job.objects.filter(kind=vault_jobs.SCRUB).order_by("-created_at").first()
    if last is not None and (not last.is_over or clock.now() - last.created_at < _pause_after(last)):
        return None
    if not checking.share(actor.organization_id):
        return None
    return jobs.enqueue(vault_jobs.SCRUB, actor=actor, args={}, title="Daily check of stored files")


def _pause_after(last: Job) -> timedelta:
    # A round that could not work, because the store was away, is tried again soon.
    return timedelta(hours=1) if last.state == Job.State.FAILED else timedelta(days=1)


def hold_in_stores(organization_id: object) -> object:
    """Legal holds of the stores themselves, by a job: there may be many files."""
    last = Job.objects.filter(kind=retention_jobs.HOLDS).order_by("-created_at").first()
    is_soon = last is not None and (not last.is_over or clock.now() - last.created_at < timedelta(minutes=10))
    if is_soon or not retention.is_behind():
        return None
    return jobs.enqueue(
        retention_jobs.HOLDS, actor=_product(organization_id), args={}, title="Holds in the file stores"
    )


def propose_disposals(organization_id: object) -> object:
    """Evidence that has been kept long enough. Only proposed: two people dispose of it, or nobody."""
    return retention.propose_due(actor=_product(organization_id))


def look_into_files(organization_id: object) -> object:
    """Files whose malware scan or search for personal data is still to be made."""
    return looks.enqueue_due(actor=_product(organization_id))


def clear_uploads(organization_id: object) -> object:
    """Uploads that ran out, and pieces that no upload names."""
    return uploads.sweep(UUID(str(organization_id)))


def end_viewings(organization_id: object) -> object:
    """Looking through somebody's eyes that was left running."""
    return viewing.end_overdue(UUID(str(organization_id)))


def declare() -> None:
    schedule.every(timedelta(minutes=1), "viewings whose time is over", end_viewings)
    schedule.every(timedelta(minutes=5), "requests that ran out", end_requests)
    schedule.every(timedelta(minutes=15), "risks that ran out", end_risks)
    schedule.every(timedelta(minutes=30), "runs that were missed", miss_runs)
    schedule.every(timedelta(minutes=1), "files to look into", look_into_files)
    schedule.every(timedelta(hours=6), "leftovers in the vault", clear_blobs)
    schedule.every(timedelta(minutes=30), "checks of stored files", check_blobs)
    schedule.every(timedelta(minutes=5), "holds in the file stores", hold_in_stores)
    schedule.every(timedelta(days=1), "evidence kept long enough", propose_disposals)
    schedule.every(timedelta(hours=1), "uploads that ran out", clear_uploads)


def _product(organization_id: object) -> Actor:
    return Actor.system(UUID(str(organization_id)), "scheduler")
