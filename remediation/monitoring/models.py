"""Runs of controls: whether each did what it should when it was due. A missed run stays missed."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from evidence import clock
from evidence.controls.models import Control
from evidence.organizations.models import VersionedModel


class RunState(models.TextChoices):
    SCHEDULED = "scheduled", "Scheduled"
    PENDING = "pending", "Evidence pending"
    OPERATED = "operated", "Operated"
    PARTIAL = "partial", "Partial"
    MISSED = "missed", "Missed"


class Run(VersionedModel):
    """One time a control was due. `week` is the Monday of its ISO week."""

    control = models.ForeignKey(Control, on_delete=models.PROTECT, related_name="+", db_index=False)
    due_on = models.DateField()
    week = models.DateField()
    state = models.CharField(max_length=10, choices=RunState.choices, default=RunState.SCHEDULED)
    artifact = models.ForeignKey(
        "artifacts.Artifact", null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    note = models.TextField(blank=True)
    # What happened, for a missed or partial run; it explains the gap and does not fill it.
    explanation = models.TextField(blank=True)
    explained_by = models.ForeignKey(
        settings.PERSON_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    explained_at = models.DateTimeField(null=True, blank=True)
    recorded_by = models.ForeignKey(
        settings.PERSON_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    recorded_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["control", "due_on"], name="run_once_per_due_date"),
            models.CheckConstraint(condition=Q(state__in=RunState.values), name="run_state_known"),
        ]
        indexes = [
            models.Index(fields=["organization", "week", "control"], name="run_by_week"),
            models.Index(
                fields=["organization", "due_on"], condition=Q(state__in=["scheduled", "pending"]), name="run_waiting"
            ),
        ]
