"""The long work of packages as durable jobs; each only calls its service and says where the result is."""

from typing import Any
from uuid import UUID

from celery import shared_task
from django.urls import reverse

from evidence.actors import Actor
from portal.packages import services


@shared_task(name="packages.build", bind=True)
def build(self: Any, job: Any, *, actor: Actor, package_id: str) -> dict[str, Any]:
    made = services.perform_build(UUID(package_id), actor=actor, inside=self.inside, watch=self.progress)
    return made | _link(self, job, package_id)


@shared_task(name="packages.seal", bind=True)
def seal(self: Any, job: Any, *, actor: Actor, package_id: str) -> dict[str, Any]:
    made = services.perform_seal(UUID(package_id), actor=actor, inside=self.inside, watch=self.progress)
    return made | _link(self, job, package_id)


def _link(task: Any, job: Any, package_id: str) -> dict[str, str]:
    with task.inside():
        slug = job.organization.slug
    return {"url": reverse("packages:detail", args=[slug, package_id]), "label": "Open the package"}
