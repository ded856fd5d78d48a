"""What a plan of action is made from: findings as plain frozen values, as of one moment."""

from dataclasses import dataclass
from datetime import date, datetime

#: Accepted and deferred ones count as open: nothing about them is mended yet (PRACTICE 3.2).
SETTLED = frozenset({"closed", "rejected"})


@dataclass(frozen=True, slots=True)
class Milestone:
    ref: str
    title: str
    state: str
    due_on: date | None = None
    done_on: date | None = None
    who: str = ""
    change: str = ""


@dataclass(frozen=True, slots=True)
class DateChange:
    """The day on which the date was changed, and to which. `event` is its number in the history."""

    on: date
    due_on: date
    why: str = ""
    by: str = ""
    event: int | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Waiting for a vendor, with the last day that was agreed for asking again."""

    vendor: str
    checked_on: date | None = None


@dataclass(frozen=True, slots=True)
class Acceptance:
    state: str
    reason: str
    residual_risk: str
    compensating: str
    expires_on: date | None
    asked_by: str = ""
    decided_by: str = ""
    decided_on: date | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    number: str
    title: str
    filename: str
    size: int
    sha256: str
    media_type: str = ""
    collected_at: datetime | None = None
    collected_by: str = ""
    source: str = ""
    query: str = ""
    path: str = ""
    version: int = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of the item's history."""

    event: int | None
    at: datetime
    kind: str
    text: str
    who: str = ""
    reason: str = ""
    leaf: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One weakness. `scheduled_on` is the first date that was promised and never changes; `current_on` is today's."""

    ref: str
    title: str
    description: str
    state: str
    severity: str
    original_severity: str
    source: str = ""
    source_ref: str = ""
    tool: str = ""
    rule: str = ""
    asset: str = ""
    owner: str = ""
    assignee: str = ""
    finder: str = ""
    controls: tuple[str, ...] = ()
    criteria: tuple[str, ...] = ()
    detected_on: date | None = None
    reported_on: date | None = None
    scheduled_on: date | None = None
    current_on: date | None = None
    status_on: date | None = None
    closed_on: date | None = None
    severity_rationale: str = ""
    severity_asked: bool = False
    audit_rating: str = ""
    cause: str = ""
    cause_class: str = ""
    plan: str = ""
    success_test: str = ""
    rejection: str = ""
    """Why it is, or is asked to be, no finding: false_positive, duplicate, out_of_scope."""
    duplicate_of: str = ""
    kev: bool = False
    cvss_vector: str = ""
    milestones: tuple[Milestone, ...] = ()
    changes: tuple[DateChange, ...] = ()
    wait: Wait | None = None
    deferral: str = ""
    acceptance: Acceptance | None = None
    evidence: tuple[Evidence, ...] = ()
    history: tuple[Entry, ...] = ()

    @property
    def is_open(self) -> bool:
        return self.state not in SETTLED


@dataclass(frozen=True, slots=True)
class Run:
    """What a control's records show of the period."""

    ref: str
    title: str
    owner: str
    frequency: str
    criteria: tuple[str, ...]
    operated: int
    due: int
    result: str
    findings: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Statement:
    """Words that somebody stands behind."""

    title: str
    text: str
    who: str = ""
    on: date | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a plan of action and its assessment results say."""

    organization: str
    slug: str
    engagement: str
    title: str
    system: str
    ref: str
    issue: int
    state: str
    at: datetime
    today: date
    zone: str
    period_start: date
    period_end: date
    prepared_by: str
    approved_by: str
    assessor: str
    items: tuple[Item, ...]
    controls: tuple[Run, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    statements: tuple[Statement, ...] = ()
    criteria: tuple[tuple[str, str], ...] = ()
    tree_size: int = 0
    root: str = ""

    @property
    def open(self) -> tuple[Item, ...]:
        return tuple(item for item in self.items if item.is_open)

    @property
    def closed(self) -> tuple[Item, ...]:
        return tuple(item for item in self.items if not item.is_open)
