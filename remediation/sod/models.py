"""Hands: who took which duty on which cycle of an item, for ever. Rules: the matrix as the database reads it."""

from django.conf import settings
from django.db import models

from evidence import clock
from evidence.identifiers import uuid7
from evidence.organizations.models import Organization, TenantModel
from remediation.sod.duties import Duty


class Rule(models.Model):
    """One cell of one version of the matrix. Written by migrations only."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    matrix_version = models.PositiveIntegerField()
    number = models.CharField(max_length=8)
    held = models.CharField(max_length=16, choices=Duty.choices)
    wanted = models.CharField(max_length=16, choices=Duty.choices)
    verdict = models.CharField(max_length=1, choices=[("N", "Never"), ("C", "Conditional"), ("Y", "Yes")])
    condition = models.CharField(max_length=16, blank=True)
    sentence = models.CharField(max_length=200)
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["matrix_version", "held", "wanted"], name="sod_rule_once_per_pair"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.held} / {self.wanted}: {self.verdict}"


class Item(TenantModel):
    """One cycle of one thing that duties are taken on. Its row is what racing duties and decisions lock."""

    # An import lays a hand on every finding, so these tables carry no index that nobody reads and no check that the
    # table's policy (organization) or guard (account) makes anyway.
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    subject_type = models.CharField(max_length=60)
    subject_id = models.UUIDField()
    cycle = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subject_id", "cycle", "subject_type", "organization"], name="sod_item_once"
            ),
        ]


class Hand(TenantModel):
    """A person's hand on one cycle of an item. Append-only; `account` is the one that acted when it was laid."""

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    subject_type = models.CharField(max_length=60)
    subject_id = models.UUIDField()
    cycle = models.PositiveIntegerField()
    person = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    account = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    duty = models.CharField(max_length=16, choices=Duty.choices)
    about = models.CharField(max_length=40, blank=True)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subject_id", "cycle", "person", "duty", "subject_type", "organization"],
                name="sod_hand_once",
            ),
        ]
        # No index by person alone: the planner would take it for a lookup on an item and read all of an importer's hands.
