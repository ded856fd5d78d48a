"""Packages: which snapshot of which engagement, as which file, in whose hands."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from evidence import clock
from evidence.organizations.models import TenantModel, VersionedModel
from evidence.vault.models import Blob
from portal.engagements.models import Engagement
from portal.jobs.models import Job
from portal.packages import outlines


class State(models.TextChoices):
    DRAFT = "draft", "Draft"
    IN_REVIEW = "in_review", "In review"
    SEALED = "sealed", "Sealed"
    SUPERSEDED = "superseded", "Superseded"


FINAL = (State.SEALED, State.SUPERSEDED)


class Paper(models.TextChoices):
    A4 = "A4", "A4"
    LETTER = "letter", "Letter"


class Package(VersionedModel):
    """One issue of a package. `sha256` is that of the finished PDF, empty until it has been made.

    Sealing prints the reviewed snapshot once more, with the seal in place of the draft mark.
    """

    ref = models.CharField(max_length=16)
    number = models.PositiveIntegerField()
    issue = models.PositiveIntegerField(default=1)
    # The change that this issue makes, for its document control.
    change = models.CharField(max_length=200, blank=True)
    engagement = models.ForeignKey(Engagement, on_delete=models.PROTECT, related_name="packages")
    title = models.CharField(max_length=200)
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT)
    paper = models.CharField(max_length=6, choices=Paper, default=Paper.A4)
    template = models.CharField(max_length=16, choices=outlines.CHOICES, default=outlines.FULL.key)
    # Its sections in order and what the template asked for (planning.py); it goes into the snapshot.
    chosen = models.JSONField(default=dict, blank=True)

    # Its preparer confirmed that restricted findings they are let in to may be read by whoever reads the package.
    with_restricted = models.BooleanField(default=False)

    snapshot = models.ForeignKey(
        Blob, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    manifest = models.ForeignKey(
        Blob, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    # Every file that was made for it, as one archive: each can be taken on its own, byte for byte as the manifest says.
    made = models.ForeignKey(Blob, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    pdf = models.ForeignKey(Blob, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    snapshot_sha256 = models.CharField(max_length=64, blank=True)
    manifest_sha256 = models.CharField(max_length=64, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    size = models.PositiveBigIntegerField(default=0)
    pages = models.PositiveIntegerField(default=0)
    finding_count = models.PositiveIntegerField(default=0)
    exhibit_count = models.PositiveIntegerField(default=0)
    ledger_size = models.PositiveBigIntegerField(default=0)
    as_of = models.DateTimeField(null=True, blank=True)
    built_at = models.DateTimeField(null=True, blank=True)
    # The event that recorded the file's SHA-256.
    recorded_by_event = models.UUIDField(null=True, blank=True)
    peak_bytes = models.PositiveBigIntegerField(default=0)
    build_seconds = models.DecimalField(max_digits=9, decimal_places=2, default=0)

    prepared_by = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    submitted_at = models.DateTimeField(null=True, blank=True)
    approved_by = models.ForeignKey(
        settings.PERSON_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    approved_at = models.DateTimeField(null=True, blank=True)
    sealed_at = models.DateTimeField(null=True, blank=True)
    superseded_at = models.DateTimeField(null=True, blank=True)
    job = models.ForeignKey(Job, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "number", "issue"], name="package_issue_once"),
            models.CheckConstraint(condition=Q(issue__gte=1), name="package_issue_from_one"),
            models.CheckConstraint(
                condition=Q(template__in=[key for key, _ in outlines.CHOICES]), name="package_template_known"
            ),
            models.CheckConstraint(
                condition=Q(approved_by=None) | ~Q(approved_by=F("prepared_by")), name="package_approver_is_another"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["sealed", "superseded"]) | (Q(approved_by__isnull=False) & ~Q(sha256="")),
                name="package_sealed_was_approved",
            ),
        ]
        indexes = [models.Index(fields=["organization", "-number", "-issue"], name="package_newest")]

    def __str__(self) -> str:
        return f"{self.ref} issue {self.issue}"

    @property
    def is_built(self) -> bool:
        return bool(self.sha256)

    @property
    def is_final(self) -> bool:
        return self.state in FINAL

    @property
    def stem(self) -> str:
        return f"{self.ref}-issue-{self.issue}"

    @property
    def filename(self) -> str:
        return f"{self.stem}.pdf"


class Letterhead(TenantModel):
    """One version of how the organization's documents look. Append-only; `logo` is a PNG that was made here.

    The database refuses an accent on which white text can't be read, and a logo that is large or no PNG (guards.py).
    """

    version = models.PositiveIntegerField()
    name = models.CharField(max_length=200, blank=True)
    address = models.TextField(blank=True)
    accent = models.CharField(max_length=7, blank=True)
    paper = models.CharField(max_length=6, choices=Paper, default=Paper.A4)
    logo = models.BinaryField(null=True, blank=True)
    set_by = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    set_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "version"], name="letterhead_version_once")]

    def __str__(self) -> str:
        return f"Documents, version {self.version}"


class Volume(TenantModel):
    """A volume of a package's exhibits. Those of a draft go with its next printing; those of a sealed package stay."""

    package = models.ForeignKey(Package, on_delete=models.PROTECT, related_name="volumes")
    number = models.PositiveIntegerField()
    # As the manifest names it.
    filename = models.CharField(max_length=80)
    pdf = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+", db_index=False)
    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()
    pages = models.PositiveIntegerField()

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["package", "number"], name="volume_number_once")]

    def __str__(self) -> str:
        return self.filename
