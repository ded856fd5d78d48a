"""Reads of jobs, for whoever may see them."""

from uuid import UUID

from django.db.models import QuerySet

from evidence.actors import Actor
from portal.jobs.models import Job


def in_emergency(emergency_id: UUID) -> QuerySet[Job]:
    """What was started while that emergency access ran, oldest first."""
    return Job.objects.filter(emergency_id=emergency_id).order_by("created_at", "id")


def visible(actor: Actor) -> QuerySet[Job]:
    """One's own jobs; every job of the organization for those who build packages or manage settings."""
    rows = Job.objects.filter(organization_id=actor.organization_id)
    if actor.may("packages.build") or actor.may("settings.manage"):
        return rows
    return rows.filter(created_by_id=actor.person_id)
