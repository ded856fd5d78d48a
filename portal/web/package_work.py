"""What a package's job is doing or came to: its stages, what stands, and what the reader can do next."""

from dataclasses import dataclass
from datetime import timedelta

from evidence import clock
from portal.jobs.models import Job
from portal.jobs.services import ATTEMPTS_MAX
from portal.packages import stages
from portal.packages.models import Package, State
from portal.web.components import Step

SEALING = "packages.seal"
#: A job that nobody took for so long is worth a word.
PATIENCE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Work:
    """`note` tells of a job that waits or was begun anew; `kept` what stands after one that failed, `todo` what would help."""

    heading: str
    steps: tuple[Step, ...] = ()
    where: str = ""
    note: str = ""
    kept: str = ""
    todo: str = ""


def work_of(row: Package) -> Work | None:
    """None when there is nothing to say: the job made its package, or there was none."""
    job = row.job
    if job is None or (job.is_over and (row.is_final or job.state == Job.State.SUCCEEDED)):
        return None
    is_seal = job.kind == SEALING
    if not job.is_over:
        return Work("Sealing" if is_seal else "Building", _steps(job, is_seal), stages.where(job.note), _note(job))
    was_stopped = job.state == Job.State.CANCELLED
    if is_seal:
        return Work(
            "The sealing was cancelled" if was_stopped else "The sealing failed",
            kept="The approval stands, and so does the draft that was approved. Nothing was sealed.",
            todo="Print the sealed file again." if was_stopped else "Mend what is named above, then print the sealed file again.",
        )  # fmt: skip
    return Work(
        "The build was cancelled" if was_stopped else "The build failed",
        kept="The draft of before stands as it was." if row.is_built else "There is no draft yet; nothing half-made was kept.",
        todo="Build it again when you like." if was_stopped else "Mend what is named above, then build it again.",
    )  # fmt: skip


def shown_state(row: Package) -> str:
    """The state as a reader needs it: what is under way says so, and so does what ended without its package."""
    job = row.job
    if job is None or row.is_final:
        return str(row.state)
    if not job.is_over:
        return "sealing" if job.kind == SEALING else "building"
    if job.state != Job.State.SUCCEEDED:
        if row.state == State.IN_REVIEW:
            return "unsealed"
        if not row.is_built:
            return "failed" if job.state == Job.State.FAILED else "unbuilt"
    return str(row.state)


def _note(job: Job) -> str:
    if job.state == Job.State.QUEUED:
        if clock.now() - job.created_at < PATIENCE:
            return "It waits for a worker."
        return "No worker has taken it yet. If that lasts, tell whoever runs the servers; nothing is lost meanwhile."
    if job.lease_until is not None and job.lease_until < clock.now():
        return "Its worker stopped. Another one begins it anew within a minute."
    if job.attempts > 1:
        return f"A worker stopped in the middle, so this is attempt {job.attempts} of {ATTEMPTS_MAX}."
    return ""


def _steps(job: Job, is_seal: bool) -> tuple[Step, ...]:
    """Nothing is now until a worker has it."""
    order = stages.OF_A_SEAL if is_seal else stages.OF_A_DRAFT
    if job.state == Job.State.QUEUED:
        return tuple(Step(str(stage)) for stage in order)
    place = order.index(now) if (now := stages.at(job.note)) in order else 0
    return tuple(
        Step(str(stage), "done" if at < place else "now" if at == place else "todo") for at, stage in enumerate(order)
    )
