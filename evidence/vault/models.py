"""What is known of each sealed blob. Rows are history: the data key may be wrapped anew or destroyed, and the sealed
bytes may move to another store; what was sealed never changes."""

from django.conf import settings
from django.db import models

from evidence import clock
from evidence.organizations.models import TenantModel


class Blob(TenantModel):
    """One immutable stream of bytes. `sha256` and `size` are of the plain bytes as they came in.

    `store_version` is the store's own name for these very bytes, where it keeps versions. A blob whose key was
    destroyed stays as a row with `erased_at`: it can be counted and named, and never opened.
    """

    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField()
    kek_id = models.CharField(max_length=63)
    wrapped_key = models.BinaryField()
    backend = models.CharField(max_length=20)
    location = models.CharField(max_length=200, unique=True)
    store_version = models.CharField(max_length=1024, blank=True, default="")
    format = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField(default=clock.now)
    erased_at = models.DateTimeField(null=True, blank=True)
    erased_by = models.ForeignKey(
        settings.PERSON_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        indexes = [models.Index(fields=["organization", "sha256"], name="blob_by_content")]
        constraints = [
            models.CheckConstraint(condition=models.Q(size__gte=0), name="blob_size_not_negative"),
            models.CheckConstraint(condition=models.Q(sha256__regex=r"^[0-9a-f]{64}$"), name="blob_sha256_is_hex"),
            models.CheckConstraint(
                condition=models.Q(erased_at=None, erased_by=None) & ~models.Q(wrapped_key=b"")
                | models.Q(erased_at__isnull=False, wrapped_key=b""),
                name="blob_erased_has_no_key",
            ),
        ]


class Outcome(models.TextChoices):
    INTACT = "intact", "Intact"
    DAMAGED = "damaged", "Damaged"
    MISSING = "missing", "Missing"
    UNREAD = "unread", "Could not be read"


class BlobCheck(TenantModel):
    """The last time a blob's bytes were read and hashed again, and what was found.

    `intact_at` is the last time they were right; `damaged_since` the first check that found them wrong. A damage is
    never forgotten because a later check could not read: it ends when the bytes are right again.
    """

    blob = models.OneToOneField(Blob, on_delete=models.PROTECT, related_name="check_state")
    outcome = models.CharField(max_length=8, choices=Outcome)
    problem = models.CharField(max_length=40, blank=True)
    words = models.CharField(max_length=500, blank=True)
    checked_at = models.DateTimeField()
    intact_at = models.DateTimeField(null=True, blank=True)
    damaged_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["organization", "checked_at"], name="blob_check_by_age"),
            models.Index(
                fields=["organization"],
                name="blob_check_alarm",
                condition=models.Q(outcome__in=["damaged", "missing"]),
            ),
        ]
