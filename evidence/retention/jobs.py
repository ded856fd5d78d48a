"""Durable jobs of keeping: the destruction of approved files (keys first, then what the store keeps), and stores' holds."""

from typing import Any
from uuid import UUID

from celery import shared_task

from evidence.actors import Actor
from evidence.retention.services import disposals, stores

KIND = "retention.dispose"
HOLDS = "retention.holds"


@shared_task(name=KIND, bind=True)  # type: ignore[untyped-decorator]
def dispose(self: Any, job: Any, *, actor: Actor, disposal: str) -> dict[str, Any]:
    """Its result counts the files, and those whose bytes the store could not remove yet."""
    self.progress(0, 2, "Destroying keys")
    with self.inside():
        certificate = disposals.execute(UUID(disposal), actor=actor)
        files = certificate.files
    self.progress(1, 2, "Removing bytes")
    with self.inside():
        left = disposals.remove_bytes(UUID(disposal))
    self.progress(2, 2, "Done", force=True)
    return {"files": files, "left": left}


@shared_task(name=HOLDS, bind=True)  # type: ignore[untyped-decorator]
def hold_in_stores(self: Any, job: Any, *, actor: Actor) -> dict[str, Any]:
    """Holds of the stores put on and taken off, as ours stand."""
    return dict(stores.settle(actor=actor, inside=self.inside, watch=self.progress))
