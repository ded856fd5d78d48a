"""Findings and what hangs on them: criteria, controls, links, comments, occurrences and import batches.

A finding is never deleted and its identity never changes; guards.py holds that line below Python.
"""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from evidence import clock
from evidence.organizations.models import Organization, TenantModel, VersionedModel
from remediation.findings.states import (
    OPEN,
    UNTRIAGED,
    AuditRating,
    LinkKind,
    RootCause,
    Severity,
    Source,
    State,
)


class Finding(VersionedModel):
    """One weakness, from its report to its end. `cycle` counts its lives: reopening starts the next."""

    # Every list has an index that begins with it; one of its own would only slow down imports.
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+", db_index=False)
    ref = models.CharField(max_length=16)
    number = models.PositiveIntegerField()
    title = models.CharField(max_length=300)
    description = models.TextField(blank=True)
    source = models.CharField(max_length=20, choices=Source.choices)
    # Where the source says it: a report's page, a ticket, a scan's own id.
    source_ref = models.CharField(max_length=200, blank=True)
    tool = models.CharField(max_length=80, blank=True)
    rule_id = models.CharField(max_length=200, blank=True)
    fingerprint = models.CharField(max_length=64, blank=True)
    asset = models.CharField(max_length=500, blank=True)

    detected_at = models.DateTimeField()
    reported_at = models.DateTimeField(null=True, blank=True)
    imported_at = models.DateTimeField(null=True, blank=True)
    triaged_at = models.DateTimeField(null=True, blank=True)
    remediated_at = models.DateTimeField(null=True, blank=True)
    verified_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    # The clock's start: detection, or the reopening when that came more than 90 days after closing.
    clock_started_at = models.DateTimeField()
    triage_due_at = models.DateTimeField()
    due_at = models.DateTimeField()
    current_due_at = models.DateTimeField()

    severity = models.CharField(max_length=10, choices=Severity.choices)
    original_severity = models.CharField(max_length=10, choices=Severity.choices)
    severity_rationale = models.TextField(blank=True)
    severity_since = models.DateTimeField(default=clock.now)
    likelihood = models.PositiveSmallIntegerField(null=True, blank=True)
    impact = models.PositiveSmallIntegerField(null=True, blank=True)
    cvss_vector = models.CharField(max_length=200, blank=True)
    cvss_source = models.CharField(max_length=80, blank=True)
    kev = models.BooleanField(default=False)
    audit_rating = models.CharField(max_length=20, choices=AuditRating.choices, blank=True)

    state = models.CharField(max_length=24, choices=State.choices, default=State.DRAFT)
    state_since = models.DateTimeField(default=clock.now)
    # Where a pending or deferred finding came from, and goes back to.
    returns_to = models.CharField(max_length=24, choices=State.choices, blank=True)
    cycle = models.PositiveIntegerField(default=1)
    # The granted requests that already moved this finding. Only the trigger writes it, so that none counts twice.
    passes = ArrayField(models.UUIDField(), default=list, editable=False)

    finder = models.ForeignKey(
        settings.PERSON_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    owner = models.ForeignKey(
        settings.PERSON_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    assignee = models.ForeignKey(
        settings.PERSON_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )

    root_cause_class = models.CharField(max_length=12, choices=RootCause.choices, blank=True)
    root_cause = models.TextField(blank=True)
    scope_check = models.TextField(blank=True)
    duplicate_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    duplicates_searched_at = models.DateTimeField(null=True, blank=True)

    # Fixed is not yet operating (PRACTICE.md 3.5).
    design_fixed_on = models.DateField(null=True, blank=True)
    operating_evidence_until = models.DateField(null=True, blank=True)
    operating_needed = models.PositiveSmallIntegerField(null=True, blank=True)
    operating_seen = models.PositiveSmallIntegerField(default=0)
    design_only = models.BooleanField(default=False)
    # Need to know: only those let in see it and what hangs on it. True exactly while a Restriction of it is open.
    is_restricted = models.BooleanField(default=False, db_default=False)
    # A newer import no longer shows it. Silence is not evidence: this proposes, and nothing more.
    proposed_fixed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        permissions = [("finding_read", "Read a finding that is restricted")]
        constraints = [
            models.UniqueConstraint(fields=["organization", "number"], name="finding_number_once"),
            models.UniqueConstraint(
                fields=["organization", "fingerprint"], condition=~Q(fingerprint=""), name="finding_fingerprint_once"
            ),
            models.CheckConstraint(condition=Q(state__in=State.values), name="finding_state_known"),
            models.CheckConstraint(
                condition=Q(severity__in=Severity.values, original_severity__in=Severity.values),
                name="finding_severity_known",
            ),
            models.CheckConstraint(
                condition=~Q(kev=True) | Q(severity=Severity.CRITICAL), name="finding_kev_is_critical"
            ),
            models.CheckConstraint(
                condition=Q(state__in=[*UNTRIAGED, State.REJECTED])
                | (Q(owner__isnull=False, triaged_at__isnull=False) & ~Q(severity_rationale="")),
                name="finding_triaged_has_owner_and_rationale",
            ),
            models.CheckConstraint(
                condition=~Q(
                    state__in=[
                        State.ANALYSED,
                        State.PLANNED,
                        State.IN_REMEDIATION,
                        State.READY_FOR_VERIFICATION,
                        State.VERIFIED,
                        State.CLOSED,
                    ]
                )
                | (~Q(root_cause_class="") & ~Q(scope_check="")),
                name="finding_analysed_has_cause_and_scope",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=[State.VERIFIED, State.CLOSED]) | Q(verified_at__isnull=False),
                name="finding_verified_has_date",
            ),
            models.CheckConstraint(
                condition=Q(state=State.CLOSED, closed_at__isnull=False)
                | (~Q(state=State.CLOSED) & Q(closed_at__isnull=True)),
                name="finding_closed_has_date",
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=[
                        State.RISK_ACCEPTANCE_PENDING,
                        State.RISK_ACCEPTED,
                        State.DEFERRAL_PENDING,
                        State.DEFERRED,
                    ]
                )
                | Q(returns_to=""),
                name="finding_returns_only_from_aside",
            ),
            models.CheckConstraint(condition=~Q(duplicate_of=F("id")), name="finding_not_its_own_duplicate"),
            models.CheckConstraint(
                condition=(Q(likelihood__isnull=True) | Q(likelihood__range=(1, 5)))
                & (Q(impact__isnull=True) | Q(impact__range=(1, 5))),
                name="finding_risk_factors_1_to_5",
            ),
        ]
        indexes = [
            # Lists show what is open, soonest due first; closed findings must not slow them down.
            models.Index(
                fields=["organization", "current_due_at", "id"], condition=Q(state__in=OPEN), name="finding_open_by_due"
            ),
            models.Index(fields=["organization", "current_due_at", "id"], name="finding_by_due"),
            models.Index(fields=["organization", "state", "severity", "current_due_at", "id"], name="finding_by_state"),
            models.Index(fields=["organization", "severity", "current_due_at", "id"], name="finding_by_severity"),
            models.Index(
                fields=["organization", "owner", "current_due_at", "id"],
                condition=Q(owner__isnull=False),
                name="finding_by_owner",
            ),
            models.Index(
                fields=["organization", "assignee", "current_due_at", "id"],
                condition=Q(assignee__isnull=False),
                name="finding_by_assignee",
            ),
            # What a newer report of the same tool no longer has.
            models.Index(fields=["organization", "tool"], condition=~Q(fingerprint=""), name="finding_by_tool"),
            models.Index(fields=["duplicate_of"], condition=Q(duplicate_of__isnull=False), name="finding_duplicates"),
            models.Index(fields=["organization"], condition=Q(is_restricted=True), name="finding_restricted"),
            models.Index(
                fields=["organization", "proposed_fixed_at"],
                condition=Q(proposed_fixed_at__isnull=False),
                name="finding_proposed_fixed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ref} {self.title}"

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    @property
    def is_overdue(self) -> bool:
        return self.is_open and self.state != State.DEFERRED and self.current_due_at < clock.now()


class FindingCriterion(TenantModel):
    """A criterion the finding touches."""

    finding = models.ForeignKey(Finding, on_delete=models.PROTECT, related_name="criterion_rows", db_index=False)
    criterion = models.ForeignKey("controls.Criterion", on_delete=models.PROTECT, related_name="+", db_index=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["finding", "criterion"], name="finding_criterion_once")]
        indexes = [models.Index(fields=["organization", "criterion", "finding"], name="finding_by_criterion")]


class FindingControl(TenantModel):
    """A control that failed, or that will prove the fix."""

    finding = models.ForeignKey(Finding, on_delete=models.PROTECT, related_name="control_rows", db_index=False)
    control = models.ForeignKey("controls.Control", on_delete=models.PROTECT, related_name="+", db_index=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["finding", "control"], name="finding_control_once")]
        indexes = [models.Index(fields=["organization", "control", "finding"], name="finding_by_control")]


