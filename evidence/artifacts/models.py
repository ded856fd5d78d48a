"""Evidence records: what a file is said to show, its versions, what it is linked to, and who judged it.

Versions, links and reviews are history: they are added, never changed or removed.
"""

from django.conf import settings
from django.db import models

from evidence import clock
from evidence.controls.models import EvidenceKind
from evidence.organizations.models import TenantModel, VersionedModel
from evidence.vault.models import Blob


class State(models.TextChoices):
    RECEIVED = "received", "Received"
    QUARANTINED = "quarantined", "Quarantined"
    ACCEPTED = "accepted", "Accepted"
    RETURNED = "returned", "Returned"
    DISPOSED = "disposed", "Disposed of"


class ScanState(models.TextChoices):
    NOT_SCANNED = "not_scanned", "Not scanned"
    WAITING = "waiting", "Waiting for the scan"
    CLEAN = "clean", "Scanned, clean"
    INFECTED = "infected", "Infected"
    UNSCANNABLE = "unscannable", "Could not be scanned"


class PersonalState(models.TextChoices):
    """Whether a search for personal data was made, and what came of it. Unreadable is neither clear nor found."""

    PENDING = "pending", "Being searched for personal data"
    CLEAR = "clear", "No personal data found"
    FOUND = "found", "May hold personal data"
    UNREADABLE = "unreadable", "Could not be searched"


class Method(models.TextChoices):
    EXPORT = "export", "Exported from the system"
    API = "api", "Read through an API"
    SCREENSHOT = "screenshot", "Screenshot"
    INTERVIEW = "interview", "Interview or written statement"
    GENERATED = "generated", "Produced by this portal"
    OTHER = "other", "Another way"


class Verdict(models.TextChoices):
    ACCEPTED = "accepted", "Accepted"
    RETURNED = "returned", "Returned"
    RELEASED = "released", "Released from quarantine"


class RedactionMethod(models.TextChoices):
    UPLOAD = "upload", "A masked copy was uploaded"
    MASK = "mask", "Values were masked by the portal"
    BOXES = "boxes", "Areas were blacked out by the portal"


class RedactionVerdict(models.TextChoices):
    APPROVED = "approved", "The copy stands for the original"
    REFUSED = "refused", "The copy is not good enough"
    UNNEEDED = "unneeded", "The original needs no redaction"


class Artifact(VersionedModel):
    """One piece of evidence through all its versions. `fresh_until` is null while nothing says how long it holds."""

    ref = models.CharField(max_length=16)
    number = models.PositiveIntegerField()
    title = models.CharField(max_length=200)
    kind = models.CharField(max_length=12, choices=EvidenceKind)
    state = models.CharField(max_length=12, choices=State, default=State.RECEIVED)
    latest = models.OneToOneField(
        "ArtifactVersion", null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    created_by = models.ForeignKey(settings.PERSON_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    fresh_until = models.DateField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "number"], name="artifact_number_once"),
            models.UniqueConstraint(fields=["organization", "ref"], name="artifact_ref_once"),
        ]
        indexes = [
            models.Index(fields=["organization", "state", "-number"], name="artifact_by_state"),
            models.Index(fields=["organization", "fresh_until"], name="artifact_by_freshness"),
        ]

    def __str__(self) -> str:
        return f"{self.ref} {self.title}"


class ArtifactVersion(TenantModel):
    """One immutable file of an artifact, with what is known of where it comes from (PRACTICE.md section 5)."""

    artifact = models.ForeignKey(Artifact, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    blob = models.OneToOneField(Blob, on_delete=models.PROTECT, related_name="artifact_version")
    filename = models.CharField(max_length=200)
    size = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    mime = models.CharField(max_length=120)
    claimed_mime = models.CharField(max_length=120, blank=True)
    note = models.CharField(max_length=200, blank=True)
    uploaded_by = models.ForeignKey(settings.PERSON_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    received_at = models.DateTimeField(default=clock.now)
    period_from = models.DateField(null=True)
    period_to = models.DateField(null=True)
    as_of = models.DateTimeField(null=True)
    collected_at = models.DateTimeField(null=True)
    collector = models.ForeignKey(settings.PERSON_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    method = models.CharField(max_length=12, choices=Method, default=Method.EXPORT)
    source_system = models.CharField(max_length=200, blank=True)
    is_production = models.BooleanField(null=True)
    query = models.TextField(blank=True)
    tool_version = models.CharField(max_length=120, blank=True)
    row_count = models.BigIntegerField(null=True)
    ipe = models.JSONField(default=dict)
    intake_notes = models.JSONField(default=list)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["artifact", "number"], name="artifact_version_once"),
            models.CheckConstraint(
                condition=models.Q(period_from=None, period_to=None)
                | models.Q(period_from__isnull=False, period_to__gte=models.F("period_from")),
                name="artifact_period_in_order",
            ),
        ]
        indexes = [models.Index(fields=["organization", "sha256"], name="artifact_version_by_content")]

    @property
    def scan(self) -> "Scan | None":
        """The result that counts: malware once found stays found, else the last one."""
        rows = sorted(self.scans.all(), key=lambda row: row.number)
        return next((row for row in rows if row.outcome == ScanState.INFECTED), rows[-1] if rows else None)

    @property
    def scan_state(self) -> str:
        found = self.scan
        return found.outcome if found else ScanState.NOT_SCANNED

    def get_scan_state_display(self) -> str:
        return str(ScanState(self.scan_state).label)

    @property
    def personal(self) -> "PersonalCheck | None":
        """The last search for personal data."""
        rows = sorted(self.personal_checks.all(), key=lambda row: row.number)
        return rows[-1] if rows else None

    @property
    def is_held(self) -> bool:
        """Whether it waits for a person's word on personal data, or for the search itself."""
        found = self.personal
        return found is not None and found.holds


class ArtifactLink(TenantModel):
    """An artifact is used by something: a control, task, finding, run. `closing` marks evidence given to close it."""

    artifact = models.ForeignKey(Artifact, on_delete=models.PROTECT, related_name="links")
    target_type = models.CharField(max_length=60)
    target_id = models.UUIDField()
    target_ref = models.CharField(max_length=40, blank=True)
    closing = models.BooleanField(default=False)
    linked_by = models.ForeignKey(settings.PERSON_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["artifact", "target_type", "target_id", "closing"], name="artifact_link_once"
            ),
        ]
        indexes = [models.Index(fields=["organization", "target_type", "target_id"], name="artifact_link_by_target")]


