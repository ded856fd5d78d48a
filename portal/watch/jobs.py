"""The check on duties as a durable job."""

from typing import Any

from celery import shared_task
from django.urls import reverse

from evidence.actors import Actor
from portal.watch import printing, report, services

CHECK = "watch.check"
REPORT = "watch.report"


@shared_task(name=CHECK, bind=True)
def check(self: Any, job: Any, *, actor: Actor) -> dict[str, Any]:
    """Judge all history. Its result counts what was judged and what is new."""
    made = services.run_round(actor=actor, inside=self.inside, watch=self.progress)
    with self.inside():
        slug = job.organization.slug
    return made | {"url": reverse("duties:conflicts", args=[slug]), "label": "Open the check on duties"}


@shared_task(name=REPORT, bind=True)
def print_report(self: Any, job: Any, *, actor: Actor, start: str, end: str, zone: str) -> dict[str, Any]:
    """Print a long report of a period. Its result is the file's page count and address."""
    chosen = report.period(start, end, zone=zone)
    made = printing.keep(chosen, actor=actor, inside=self.inside, watch=self.progress)
    with self.inside():
        slug = job.organization.slug
    url = reverse("duties:report_file", args=[slug, made.pk])
    return {"pages": made.pages, "sha256": made.sha256, "url": url, "label": "Download the report"}
