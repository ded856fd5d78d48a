"""Sending as a durable job."""

from typing import Any
from uuid import UUID

from celery import shared_task

from evidence.actors import Actor
from portal.notifications import services


@shared_task(name=services.DELIVER, bind=True)
def deliver(self: Any, job: Any, *, actor: Actor, notice_id: str) -> dict[str, Any]:
    return services.deliver(UUID(notice_id), inside=self.inside, watch=self.progress)