class ArtifactReview(TenantModel):
    """A person's judgement of one version. Nobody judges what they uploaded or collected."""

    artifact = models.ForeignKey(Artifact, on_delete=models.PROTECT, related_name="reviews")
    reviewed = models.ForeignKey(ArtifactVersion, on_delete=models.PROTECT, related_name="reviews")
    verdict = models.CharField(max_length=12, choices=Verdict)
    reason = models.TextField(blank=True)
    person = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["at"]


class Redaction(TenantModel):
    """A version made from an earlier one to show less. The original stays, and stays at home.

    `recipe` says what was masked by kind and count, never the masked values themselves. `state_before` is the state of
    the artifact before the copy came, for the case that none was needed.
    """

    artifact = models.ForeignKey(Artifact, on_delete=models.PROTECT, related_name="redactions")
    original = models.ForeignKey(ArtifactVersion, on_delete=models.PROTECT, related_name="redactions")
    redacted = models.OneToOneField(ArtifactVersion, on_delete=models.PROTECT, related_name="redaction")
    method = models.CharField(max_length=12, choices=RedactionMethod)
    recipe = models.JSONField(default=dict)
    reason = models.TextField()
    state_before = models.CharField(max_length=20)
    redacted_by = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["at"]


class RedactionDecision(TenantModel):
    """Somebody else's word on a redacted copy."""

    redaction = models.OneToOneField(Redaction, on_delete=models.PROTECT, related_name="decision")
    verdict = models.CharField(max_length=12, choices=RedactionVerdict)
    reason = models.TextField(blank=True)
    person = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=clock.now)


class Scan(TenantModel):
    """One attempt to search a version for malware. A row that waits is followed by another."""

    scanned = models.ForeignKey(ArtifactVersion, on_delete=models.PROTECT, related_name="scans")
    number = models.PositiveIntegerField()
    outcome = models.CharField(max_length=12, choices=ScanState)
    signature = models.CharField(max_length=200, blank=True)
    engine = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["scanned", "number"], name="artifact_scan_once"),
            models.CheckConstraint(
                condition=models.Q(outcome__in=["waiting", "clean", "infected", "unscannable"]),
                name="artifact_scan_outcome",
            ),
        ]


class PersonalCheck(TenantModel):
    """One search of a version for personal data: kinds, places and counts, never values."""

    checked = models.ForeignKey(ArtifactVersion, on_delete=models.PROTECT, related_name="personal_checks")
    number = models.PositiveIntegerField()
    outcome = models.CharField(max_length=12, choices=PersonalState)
    places = models.JSONField(default=list)
    is_whole = models.BooleanField(default=True)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["checked", "number"], name="artifact_personal_check_once"),
            models.CheckConstraint(
                condition=models.Q(outcome__in=["pending", "clear", "found", "unreadable"]),
                name="artifact_personal_outcome",
            ),
        ]

    @property
    def holds(self) -> bool:
        if self.outcome == PersonalState.PENDING:
            return True
        return self.outcome == PersonalState.FOUND and getattr(self, "decision", None) is None


class PersonalDecision(TenantModel):
    """A person's word that what was found is not personal data, or may be kept as it is, with the reason."""

    check_of = models.OneToOneField(PersonalCheck, on_delete=models.PROTECT, related_name="decision")
    reason = models.TextField()
    person = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~models.Q(reason=""), name="artifact_personal_decision_has_reason")
        ]
