"""Criteria, which are the same for all, and an organization's controls with the evidence each of them owes."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from evidence.organizations.models import TenantModel, VersionedModel


class Category(models.TextChoices):
    COMMON = "CC", "Security (common criteria)"
    AVAILABILITY = "A", "Availability"
    CONFIDENTIALITY = "C", "Confidentiality"
    PROCESSING_INTEGRITY = "PI", "Processing integrity"
    PRIVACY = "P", "Privacy"


class Frequency(models.TextChoices):
    CONTINUOUS = "continuous", "Many times a day"
    DAILY = "daily", "Daily"
    WEEKLY = "weekly", "Weekly"
    MONTHLY = "monthly", "Monthly"
    QUARTERLY = "quarterly", "Quarterly"
    HALF_YEARLY = "half_yearly", "Every half year"
    ANNUAL = "annual", "Yearly"
    EVENT = "event", "When it happens"
    AUTOMATED = "automated", "Automated setting"


class EvidenceKind(models.TextChoices):
    CONFIG = "config", "Configuration"
    LOG = "log", "Log extract"
    TICKET = "ticket", "Ticket"
    SCREENSHOT = "screenshot", "Screenshot"
    REPORT = "report", "Report"
    ATTESTATION = "attestation", "Attestation"
    POLICY = "policy", "Policy"


class Criterion(models.Model):
    """One criterion by its public identifier. Titles are our own words; the criteria's text is not ours to store."""

    identifier = models.CharField(max_length=8, primary_key=True)
    category = models.CharField(max_length=2, choices=Category)
    title = models.CharField(max_length=120)
    position = models.PositiveSmallIntegerField(unique=True)

    class Meta:
        ordering = ["position"]
        verbose_name_plural = "criteria"

    def __str__(self) -> str:
        return self.identifier


class Control(VersionedModel):
    """What the organization does, how often, by whom, and which failures it is there to prevent."""

    ref = models.CharField(max_length=16)
    number = models.PositiveIntegerField()
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    owner = models.ForeignKey(settings.PERSON_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    owner_role = models.CharField(max_length=40, blank=True)
    frequency = models.CharField(max_length=12, choices=Frequency)
    failure_patterns = ArrayField(models.CharField(max_length=3), default=list, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)
    criteria = models.ManyToManyField(Criterion, through="ControlCriterion", related_name="+")

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["organization", "number"], name="control_number_once"),
            models.UniqueConstraint(fields=["organization", "ref"], name="control_ref_once"),
        ]

    def __str__(self) -> str:
        return f"{self.ref} {self.title}"


class ControlCriterion(TenantModel):
    """A control serves a criterion."""

    control = models.ForeignKey(Control, on_delete=models.CASCADE, related_name="criterion_links")
    criterion = models.ForeignKey(Criterion, on_delete=models.PROTECT, related_name="control_links")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["control", "criterion"], name="control_criterion_once")]


class OwedEvidence(TenantModel):
    """One piece of evidence that each run of the control leaves, and how many days it stays fresh."""

    control = models.ForeignKey(Control, on_delete=models.CASCADE, related_name="owed")
    title = models.CharField(max_length=200)
    kind = models.CharField(max_length=12, choices=EvidenceKind)
    freshness_days = models.PositiveSmallIntegerField()
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position"]
        verbose_name_plural = "owed evidence"
