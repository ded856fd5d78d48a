"""What the nightly check on duties found: rounds over all history, and each conflict once. Append-only."""

from django.conf import settings
from django.db import models

from evidence import clock
from evidence.organizations.models import TenantModel


class Round(TenantModel):
    """One whole check: what was judged, by which rules, and how the history stood."""

    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(default=clock.now)
    # Rows judged by kind of judgement.
    judged = models.JSONField()
    found = models.PositiveIntegerField()
    rules_sha256 = models.CharField(max_length=64)
    ledger_size = models.PositiveBigIntegerField()
    ledger_root = models.CharField(max_length=64, blank=True)
    started_by = models.ForeignKey(
        settings.PERSON_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )

    class Meta:
        indexes = [models.Index(fields=["organization", "-ended_at"], name="watch_round_newest")]


class Conflict(TenantModel):
    """A rule that the records show broken: by whom, on what, by which act. Found once, kept for ever."""

    kind = models.CharField(max_length=20)
    rule = models.CharField(max_length=8)
    sentence = models.CharField(max_length=240)
    subject_type = models.CharField(max_length=60)
    subject_id = models.UUIDField()
    subject_ref = models.CharField(max_length=40, blank=True)
    cycle = models.PositiveIntegerField()
    person = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    # The other person of the records, where the conflict is one human being's through two of them.
    other = models.ForeignKey(
        settings.PERSON_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    # One key for all persons of the human being when it was found, so that one conflict stands once.
    voice = models.UUIDField()
    act_type = models.CharField(max_length=60)
    act_id = models.UUIDField()
    act_at = models.DateTimeField(null=True)
    matrix_version = models.PositiveIntegerField(null=True)
    # False for what would be one only if an unconfirmed claim about two accounts is true.
    is_proven = models.BooleanField(default=True)
    found_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "rule", "subject_id", "cycle", "voice", "is_proven"], name="watch_conflict_once"
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "-found_at", "-id"], name="watch_conflict_newest"),
            models.Index(fields=["act_id"], name="watch_conflict_act"),
        ]


class Case(TenantModel):
    """The finding that a proven conflict opened."""

    conflict = models.OneToOneField(Conflict, on_delete=models.PROTECT, related_name="case")
    finding = models.ForeignKey("findings.Finding", on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=clock.now)


class Report(TenantModel):
    """A report that was too long to print while somebody waits: its file, kept in the vault."""

    start = models.DateField()
    end = models.DateField()
    blob = models.ForeignKey("vault.Blob", on_delete=models.PROTECT, related_name="+", db_index=False)
    sha256 = models.CharField(max_length=64)
    pages = models.PositiveIntegerField()
    made_by = models.ForeignKey(
        settings.PERSON_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    made_at = models.DateTimeField(default=clock.now)
