"""Celery, the doorbell of portal/jobs. `celery -A portal.celery worker` rings in; `load_jobs` finds every jobs.py."""

import os

from celery import Celery
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings.development")

app = Celery("clearhold", task_cls="portal.jobs.running:DurableJob")
# Also for the threads of a web worker: without it they would ring at Celery's own default broker.
app.set_default()
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(related_name="jobs")
# No app, since it owns no tables.
app.autodiscover_tasks(["remediation.importers"], related_name="jobs")


@setup_logging.connect
def _our_lines(**kwargs: object) -> None:
    """Django's LOGGING stands in a worker too, in place of Celery's own, which writes what an error quotes."""


def load_jobs() -> None:
    """Import every app's jobs.py now, so that `app.tasks` is whole outside a worker too."""
    app.loader.import_default_modules()
    app.finalize()
