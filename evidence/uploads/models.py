"""Files that come in pieces, over hours or days: what was announced, how far it came, and the pieces that are here.

These rows are no history: they go when the file is recorded, stopped or forgotten. What is recorded is the evidence.
"""

from django.conf import settings
from django.db import models

from evidence import clock
from evidence.artifacts.models import Artifact
from evidence.organizations.models import TenantModel


class State(models.TextChoices):
    RECEIVING = "receiving", "Receiving"
    RECORDED = "recorded", "Recorded"
    STOPPED = "stopped", "Stopped"
    EXPIRED = "expired", "Ran out"


class Upload(TenantModel):
    """One file on its way in. It belongs to the person who began it; `offset` is how much of it is kept for certain."""

    person = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+")
    account = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    filename = models.CharField(max_length=200)
    claimed_mime = models.CharField(max_length=120, blank=True)
    expected_sha256 = models.CharField(max_length=64, blank=True)
    told = models.JSONField(default=dict)
    length = models.BigIntegerField()
    offset = models.BigIntegerField(default=0)
    kek_id = models.CharField(max_length=63)
    wrapped_key = models.BinaryField()
    state = models.CharField(max_length=12, choices=State, default=State.RECEIVING)
    artifact = models.ForeignKey(Artifact, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["organization", "person", "state", "-id"], name="upload_of_person"),
            models.Index(fields=["organization", "expires_at"], name="upload_by_expiry"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(offset__gte=0, offset__lte=models.F("length")), name="upload_offset_within_length"
            ),
            models.CheckConstraint(
                condition=~models.Q(state=State.RECORDED) | models.Q(offset=models.F("length"), artifact__isnull=False),
                name="upload_recorded_is_whole",
            ),
        ]


class Part(TenantModel):
    """One sealed piece: `size` plain bytes from `start` on. Its id is bound into its sealing."""

    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="parts")
    start = models.BigIntegerField()
    size = models.BigIntegerField()
    location = models.CharField(max_length=200, unique=True)

    class Meta:
        ordering = ["start"]
        constraints = [
            models.UniqueConstraint(fields=["upload", "start"], name="upload_part_once"),
            models.CheckConstraint(condition=models.Q(size__gt=0, start__gte=0), name="upload_part_not_empty"),
        ]
