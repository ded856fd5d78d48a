"""The long work of packages as durable jobs; each only calls its service and says where the result is."""

import tempfile
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from celery import shared_task
from django.urls import reverse

from evidence.actors import Actor
from evidence.vault import services as vault
from portal.packages import listing, services
from remediation.findings.queries import Filters


@shared_task(name="packages.build", bind=True)
def build(self: Any, job: Any, *, actor: Actor, package_id: str) -> dict[str, Any]:
    made = services.perform_build(UUID(package_id), actor=actor, inside=self.inside, watch=self.progress)
    return made | _link(self, job, package_id)


@shared_task(name="packages.seal", bind=True)
def seal(self: Any, job: Any, *, actor: Actor, package_id: str) -> dict[str, Any]:
    made = services.perform_seal(UUID(package_id), actor=actor, inside=self.inside, watch=self.progress)
    return made | _link(self, job, package_id)


@shared_task(name="packages.list_findings", bind=True)
def list_findings(self: Any, job: Any, *, actor: Actor, filters: dict[str, Any]) -> dict[str, Any]:
    """A long list of findings as a workbook, for the person who asked."""
    with self.inside():
        organization = job.organization
        name, slug, zone = organization.name, organization.slug, ZoneInfo(organization.timezone)
    chosen = Filters(**{key: tuple(value) if isinstance(value, list) else value for key, value in filters.items()})
    rows = listing.rows(actor, chosen, self.inside, zone)
    with tempfile.TemporaryFile() as draft:
        listing.write_workbook(
            draft, listing.about(name), rows, lambda done: self.progress(done, None, f"{done:,} findings written")
        )
        draft.seek(0)
        sealed = vault.store(draft, organization_id=actor.organization_id, limit_bytes=services.LIMIT_BYTES)
    with self.inside():
        blob = vault.adopt(sealed)
        url = reverse("findings:export", args=[slug, job.pk])
        result = {"blob": str(blob.pk), "url": url, "label": "Download the workbook"}
        self.keep(result)
    return result


def _link(task: Any, job: Any, package_id: str) -> dict[str, str]:
    with task.inside():
        slug = job.organization.slug
    return {"url": reverse("packages:detail", args=[slug, package_id]), "label": "Open the package"}
