"""Audits: period, criteria, what is in their scope, what auditors may see of it and until when."""

from datetime import date, timedelta

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from evidence import clock
from evidence.controls.models import Category, Control
from evidence.organizations.models import TenantModel, VersionedModel
from portal.accounts.object_grants import TimeBoxedGrant, TimeBoxedTeamGrant
from remediation.findings.models import Finding

DAYS_AFTER_PERIOD = 365


class Kind(models.TextChoices):
    TYPE_1 = "soc2_type1", "SOC 2 Type I"
    TYPE_2 = "soc2_type2", "SOC 2 Type II"
    READINESS = "readiness", "Readiness review"


class State(models.TextChoices):
    PLANNED = "planned", "Planned"
    OPEN = "open", "Open"
    CLOSED = "closed", "Closed"


class Engagement(VersionedModel):
    """One audit. Its dates are inclusive, in the organization's zone."""

    ref = models.CharField(max_length=16)
    number = models.PositiveIntegerField()
    title = models.CharField(max_length=200)
    auditor_firm = models.CharField(max_length=200, blank=True)
    kind = models.CharField(max_length=12, choices=Kind, default=Kind.TYPE_2)
    period_start = models.DateField()
    period_end = models.DateField()
    # The last day on which any auditor may still read it; None is a year after the period.
    access_ends_on = models.DateField(null=True, blank=True)
    categories = ArrayField(models.CharField(max_length=2, choices=Category), default=list)
    system_description = models.TextField(blank=True)
    exclusions = ArrayField(models.TextField(), default=list, blank=True)
    user_controls = ArrayField(models.TextField(), default=list, blank=True)
    known_gaps = ArrayField(models.TextField(), default=list, blank=True)
    # Carved-out vendors: [{"name", "service", "report", "note"}]
    vendors = models.JSONField(default=list, blank=True)
    state = models.CharField(max_length=8, choices=State, default=State.PLANNED)

    class Meta:
        permissions = [("engagement_read", "Read what an engagement has released")]
        constraints = [
            models.UniqueConstraint(fields=["organization", "number"], name="engagement_number_once"),
            models.UniqueConstraint(fields=["organization", "ref"], name="engagement_ref_once"),
            models.CheckConstraint(condition=Q(period_end__gte=F("period_start")), name="engagement_period_in_order"),
        ]

    def __str__(self) -> str:
        return f"{self.ref} {self.title}"

    @property
    def last_day_of_access(self) -> date:
        return self.access_ends_on or self.period_end + timedelta(days=DAYS_AFTER_PERIOD)


class ScopedControl(TenantModel):
    """A control that the engagement covers; auditors see it once it is released."""

    engagement = models.ForeignKey(Engagement, on_delete=models.PROTECT, related_name="scoped_controls", db_index=False)
    control = models.ForeignKey(Control, on_delete=models.PROTECT, related_name="engagement_scopes", db_index=False)
    added_by = models.ForeignKey(settings.PERSON_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    added_at = models.DateTimeField(default=clock.now)
    released_at = models.DateTimeField(null=True, blank=True)
    released_by = models.ForeignKey(
        settings.PERSON_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["engagement", "control"], name="scoped_control_once")]
        indexes = [models.Index(fields=["control", "engagement"], name="scope_by_control")]


class ScopedFinding(TenantModel):
    """A finding that the engagement covers; auditors see it once it is released."""

    engagement = models.ForeignKey(Engagement, on_delete=models.PROTECT, related_name="scoped_findings", db_index=False)
    finding = models.ForeignKey(Finding, on_delete=models.PROTECT, related_name="engagement_scopes", db_index=False)
    added_by = models.ForeignKey(settings.PERSON_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    added_at = models.DateTimeField(default=clock.now)
    released_at = models.DateTimeField(null=True, blank=True)
    released_by = models.ForeignKey(
        settings.PERSON_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["engagement", "finding"], name="scoped_finding_once")]
        indexes = [
            models.Index(fields=["finding", "engagement"], name="scope_by_finding"),
            models.Index(
                fields=["engagement", "finding"], condition=Q(released_at__isnull=False), name="scope_released"
            ),
        ]


class EngagementGrant(TimeBoxedGrant):
    """An auditor may read this engagement from one moment until another."""

    content_object = models.ForeignKey(Engagement, on_delete=models.PROTECT, related_name="grants")
    revoked_by = models.ForeignKey(
        settings.PERSON_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )

    class Meta(TimeBoxedGrant.Meta):
        # A grant that was taken back stays as history, so a new one may follow it.
        unique_together: list[str] = []
        constraints = [
            models.UniqueConstraint(
                fields=["user", "permission", "content_object"],
                condition=Q(revoked_at=None),
                name="engagement_grant_live_once",
            ),
            models.CheckConstraint(condition=Q(valid_until__gt=F("valid_from")), name="engagement_grant_has_an_end"),
        ]


class EngagementTeamGrant(TimeBoxedTeamGrant):
    """A team of auditors may read this engagement: whoever is a member at the moment of reading."""

    content_object = models.ForeignKey(Engagement, on_delete=models.PROTECT, related_name="team_grants")
    revoked_by = models.ForeignKey(
        settings.PERSON_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["team", "content_object"], condition=Q(revoked_at=None), name="engagement_team_grant_live_once"
            ),
            models.CheckConstraint(
                condition=Q(valid_until__gt=F("valid_from")), name="engagement_team_grant_has_an_end"
            ),
        ]
