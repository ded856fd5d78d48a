"""The destruction of approved files as a durable job: keys first, in one transaction, then what the store keeps."""

from typing import Any
from uuid import UUID

from celery import shared_task

from evidence.actors import Actor
from evidence.retention.services import disposals

KIND = "retention.dispose"


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
