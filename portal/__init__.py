"""The top floor: shows and publishes. Pages, API, people, engagements, packages, settings."""

from portal.celery import app as celery_app

__all__ = ["celery_app"]
