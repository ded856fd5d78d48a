"""Requests bound to content, the decisions on them, and who was asked to look."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import Q

from evidence import clock
from evidence.organizations.models import TenantModel


class Request(TenantModel):
    """A question about exactly these bytes. All but the state and its moment never change (guards.py)."""

    class State(models.TextChoices):
        OPEN = "open", "Open"
        GRANTED = "granted", "Granted"
        REFUSED = "refused", "Refused"
        VOID = "void", "Void"
        WITHDRAWN = "withdrawn", "Withdrawn"
        EXPIRED = "expired", "Expired"

    subject_type = models.CharField(max_length=60)
    subject_id = models.UUIDField()
    subject_ref = models.CharField(max_length=40)
    cycle = models.PositiveIntegerField()
    action = models.CharField(max_length=40)
    content = models.BinaryField()
    content_sha256 = models.CharField(max_length=64)
    severity = models.CharField(max_length=10, blank=True)
    needed = models.PositiveSmallIntegerField()
    distinct_departments = models.BooleanField(default=False)
    matrix_version = models.PositiveIntegerField()
    reason = models.TextField(blank=True)
    requested_by = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+")
    requested_through = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_why = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "subject_type", "subject_id", "cycle", "action"],
                condition=Q(state="open"),
                name="approvals_request_one_open",
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "state", "requested_at"], name="approvals_request_queue"),
            models.Index(fields=["subject_id", "cycle", "action"], name="approvals_request_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.action} of {self.subject_ref}"

    @property
    def payload(self) -> dict[str, Any]:
        """The content as it was asked about, with what binds it: subject, action, cycle, versions of the rules."""
        payload: dict[str, Any] = json.loads(bytes(self.content))
        return payload

    @property
    def fields(self) -> dict[str, Any]:
        """The subject's own part of the content."""
        fields: dict[str, Any] = self.payload["content"]
        return fields


class Decision(TenantModel):
    """One person's answer to one request. Append-only; the database refuses what the rules forbid."""

    class Verdict(models.TextChoices):
        APPROVE = "approve", "Approve"
        REJECT = "reject", "Reject"

    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="decisions")
    person = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+")
    account = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    verdict = models.CharField(max_length=8, choices=Verdict.choices)
    reason = models.TextField()
    content_sha256 = models.CharField(max_length=64)
    authenticated_at = models.DateTimeField()
    department = models.CharField(max_length=80, blank=True)
    matrix_version = models.PositiveIntegerField()
    at = models.DateTimeField(default=clock.now)
    # Whom it was made for, and the delegation that let it; both or neither (guards of delegations).
    for_person = models.ForeignKey(
        settings.PERSON_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    delegation = models.ForeignKey(
        "Delegation", null=True, blank=True, on_delete=models.PROTECT, related_name="decisions"
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["request", "person"], name="approvals_decision_once_per_person")]

    @property
    def people(self) -> frozenset[UUID]:
        """Everybody whom this decision uses up: who decided and whom they decided for."""
        return frozenset({self.person_id, self.for_person_id or self.person_id})

    @property
    def by(self) -> str:
        """“P”, or “P for Q”."""
        return f"{self.person.name} for {self.for_person.name}" if self.for_person else self.person.name


class Nudge(TenantModel):
    """Somebody was asked to decide; it shows in their queue until they or others have. Append-only."""

    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="nudges")
    person = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_by = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+")
    message = models.TextField(blank=True)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        indexes = [models.Index(fields=["person", "request"], name="approvals_nudge_person")]


class Delegation(TenantModel):
    """One person's duty, lent to another for at most 30 days. It holds once accepted; what it says never changes."""

    class Scope(models.TextChoices):
        ALL = "all", "Everything"
        ENGAGEMENT = "engagement", "One engagement"
        SEVERITY = "severity", "Up to a severity"
        ITEMS = "items", "Named items"

    class State(models.TextChoices):
        OFFERED = "offered", "Waits for acceptance"
        ACCEPTED = "accepted", "Accepted, not begun"
        RUNNING = "running", "Running"
        DECLINED = "declined", "Declined"
        ENDED = "ended", "Ended early"
        OVER = "over", "Over"

    giver = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+")
    given_through = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    deputy = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+")
    duty = models.CharField(max_length=16)
    # Actions of the duty by their keys; none means all of them.
    actions = models.JSONField(default=list, blank=True)
    scope = models.CharField(max_length=12, choices=Scope.choices, default=Scope.ALL)
    ceiling = models.CharField(max_length=10, blank=True)
    engagement = models.UUIDField(null=True, blank=True)
    items = models.JSONField(default=list, blank=True)
    # The public ids that the scope names, for people to read.
    names = models.CharField(max_length=200, blank=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.TextField()
    made_at = models.DateTimeField(default=clock.now)
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_through = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.PERSON_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    ended_why = models.TextField(blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["deputy", "ends_at"], name="approvals_delegation_deputy"),
            models.Index(fields=["giver", "ends_at"], name="approvals_delegation_giver"),
        ]

    @property
    def state(self) -> str:
        """What it is at this moment."""
        now = clock.now()
        if self.ended_at is not None:
            declined = self.accepted_at is None and self.ended_by_id == self.deputy_id
            return self.State.DECLINED if declined else self.State.ENDED
        if self.ends_at <= now:
            return self.State.OVER
        if self.accepted_at is None:
            return self.State.OFFERED
        return self.State.RUNNING if self.starts_at <= now else self.State.ACCEPTED

    @property
    def is_live(self) -> bool:
        """Whether it may still become or be of use: neither ended nor over."""
        return self.state in (self.State.OFFERED, self.State.ACCEPTED, self.State.RUNNING)


