"""The long work of packages as durable jobs; each only calls its service."""

from typing import Any
from uuid import UUID

from celery import shared_task

from evidence.actors import Actor
from portal.packages import services


@shared_task(name="packages.build", bind=True)
def build(self: Any, job: Any, *, actor: Actor, package_id: str) -> dict[str, Any]:
    return services.perform_build(UUID(package_id), actor=actor, inside=self.inside, watch=self.progress)


@shared_task(name="packages.seal", bind=True)
def seal(self: Any, job: Any, *, actor: Actor, package_id: str) -> dict[str, Any]:
    return services.perform_seal(UUID(package_id), actor=actor, inside=self.inside, watch=self.progress)
