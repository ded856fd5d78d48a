"""How long evidence is kept, what stops its disposal, and how it was disposed of. Every row here is history.

A request, a decision and a certificate are three rows, so that each is one person's act that nobody can edit; a hold
and its release are two.
"""

from django.conf import settings
from django.db import models

from evidence import clock
from evidence.artifacts.models import Artifact, ArtifactVersion
from evidence.organizations.models import TenantModel


class RetentionClass(models.TextChoices):
    EVIDENCE = "evidence", "Evidence"
    STUDENT_DATA = "student_data", "Raw student data"
    DRAFT = "draft", "Drafts"
    PACKAGE = "package", "Packages"


class Trigger(models.TextChoices):
    PERIOD_END = "period_end", "the end of the period it covers"
    RECEIVED = "received", "the day it was received"
    LAST_NEED = "last_need", "the day it was last needed"
    ENGAGEMENT_END = "engagement_end", "the end of the engagement"


class HoldKind(models.TextChoices):
    LEGAL = "legal", "Legal hold"
    ACCESS_REQUEST = "access_request", "Access request (FERPA)"


class Scope(models.TextChoices):
    ORGANIZATION = "organization", "All evidence"
    ENGAGEMENT = "engagement", "An engagement"
    FINDING = "finding", "A finding"
    ARTIFACT = "artifact", "One piece of evidence"


class Verdict(models.TextChoices):
    APPROVED = "approved", "Approved"
    REFUSED = "refused", "Refused"
    WITHDRAWN = "withdrawn", "Withdrawn"


class Classification(TenantModel):
    """The class somebody gave an artifact; the newest counts. `needed_until` is the day that years run from, where
    neither the file nor its arrival says it."""

    artifact = models.ForeignKey(Artifact, on_delete=models.PROTECT, related_name="classifications")
    retention_class = models.CharField(max_length=16, choices=RetentionClass)
    needed_until = models.DateField(null=True)
    reason = models.TextField()
    person = models.ForeignKey(settings.PERSON_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=clock.now)

    class Meta:
        indexes = [models.Index(fields=["artifact", "-at"], name="classification_newest")]


class Proposal(TenantModel):
    """The daily sweep found that an artifact's time is over. It disposes of nothing."""

    artifact = models.ForeignKey(Artifact, on_delete=models.PROTECT, related_name="+")
    retention_class = models.CharField(max_length=16, choices=RetentionClass)
    dispose_after = models.DateField()
    policy_version = models.PositiveIntegerField()
    at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["artifact", "dispose_after"], name="proposal_once_per_date"),
        ]


class Hold(TenantModel):
    """Nothing that it covers is disposed of while it stands. `target` is empty when it covers everything."""

    ref = models.CharField(max_length=16)
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=16, choices=HoldKind)
    scope = models.CharField(max_length=16, choices=Scope)
    target_type = models.CharField(max_length=60, blank=True)
    target_id = models.UUIDField(null=True)
    target_ref = models.CharField(max_length=40, blank=True)
    matter = models.CharField(max_length=120)
    reason = models.TextField()
    set_by = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "number"], name="hold_number_once"),
            models.CheckConstraint(
                condition=models.Q(scope="organization", target_id=None)
                | (~models.Q(scope="organization") & models.Q(target_id__isnull=False)),
                name="hold_says_what_it_covers",
            ),
        ]

    def __str__(self) -> str:
        return self.ref


class HoldRelease(TenantModel):
    """The end of a hold, by somebody who neither set it nor wants what it kept to go."""

    hold = models.OneToOneField(Hold, on_delete=models.PROTECT, related_name="release")
    reason = models.TextField()
    person = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=clock.now)
    authenticated_at = models.DateTimeField()


class StoreHold(TenantModel):
    """The store's own legal hold on a file, where it lies now. `stands` is false where the store has no such holds."""

    blob = models.OneToOneField("vault.Blob", on_delete=models.PROTECT, related_name="+")
    backend = models.CharField(max_length=20)
    store_version = models.CharField(max_length=1024, blank=True)
    stands = models.BooleanField()
    at = models.DateTimeField(default=clock.now)

    def __str__(self) -> str:
        return f"{self.backend} {self.blob_id}"


class Disposal(TenantModel):
    """Somebody asks that files be destroyed: why, and by what authority. `is_early`: before the policy's date."""

    ref = models.CharField(max_length=16)
    number = models.PositiveIntegerField()
    artifact = models.ForeignKey(Artifact, on_delete=models.PROTECT, related_name="disposals")
    reason = models.TextField()
    authority = models.CharField(max_length=200)
    retention_class = models.CharField(max_length=16, choices=RetentionClass)
    dispose_after = models.DateField(null=True)
    policy_version = models.PositiveIntegerField()
    is_early = models.BooleanField()
    requested_by = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "number"], name="disposal_number_once")]
        indexes = [models.Index(fields=["organization", "-number"], name="disposal_newest")]

    def __str__(self) -> str:
        return self.ref


class DisposalItem(TenantModel):
    """One file of the request. What is approved is exactly these."""

    disposal = models.ForeignKey(Disposal, on_delete=models.PROTECT, related_name="items")
    file = models.ForeignKey(ArtifactVersion, on_delete=models.PROTECT, related_name="disposal_items")
    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["disposal", "file"], name="disposal_item_once")]


class DisposalDecision(TenantModel):
    """One word on a request: somebody else's, or its own maker's who takes it back."""

    disposal = models.OneToOneField(Disposal, on_delete=models.PROTECT, related_name="decision")
    verdict = models.CharField(max_length=12, choices=Verdict)
    reason = models.TextField()
    person = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=clock.now)
    authenticated_at = models.DateTimeField(null=True)


class Certificate(TenantModel):
    """The files' keys are destroyed: when, and the event that proves it."""

    disposal = models.OneToOneField(Disposal, on_delete=models.PROTECT, related_name="certificate")
    at = models.DateTimeField(default=clock.now)
    event_id = models.UUIDField()
    files = models.PositiveIntegerField()
    size = models.BigIntegerField()