class FindingLink(TenantModel):
    """One finding points at another. Never edited; a wrong link is answered by a comment."""

    finding = models.ForeignKey(Finding, on_delete=models.PROTECT, related_name="links")
    other = models.ForeignKey(Finding, on_delete=models.PROTECT, related_name="links_in")
    kind = models.CharField(max_length=12, choices=LinkKind.choices)
    by = models.ForeignKey(settings.PERSON_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["finding", "other", "kind"], name="finding_link_once"),
            models.CheckConstraint(condition=~Q(finding=F("other")), name="finding_link_to_another"),
        ]


class Comment(TenantModel):
    """Words of a person. `internal` ones are never shown to an auditor. Append-only."""

    finding = models.ForeignKey(Finding, on_delete=models.PROTECT, related_name="comments", db_index=False)
    author = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    body = models.TextField()
    internal = models.BooleanField(default=True)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        indexes = [models.Index(fields=["finding", "at"], name="finding_comments")]


class Proposal(TenantModel):
    """What a request about the finding would change. Approvers decide on its exact words; it is never edited."""

    finding = models.ForeignKey(Finding, on_delete=models.PROTECT, related_name="proposals", db_index=False)
    cycle = models.PositiveIntegerField()
    action = models.CharField(max_length=40)
    change = models.JSONField(default=dict)
    reason = models.TextField()
    by = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField(default=clock.now)
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=10, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["finding", "action"], condition=Q(ended_at__isnull=True), name="finding_one_open_proposal"
            )
        ]
        indexes = [models.Index(fields=["finding", "at"], name="finding_proposals")]


