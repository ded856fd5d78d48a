"""What is known of each sealed blob. Rows are history: only the wrapping of the data key may be renewed."""

from django.db import models

from evidence import clock
from evidence.organizations.models import TenantModel


class Blob(TenantModel):
    """One immutable stream of bytes. `sha256` and `size` are of the plain bytes as they came in."""

    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField()
    kek_id = models.CharField(max_length=63)
    wrapped_key = models.BinaryField()
    backend = models.CharField(max_length=20)
    location = models.CharField(max_length=200, unique=True)
    format = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        indexes = [models.Index(fields=["organization", "sha256"], name="blob_by_content")]
        constraints = [
            models.CheckConstraint(condition=models.Q(size__gte=0), name="blob_size_not_negative"),
            models.CheckConstraint(condition=models.Q(sha256__regex=r"^[0-9a-f]{64}$"), name="blob_sha256_is_hex"),
        ]
