"""What is done to a file after it came in: the malware scan, and the search of large files for personal data."""

from typing import Any
from uuid import UUID

from celery import shared_task

from evidence.actors import Actor
from evidence.artifacts import holding, scanning

SCAN = "evidence.scan"
SEARCH = "evidence.search"


@shared_task(name=SCAN, bind=True)  # type: ignore[untyped-decorator]
def scan(self: Any, job: Any, *, actor: Actor, version: str) -> dict[str, Any]:
    """Scan one version. Its result is the state that it is in afterwards."""
    product = Actor.system(actor.organization_id, "scanner")
    with self.inside():
        found = scanning.to_scan(UUID(version), actor=product)
    result = scanning.ask(found, self.progress)
    with self.inside():
        outcome = scanning.record(found.pk, result, actor=product)
    return {"scan": str(outcome)}


@shared_task(name=SEARCH, bind=True)  # type: ignore[untyped-decorator]
def search(self: Any, job: Any, *, actor: Actor, version: str) -> dict[str, Any]:
    """Search one version for personal data. Its result is the outcome."""
    product = Actor.system(actor.organization_id, "personal data search")
    with self.inside():
        version_to_search = holding.to_search(UUID(version))
    found = holding.ask(version_to_search, self.progress)
    with self.inside():
        outcome = holding.record(version_to_search.pk, found, actor=product)
    return {"personal": str(outcome)}
