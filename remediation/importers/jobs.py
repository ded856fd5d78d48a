"""The import as a durable job: progress while it reads, cancel at any batch, all or nothing."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from celery import shared_task

from evidence.actors import Actor
from evidence.errors import NotFound
from evidence.vault.models import Blob

from . import services

KIND = "findings.import"


@shared_task(name=KIND, bind=True)  # type: ignore[untyped-decorator]
def run(
    self: Any,
    job: Any,
    *,
    actor: Actor,
    blob: str,
    name: str = "",
    format: str | None = None,  # noqa: A002
    mapping: Mapping[str, str] | None = None,
    date_order: str = "",
) -> dict[str, Any]:
    """Import a file that `services.hold` keeps. Its result is the counts and the batch's key."""
    with self.inside():
        held = Blob.objects.filter(pk=UUID(blob), organization_id=actor.organization_id).first()
        if held is None:
            raise NotFound("The uploaded file is not there any more.", help="Upload it again.")
        batch, counts = services.run_import(
            held, actor=actor, name=name, format=format, mapping=mapping, date_order=date_order, progress=self.progress
        )
        result = {**counts.as_json(), "batch": str(batch.pk)}
        self.keep(result)
    return result
