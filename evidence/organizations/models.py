"""Organizations, their numbering and their policies; the two bases every tenant row is built on."""

from django.conf import settings
from django.db import models

from evidence import clock
from evidence.identifiers import uuid7


class Organization(models.Model):
    """Whose records these are. `timezone` is an IANA name: periods and due dates are counted in it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.SlugField(max_length=50, unique=True)
    name = models.CharField(max_length=200)
    timezone = models.CharField(max_length=64, default="UTC")
    is_sample = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class TenantModel(models.Model):
    """A row of one organization. The table's policy, not this class, keeps the others out."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")

    class Meta:
        abstract = True


class VersionedModel(TenantModel):
    """A row with a life: `version` rises with every change and is what If-Match compares."""

    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        abstract = True


class Counter(TenantModel):
    """The last public number given for a prefix. It only rises, so a number is never used again."""

    prefix = models.CharField(max_length=8)
    last = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "prefix"], name="counter_once_per_prefix")]


class Policy(TenantModel):
    """One version of one of the organization's settings (PRACTICE.md, items marked default). Append-only."""

    kind = models.CharField(max_length=40)
    version = models.PositiveIntegerField()
    body = models.JSONField()
    effective_from = models.DateTimeField(default=clock.now)
    set_by = models.ForeignKey(settings.PERSON_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    # The granted request that a version of "sod" or "quorum" stands by (rule Q-01).
    request_id = models.UUIDField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "policies"
        constraints = [
            models.UniqueConstraint(fields=["organization", "kind", "version"], name="policy_version_once"),
        ]
