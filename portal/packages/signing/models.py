"""Who signed which sealed package: one row each, written with the seal and never changed."""

from django.db import models
from django.db.models import Q

from evidence import clock
from evidence.organizations.models import TenantModel
from portal.packages.models import Package
from portal.packages.signing.levels import LASTING, Level


class Signature(TenantModel):
    """`closed_bytes` is how long the file was before it was signed: what its own fingerprint covers."""

    package = models.OneToOneField(Package, on_delete=models.PROTECT, related_name="signature")
    level = models.CharField(max_length=5, choices=Level)
    # The portal's own seal, when the organization has given no certificate.
    is_own = models.BooleanField()
    signer = models.CharField(max_length=300)
    issuer = models.CharField(max_length=300)
    certificate_sha256 = models.CharField(max_length=64)
    signed_at = models.DateTimeField(default=clock.now)
    # What the time-stamping authority said; without one the time is this portal's own.
    stamped_at = models.DateTimeField(null=True, blank=True)
    authority = models.CharField(max_length=300, blank=True)
    closed_bytes = models.PositiveBigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(level=Level.BASIC, stamped_at=None) | (~Q(level=Level.BASIC) & Q(stamped_at__isnull=False)),
                name="signature_stamped_as_its_level",
            ),
            models.CheckConstraint(
                condition=Q(is_own=False) | ~Q(level__in=LASTING), name="signature_own_is_never_lasting"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.level} signature of {self.package_id}"

    @property
    def is_lasting(self) -> bool:
        return self.level in LASTING

    @property
    def at(self) -> models.DateTimeField:
        """The moment to name: the authority's when there is one."""
        return self.stamped_at or self.signed_at