class Restriction(TenantModel):
    """Why a finding is kept to a few, who said so and when it ended. Its maker keeps it: they see what they closed."""

    finding = models.ForeignKey(Finding, on_delete=models.PROTECT, related_name="restrictions", db_index=False)
    reason = models.TextField()
    by = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField(default=clock.now)
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by = models.ForeignKey(
        settings.PERSON_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    lift_reason = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["finding"], condition=Q(lifted_at=None), name="finding_restricted_once"),
            models.CheckConstraint(
                condition=Q(lifted_at=None, lifted_by=None)
                | (Q(lifted_at__isnull=False, lifted_by__isnull=False) & ~Q(lift_reason="")),
                name="restriction_lifted_by_somebody",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="restriction_has_a_reason"),
        ]
        indexes = [
            models.Index(fields=["organization"], condition=Q(lifted_at=None), name="restriction_open"),
            models.Index(fields=["finding"], name="restriction_by_finding"),
        ]


class ImportBatch(TenantModel):
    """One file that was imported, whole. `counts` is what the import said about itself."""

    kind = models.CharField(max_length=40)
    filename = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField(default=0)
    counts = models.JSONField(default=dict)
    # The file itself, where it was kept as evidence.
    artifact = models.ForeignKey(
        "artifacts.Artifact", null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    imported_by = models.ForeignKey(settings.PERSON_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=clock.now)

    class Meta:
        indexes = [models.Index(fields=["organization", "-at"], name="import_batch_newest")]


class Occurrence(TenantModel):
    """One sighting of a finding in one file. Append-only."""

    # Read through its finding or its file alone; the table's policy checks the organization.
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    finding = models.ForeignKey(Finding, on_delete=models.PROTECT, related_name="occurrences", db_index=False)
    import_batch = models.ForeignKey(ImportBatch, on_delete=models.PROTECT, related_name="occurrences", db_index=False)
    cycle = models.PositiveIntegerField(default=1)
    seen_at = models.DateTimeField()
    location = models.CharField(max_length=500, blank=True)
    raw = models.JSONField(default=dict)

    class Meta:
        indexes = [
            models.Index(fields=["finding", "seen_at"], name="finding_occurrences"),
            models.Index(fields=["import_batch"], name="batch_occurrences"),
        ]