class Absence(TenantModel):
    """Somebody is away for a time. The note is for themselves and those who look after people; nobody else reads it."""

    person = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    note = models.CharField(max_length=300, blank=True)
    made_by = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField(default=clock.now)
    cancelled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=models.F("starts_at")), name="approvals_absence_has_a_length"
            )
        ]
        indexes = [models.Index(fields=["organization", "ends_at"], name="approvals_absence_now")]


class Emergency(TenantModel):
    """A role for some hours, because something burns. What was asked never changes; each later act is written once."""

    class State(models.TextChoices):
        ASKED = "asked", "Waits for a second person"
        RUNNING = "running", "Running"
        WITHDRAWN = "withdrawn", "Not used"
        REVIEWING = "reviewing", "To be reviewed"
        REVIEWED = "reviewed", "Reviewed"

    class Verdict(models.TextChoices):
        FITTING = "fitting", "Fitting"
        OBJECTION = "objection", "With objections"

    ref = models.CharField(max_length=16)
    number = models.PositiveIntegerField()
    person = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+")
    account = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=20)
    reason = models.TextField()
    ticket = models.CharField(max_length=80)
    hours = models.PositiveSmallIntegerField()
    asked_at = models.DateTimeField(default=clock.now)
    authenticated_at = models.DateTimeField()
    activated_at = models.DateTimeField(null=True, blank=True)
    activated_by = models.ForeignKey(
        settings.PERSON_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    activated_through = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    activator_proved_at = models.DateTimeField(null=True, blank=True)
    # Whom the alarm went to, when nobody could activate it and the person did so alone.
    alarmed = models.JSONField(default=list, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    review_due_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.PERSON_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    reviewed_at = models.DateTimeField(null=True, blank=True)
    reviewed_by = models.ForeignKey(
        settings.PERSON_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    reviewed_through = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    verdict = models.CharField(max_length=12, blank=True, choices=Verdict.choices)
    review = models.TextField(blank=True)
    # The finding that was opened because nobody reviewed it in time.
    finding_ref = models.CharField(max_length=16, blank=True)

    class Meta:
        verbose_name_plural = "emergencies"
        constraints = [models.UniqueConstraint(fields=["organization", "number"], name="approvals_emergency_number")]
        indexes = [models.Index(fields=["person", "ends_at"], name="approvals_emergency_person")]

    def __str__(self) -> str:
        return self.ref

    @property
    def over_at(self) -> datetime | None:
        """When it stopped or will stop."""
        return self.ended_at or self.ends_at

    @property
    def state(self) -> str:
        """What it is at this moment."""
        if self.activated_at is None:
            return self.State.WITHDRAWN if self.ended_at else self.State.ASKED
        if self.over_at and self.over_at > clock.now():
            return self.State.RUNNING
        return self.State.REVIEWED if self.reviewed_at else self.State.REVIEWING


class Bar(models.Model):
    """emergencies/bars.py as the guards read it: duties that nobody takes during an emergency. Written by migrations."""

    duty = models.CharField(max_length=16, primary_key=True)

    class Meta:
        db_table = "approvals_bar"

    def __str__(self) -> str:
        return self.duty


class ActionRule(models.Model):
    """approvals/actions.py as the guards read it. Written by migrations only."""

    action = models.CharField(max_length=40, primary_key=True)
    word = models.CharField(max_length=40)
    duty = models.CharField(max_length=16)
    quorum = models.CharField(max_length=16)
    roles = models.JSONField()

    class Meta:
        db_table = "approvals_action"

    def __str__(self) -> str:
        return self.action
