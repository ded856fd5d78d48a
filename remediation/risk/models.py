"""Accepted risks and deferrals. Each has an end; none is open-ended."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from evidence import clock
from evidence.organizations.models import VersionedModel
from remediation.findings.models import Finding


class AcceptanceState(models.TextChoices):
    PENDING = "pending", "Waiting for a decision"
    ACTIVE = "active", "Accepted"
    REFUSED = "refused", "Refused"
    WITHDRAWN = "withdrawn", "Withdrawn"
    EXPIRED = "expired", "Expired"
    ENDED = "ended", "Ended early"
    RENEWED = "renewed", "Renewed"


class DeferralState(models.TextChoices):
    PENDING = "pending", "Waiting for a decision"
    ACTIVE = "active", "Deferred"
    REFUSED = "refused", "Refused"
    WITHDRAWN = "withdrawn", "Withdrawn"
    ENDED = "ended", "Ended"


class Acceptance(VersionedModel):
    """A risk that someone with authority carries until a date."""

    finding = models.ForeignKey(Finding, on_delete=models.PROTECT, related_name="acceptances", db_index=False)
    cycle = models.PositiveIntegerField()
    severity = models.CharField(max_length=10)
    reason = models.TextField()
    residual_risk = models.TextField()
    compensating = models.TextField()
    expires_on = models.DateField()
    state = models.CharField(max_length=10, choices=AcceptanceState.choices, default=AcceptanceState.PENDING)
    request = models.ForeignKey(
        "approvals.Request", null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    requested_by = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    requested_at = models.DateTimeField(default=clock.now)
    accepted_by = models.ForeignKey(
        settings.PERSON_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    accepted_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    end_reason = models.TextField(blank=True)
    # How many acceptances of this finding's cycle came before; past the policy's count authority goes one level up.
    renewals = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["finding"], condition=Q(state__in=["pending", "active"]), name="acceptance_one_at_a_time"
            ),
        ]
        indexes = [
            models.Index(fields=["finding", "requested_at"], name="acceptance_by_finding"),
            models.Index(
                fields=["organization", "expires_on"], condition=Q(state="active"), name="acceptance_expiring"
            ),
        ]


class Deferral(VersionedModel):
    """A later date for a finding, until when its clock stands still."""

    finding = models.ForeignKey(Finding, on_delete=models.PROTECT, related_name="deferrals", db_index=False)
    cycle = models.PositiveIntegerField()
    reason = models.TextField()
    old_due_on = models.DateField()
    new_due_on = models.DateField()
    vendor = models.CharField(max_length=200, blank=True)
    check_in_on = models.DateField(null=True, blank=True)
    state = models.CharField(max_length=10, choices=DeferralState.choices, default=DeferralState.PENDING)
    request = models.ForeignKey(
        "approvals.Request", null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    requested_by = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    requested_at = models.DateTimeField(default=clock.now)
    deferred_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["finding"], condition=Q(state__in=["pending", "active"]), name="deferral_one_at_a_time"
            ),
            models.CheckConstraint(condition=Q(new_due_on__gt=F("old_due_on")), name="deferral_moves_forward"),
            models.CheckConstraint(
                condition=Q(vendor="") | Q(check_in_on__isnull=False), name="deferral_on_vendor_has_check_in"
            ),
        ]
        indexes = [
            models.Index(fields=["finding", "requested_at"], name="deferral_by_finding"),
            models.Index(fields=["organization", "new_due_on"], condition=Q(state="active"), name="deferral_ending"),
        ]
