"""Requests bound to content, the decisions on them, and who was asked to look."""

import json
from typing import Any

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

    class Meta:
        constraints = [models.UniqueConstraint(fields=["request", "person"], name="approvals_decision_once_per_person")]


class Nudge(TenantModel):
    """Somebody was asked to decide; it shows in their queue until they or others have. Append-only."""

    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="nudges")
    person = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_by = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+")
    message = models.TextField(blank=True)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        indexes = [models.Index(fields=["person", "request"], name="approvals_nudge_person")]


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
