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
