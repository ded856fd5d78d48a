"""The words of a finding's life: states, severities, sources, causes. Other floors print these, so they never change."""

from django.db import models


class State(models.TextChoices):
    """Where a finding stands (PRACTICE.md 3.2). Overdue and blocked are flags, not states."""

    DRAFT = "draft", "Draft"
    REPORTED = "reported", "To triage"
    TRIAGED = "triaged", "Triaged"
    ANALYSED = "analysed", "Analysed"
    PLANNED = "planned", "Planned"
    IN_REMEDIATION = "in_remediation", "In progress"
    READY_FOR_VERIFICATION = "ready_for_verification", "Evidence in"
    VERIFIED = "verified", "Verified"
    CLOSED = "closed", "Closed"
    REJECTED = "rejected", "Rejected"
    RISK_ACCEPTANCE_PENDING = "risk_acceptance_pending", "Risk acceptance asked"
    RISK_ACCEPTED = "risk_accepted", "Risk accepted"
    DEFERRAL_PENDING = "deferral_pending", "Deferral asked"
    DEFERRED = "deferred", "Deferred"


# An accepted or deferred risk is still there: both count as open in every total (PRACTICE.md 3.2).
SETTLED = (State.CLOSED, State.REJECTED)
OPEN = tuple(state for state in State if state not in (State.DRAFT, *SETTLED))
# What stands before triage has no promised owner or rationale yet.
UNTRIAGED = (State.DRAFT, State.REPORTED)
# The clock stops here and nowhere else.
PAUSED = (State.DEFERRED,)


class Severity(models.TextChoices):
    CRITICAL = "critical", "Critical"
    HIGH = "high", "High"
    MEDIUM = "medium", "Medium"
    LOW = "low", "Low"

    @property
    def rank(self) -> int:
        """4 for critical down to 1 for low."""
        return RANK[self.value]

    def one_level_up(self) -> "Severity":
        return next((other for other in reversed(Severity) if other.rank > self.rank), self)


RANK = {"critical": 4, "high": 3, "medium": 2, "low": 1}
NEEDS_PLAN_APPROVAL = (Severity.CRITICAL, Severity.HIGH)


class Source(models.TextChoices):
    AUDIT_REPORT = "audit_report", "Audit report"
    SCANNER = "scanner", "Scanner"
    INTERNAL = "internal", "Internal"
    AUDITOR = "auditor", "Auditor"
    IMPORT = "import", "Import"


class RootCause(models.TextChoices):
    PEOPLE = "people", "People"
    PROCESS = "process", "Process"
    TECHNOLOGY = "technology", "Technology"
    VENDOR = "vendor", "Vendor"
    DESIGN = "design", "Design"


class AuditRating(models.TextChoices):
    """The auditor's own rating, kept apart from severity (PRACTICE.md 3.3)."""

    OBSERVATION = "observation", "Observation"
    DEVIATION = "deviation", "Deviation"
    DEFICIENCY = "deficiency", "Deficiency"
    CRITERION_NOT_MET = "criterion_not_met", "Criterion not met"


class Rejection(models.TextChoices):
    FALSE_POSITIVE = "false_positive", "False positive"
    DUPLICATE = "duplicate", "Duplicate"
    OUT_OF_SCOPE = "out_of_scope", "Out of scope"


class LinkKind(models.TextChoices):
    RELATED = "related", "Related to"
    DUPLICATE = "duplicate", "Duplicate of"
    CAUSED_BY = "caused_by", "Same cause as"
