"""Hands: who took which duty on which cycle of an item, for ever. Rules: the matrix as the database reads it.

Waivers: the dated exceptions of a small team, and each hand that one carried.
"""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
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


class ToxicPair(models.Model):
    """Two roles that never meet in one person, in one version of the matrix. Written by migrations only."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    matrix_version = models.PositiveIntegerField()
    number = models.CharField(max_length=8)
    one = models.CharField(max_length=20)
    other = models.CharField(max_length=20)
    sentence = models.CharField(max_length=200)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["matrix_version", "one", "other"], name="sod_toxicpair_once")]

    def __str__(self) -> str:
        return f"{self.number} {self.one} / {self.other}"


class Waiver(TenantModel):
    """A dated exception: `person` may do what `rules` forbid, while the team is small, until `ends_at`.

    It stands only by its granted request and is never changed, only ended. `reviewer` is the person outside who looks
    at what it carried.
    """

    ref = models.CharField(max_length=20)
    number = models.PositiveIntegerField()
    # Nobody carries an exception from the quorum.
    person = models.ForeignKey(settings.PERSON_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    rules = ArrayField(models.CharField(max_length=8))
    reason = models.TextField()
    reviewer = models.CharField(max_length=200)
    starts_at = models.DateTimeField(default=clock.now)
    ends_at = models.DateTimeField()
    request_id = models.UUIDField(unique=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.PERSON_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    ended_why = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "number"], name="sod_waiver_number_once")]
        indexes = [models.Index(fields=["organization", "person", "ends_at"], name="sod_waiver_person")]

    @property
    def is_in_force(self) -> bool:
        """Whether its dates hold now. Whether the team is still small is asked when a duty is taken."""
        return self.ended_at is None and self.starts_at <= clock.now() < self.ends_at


class WaiverUse(TenantModel):
    """One hand that an exception carried. Written by the database beside the hand; append-only."""

    waiver = models.ForeignKey(Waiver, on_delete=models.PROTECT, related_name="uses")
    subject_type = models.CharField(max_length=60)
    subject_id = models.UUIDField()
    cycle = models.PositiveIntegerField()
    person = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+")
    duty = models.CharField(max_length=16, choices=Duty.choices)
    rule = models.CharField(max_length=8)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        indexes = [models.Index(fields=["subject_id", "cycle"], name="sod_waiveruse_subject")]
