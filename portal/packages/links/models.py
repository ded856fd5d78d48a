"""Links and their uses. What opens a link is kept as hashes alone."""

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from evidence import clock
from evidence.organizations.models import TenantModel, VersionedModel
from portal.packages.models import Package

LONGEST_DAYS = 90


class Link(VersionedModel):
    """For one recipient to one package, until `ends_at` or until it is taken back."""

    ref = models.CharField(max_length=16)
    package = models.ForeignKey(Package, on_delete=models.PROTECT, related_name="links")
    recipient = models.CharField(max_length=120)
    email = models.EmailField(max_length=254)
    token_sha256 = models.CharField(max_length=64, unique=True)
    passphrase_sha256 = models.CharField(max_length=64, blank=True)
    ends_at = models.DateTimeField()
    made_by = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.ForeignKey(
        settings.PERSON_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "ref"], name="package_link_ref_once"),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("created_at"))
                & Q(ends_at__lte=F("created_at") + timedelta(days=LONGEST_DAYS)),
                name="package_link_ends_in_time",
            ),
            models.CheckConstraint(
                condition=Q(revoked_at=None, revoked_by=None) | Q(revoked_at__isnull=False, revoked_by__isnull=False),
                name="package_link_revoked_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return self.ref

    @property
    def state(self) -> str:
        """What pages say of it: open, ended or revoked."""
        if self.revoked_at is not None:
            return "revoked"
        return "open" if self.ends_at > clock.now() else "ended"


class Use(TenantModel):
    """One opening or download. Append-only; the database refuses one of a link that is not open."""

    class What(models.TextChoices):
        OPENED = "opened", "Opened the page"
        PDF = "pdf", "Downloaded the PDF"
        PROOF = "proof", "Downloaded the proof"
        VOLUME = "volume", "Downloaded a volume of exhibits"

    link = models.ForeignKey(Link, on_delete=models.PROTECT, related_name="uses")
    what = models.CharField(max_length=6, choices=What)
    at = models.DateTimeField(default=clock.now)

    def __str__(self) -> str:
        return f"{self.link_id} {self.what}"


class Release(TenantModel):
    """A sealed package that the auditors of its engagement may see. What they may have read is not taken back."""

    package = models.OneToOneField(Package, on_delete=models.PROTECT, related_name="release")
    released_by = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    released_at = models.DateTimeField(default=clock.now)

    def __str__(self) -> str:
        return f"{self.package_id} released"
