"""The ledger's long work as durable jobs: a whole verification, and asking for time-stamps."""

from typing import Any

from celery import shared_task

from evidence.actors import Actor
from evidence.ledger import signer, timestamps, verification

VERIFY = "ledger.verify"
STAMP = "ledger.stamp"


@shared_task(name=VERIFY, bind=True)  # type: ignore[untyped-decorator]
def verify(self: Any, job: Any, *, actor: Actor) -> dict[str, Any]:
    """Check everything. Where the signer's memory is on another machine, all but that, and the result says so."""
    has_memory = bool(signer.known_organizations())
    check = verification.verify if has_memory else verification.verify_without_memory
    report = check(actor.organization_id, watch=self.progress)
    return {
        "holds": report.holds,
        "events": report.sealed,
        "waiting": report.waiting,
        "checkpoints": report.checkpoints,
        "time_stamps": report.time_stamps,
        "texts": report.texts,
        "root": report.root,
        "place": report.place,
        "fault": report.fault,
        "memory": has_memory,
    }


@shared_task(name=STAMP, bind=True)  # type: ignore[untyped-decorator]
def stamp(self: Any, job: Any, *, actor: Actor, sizes: list[int]) -> dict[str, Any]:
    """Have these checkpoints stamped, one after the other; what was stamped before a failure stays."""
    for done, size in enumerate(sizes):
        self.progress(done, len(sizes), f"Checkpoint over {size} events")
        timestamps.stamp(actor.organization_id, size)
    return {"stamped": len(sizes)}
