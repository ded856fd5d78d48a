"""Proposals: a change of the segregation policy or an exception for a small team, before and after its decision."""

from django.conf import settings
from django.db import models

from evidence import clock
from evidence.organizations.models import TenantModel


class Proposal(TenantModel):
    """What somebody wants the rules to be. Append-only: its request says what became of it."""

    class Kind(models.TextChoices):
        POLICY = "policy", "Change of the policy"
        WAIVER = "waiver", "Exception for a small team"

    ref = models.CharField(max_length=20)
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=8, choices=Kind.choices)
    body = models.JSONField()
    reason = models.TextField()
    proposed_by = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "kind", "number"], name="policies_proposal_number_once")
        ]

    def __str__(self) -> str:
        return f"{self.ref}, {self.get_kind_display().lower()}"
