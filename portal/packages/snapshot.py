"""All that a package says, as plain frozen values: no database, no template, no clock is asked here.

One snapshot gives one canonical JSON text; its SHA-256 names the snapshot. The PDF, the register and every other form
are made from these rows alone, so what a sentence counts is what a table shows.
"""

import dataclasses
import hashlib
import json
import re
import types
import typing
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

FORMAT = "clearhold-snapshot/1"
PIECE_BYTES = 1 << 20

SEVERITIES = ("critical", "high", "medium", "low")
#: What stays open until it is closed or rejected. Accepting a risk or deferring a date closes nothing (PRACTICE 3.2).
OPEN_STATES = (
    "reported",
    "triaged",
    "analysed",
    "planned",
    "in_remediation",
    "ready_for_verification",
    "verified",
    "risk_acceptance_pending",
    "risk_accepted",
    "deferral_pending",
    "deferred",
)
#: The largest original that is laid out among the exhibits.
READ_BYTES = 1 << 30
CLOSED_STATES = ("closed",)
REJECTED_STATES = ("rejected",)


@dataclass(frozen=True, slots=True)
class Organization:
    name: str
    slug: str
    timezone: str = "UTC"
    is_sample: bool = False
    #: As its documents show it: a colour as #rrggbb, a PNG in base64, an address in lines.
    accent: str = ""
    logo: str = ""
    address: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Engagement:
    ref: str
    title: str
    kind: str
    auditor_firm: str
    period_start: date
    period_end: date
    categories: tuple[str, ...] = ()
    system_description: str = ""


@dataclass(frozen=True, slots=True)
class Issue:
    number: int
    on: date
    change: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Which package this is, and who stands behind it."""

    ref: str
    issue: int
    title: str
    state: str
    as_of: datetime
    prepared_by: str
    department: str = ""
    approved_by: str = ""
    approved_at: datetime | None = None
    confidentiality: str = "Confidential"
    issues: tuple[Issue, ...] = ()
    recipients: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Letter:
    """To whom management writes, who signs, and what it says of changes since the period; all in its own words."""

    to: tuple[str, ...]
    salutation: str
    signed_by: str
    signed_as: str = ""
    changes: str = ""
    report: str = ""


@dataclass(frozen=True, slots=True)
class Template:
    """What the package is for: sections in order (none: as the template has them), and management's own words."""

    key: str = "full"
    sections: tuple[str, ...] = ()
    statement: str = ""
    letter: Letter | None = None
    finding: str = ""


@dataclass(frozen=True, slots=True)
class Vendor:
    name: str
    service: str
    report: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Scope:
    """What is covered and what is not; the gaps are said first."""

    gaps: tuple[str, ...] = ()
    exclusions: tuple[str, ...] = ()
    vendors: tuple[Vendor, ...] = ()
    user_controls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Criterion:
    identifier: str
    category: str
    title: str


@dataclass(frozen=True, slots=True)
class Gap:
    """A run that is missing or partial; what is said of it explains the gap and does not fill it.

    `place` is the run's among all that were due of its control in the period, from 1; 0 where it was not recorded.
    """

    on: date
    state: str
    explanation: str = ""
    place: int = 0


@dataclass(frozen=True, slots=True)
class Control:
    ref: str
    title: str
    owner: str
    criteria: tuple[str, ...]
    frequency: str
    operated: int = 0
    due: int = 0
    findings: tuple[str, ...] = ()
    exhibits: tuple[str, ...] = ()
    partial: int = 0
    missed: int = 0
    pending: int = 0
    gaps: tuple[Gap, ...] = ()

    @property
    def result(self) -> str:
        """What the records show. A control without a finding and without runs has shown nothing yet."""
        if self.findings:
            return "finding"
        if not self.due:
            return "not_shown"
        return "operated" if self.operated >= self.due else "gaps"


@dataclass(frozen=True, slots=True)
class Task:
    ref: str
    title: str
    assignee: str
    state: str
    due_on: date | None = None
    change: str = ""
    submitted_on: date | None = None
    done_on: date | None = None


@dataclass(frozen=True, slots=True)
class DueDate:
    """A date that was promised: the first, and each that took its place. `number` is its event's."""

    on: date
    due_on: date
    kind: str = ""
    number: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    person: str
    department: str
    verdict: str
    at: datetime
    reason: str = ""
    rules: str = ""
    content_sha256: str = ""
    on_behalf_of: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """A question put to approvers, bound to the content they saw."""

    action: str
    state: str
    needed: int
    requested_by: str
    requested_at: datetime
    content_sha256: str
    rules: str
    decisions: tuple[Decision, ...] = ()


@dataclass(frozen=True, slots=True)
class HistoryEvent:
    number: int | None
    at: datetime
    kind: str
    text: str
    actor: str = ""
    reason: str = ""
    leaf: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    ref: str
    title: str
    severity: str
    original_severity: str
    state: str
    cycle: int
    source: str
    condition: str
    reported_on: date | None = None
    detected_on: date | None = None
    due_on: date | None = None
    current_due_on: date | None = None
    remediated_on: date | None = None
    verified_on: date | None = None
    closed_on: date | None = None
    severity_rationale: str = ""
    audit_rating: str = ""
    asset: str = ""
    tool: str = ""
    rule: str = ""
    finder: str = ""
    owner: str = ""
    assignee: str = ""
    controls: tuple[str, ...] = ()
    criteria: tuple[str, ...] = ()
    cause_class: str = ""
    cause: str = ""
    extent: str = ""
    plan: str = ""
    success_test: str = ""
    duplicate_of: str = ""
    design_only: bool = False
    design_fixed_on: date | None = None
    operating_evidence_until: date | None = None
    tasks: tuple[Task, ...] = ()
    exhibits: tuple[str, ...] = ()
    requests: tuple[Request, ...] = ()
    history: tuple[HistoryEvent, ...] = ()
    source_ref: str = ""
    kev: bool = False
    cvss_vector: str = ""
    state_on: date | None = None
    # Why it is, or is asked to be, no finding; and whether a lower severity waits for its decision.
    rejection: str = ""
    severity_asked: bool = False
    dates: tuple[DueDate, ...] = ()

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    @property
    def is_closed(self) -> bool:
        return self.state in CLOSED_STATES

    def days_open(self, as_of: date) -> int | None:
        began = self.reported_on or self.detected_on
        if began is None or self.state in REJECTED_STATES:
            return None
        return ((self.closed_on or as_of) - began).days

    def is_overdue(self, as_of: date) -> bool:
        due = self.current_due_on or self.due_on
        return self.is_open and due is not None and due < as_of


@dataclass(frozen=True, slots=True)
class Acceptance:
    finding: str
    title: str
    severity: str
    state: str
    reason: str
    residual_risk: str
    compensating: str
    expires_on: date | None
    requested_by: str = ""
    decided_by: str = ""
    decided_at: datetime | None = None
    granted_on: date | None = None
    ended_on: date | None = None


@dataclass(frozen=True, slots=True)
class Deferral:
    finding: str
    title: str
    severity: str
    state: str
    reason: str
    original_due_on: date | None
    new_due_on: date | None
    vendor: str = ""
    check_in_on: date | None = None
    requested_by: str = ""
    decided_by: str = ""
    decided_at: datetime | None = None
    granted_on: date | None = None
    ended_on: date | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    number: str
    sentence: str
    verdict: str = "N"


@dataclass(frozen=True, slots=True)
class Duties:
    """Who may not do what, what was decided under it, and every exception that was made."""

    matrix: str = ""
    rules: tuple[Rule, ...] = ()
    decisions: int = 0
    refused: int | None = None
    people: int = 0
    waivers: tuple[str, ...] = ()
    delegations: tuple[str, ...] = ()
    break_glass: tuple[str, ...] = ()
    small_team: str = ""


@dataclass(frozen=True, slots=True)
class Exhibit:
    number: str
    title: str
    kind: str
    filename: str
    size: int
    sha256: str
    media_type: str
    collected_at: datetime | None = None
    collected_by: str = ""
    period_start: date | None = None
    period_end: date | None = None
    as_of: date | None = None
    source_system: str = ""
    query: str = ""
    row_count: int | None = None
    scan: str = ""
    review: str = "accepted"
    version: int = 1
    findings: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()
    not_attached: str = ""

    @property
    def is_beside(self) -> bool:
        """Whether the PDF leaves its file out for its size alone."""
        return bool(self.not_attached) and self.review != "disposed"

    @property
    def has_bytes(self) -> bool:
        """Whether its file can be read, attached or not. What is larger than a process may write has a slip sheet."""
        return self.review != "disposed" and self.size <= READ_BYTES

    @property
    def path(self) -> str:
        """Where the original stands among the attachments."""
        return f"{self.number}-{safe_name(self.filename)}"


@dataclass(frozen=True, slots=True)
class Item:
    """One member of a population; `rank` is its place in the drawing, from 1, or 0 outside of it."""

    id: str
    on: date
    state: str
    exhibit: str = ""
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Population:
    """A control's runs in the period, counted and hashed before any sample was drawn from them.

    `sha256` is over the sorted ids, a line feed after each. `items` are left out where nothing is drawn and no sheet is
    asked for; `count` counts them all.
    """

    control: str
    title: str
    frequency: str
    period_start: date
    period_end: date
    count: int
    sha256: str
    size: int
    items: tuple[Item, ...] = ()


@dataclass(frozen=True, slots=True)
class Sampling:
    """How samples are drawn, by PRACTICE.md section 6. Without a seed nothing is drawn."""

    algorithm: str = ""
    seed: str = ""
    seed_from: str = ""
    risk: str = "lower"
    populations: tuple[Population, ...] = ()


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A file that is named by its hash alone."""

    number: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The signed head of the ledger under which every event of this package stands."""

    note: str
    origin: str
    tree_size: int
    root: str
    key: str
    signed_at: datetime | None = None
    # The public keys of all epochs; older ones signed the heads of earlier packages.
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Previous:
    """The package before this one: the issue before, or the engagement's last sealed one."""

    ref: str
    issue: int
    sha256: str
    tree_size: int
    note: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    organization: Organization
    engagement: Engagement
    identity: Identity
    scope: Scope
    criteria: tuple[Criterion, ...]
    controls: tuple[Control, ...]
    findings: tuple[Finding, ...]
    acceptances: tuple[Acceptance, ...]
    deferrals: tuple[Deferral, ...]
    duties: Duties
    exhibits: tuple[Exhibit, ...]
    checkpoint: Checkpoint | None
    severity_scale: tuple[tuple[str, str, int], ...] = ()
    previous: Previous | None = None
    format: str = FORMAT
    template: Template = Template()
    sampling: Sampling = Sampling()
    fingerprints: tuple[Fingerprint, ...] = ()
    #: In which its own words are printed (languages.py).
    language: str = "en"

    @property
    def as_of(self) -> date:
        return self.identity.as_of.date()


@dataclass(frozen=True, slots=True)
class Totals:
    """Counted once, from the rows that the tables show."""

    findings: int
    open: int
    closed: int
    rejected: int
    accepted: int
    deferred: int
    overdue: int
    exhibits: int
    controls: int
    decisions: int
    median_days: int | None
    by_severity: tuple[tuple[str, int, int, int, int, int], ...]
    by_state: tuple[tuple[str, int], ...]


def totals(snapshot: Snapshot) -> Totals:
    findings = snapshot.findings
    states = Counter(finding.state for finding in findings)
    days = sorted(
        days for f in findings if f.is_closed and (days := f.days_open(snapshot.as_of)) is not None and days >= 0
    )
    rows = []
    for severity in SEVERITIES:
        of_it = [f for f in findings if f.severity == severity]
        rows.append(
            (
                severity,
                len(of_it),
                sum(f.is_open for f in of_it),
                sum(f.is_overdue(snapshot.as_of) for f in of_it),
                sum(f.is_closed for f in of_it),
                sum(f.state in REJECTED_STATES for f in of_it),
            )
        )
    return Totals(
        findings=len(findings),
        open=sum(f.is_open for f in findings),
        closed=sum(f.is_closed for f in findings),
        rejected=sum(f.state in REJECTED_STATES for f in findings),
        accepted=states["risk_accepted"],
        deferred=states["deferred"],
        overdue=sum(f.is_overdue(snapshot.as_of) for f in findings),
        exhibits=len(snapshot.exhibits) + len(snapshot.fingerprints),
        controls=len(snapshot.controls),
        decisions=sum(len(request.decisions) for f in findings for request in f.requests),
        median_days=days[len(days) // 2] if days else None,
        by_severity=tuple(rows),
        by_state=tuple(sorted(states.items())),
    )


def safe_name(filename: str) -> str:
    """A file name that every system can store: no folder, no control character, no leading dot."""
    kept = "".join(char if char.isalnum() or char in "._-()+ " else "_" for char in filename).strip(" .")
    return (kept or "file")[-120:]


@dataclass(frozen=True, slots=True)
class Made:
    """A file of the package that is made for it, not received: what it is to the document, and a note for its readers."""

    path: str
    data: bytes
    media_type: str
    relationship: str
    note: str

    @property
    def sha256(self) -> str:
        return digest(self.data)

    @property
    def size(self) -> int:
        return len(self.data)

    def pieces(self) -> Iterator[bytes]:
        yield self.data


@dataclass(frozen=True, slots=True)
class Laid:
    """A file that is made for a package and lies in the folder where it is set: never held whole in memory."""

    path: str
    size: int
    sha256: str
    media_type: str
    relationship: str
    note: str
    place: Path

    def pieces(self) -> Iterator[bytes]:
        with self.place.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield piece


# --- canonical form ---------------------------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """The value as JSON knows it: dates and times as ISO text, tuples as lists."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value


def canonical(snapshot: Snapshot) -> bytes:
    """One text for one snapshot."""
    return b"".join(pieces(snapshot))


def pieces(snapshot: Snapshot) -> Iterator[bytes]:
    """The text row by row: as plain values all of them take ten times the room."""
    before = "{"
    for name in sorted(_hints(Snapshot)):
        yield f"{before}{json.dumps(name)}:".encode()
        yield from _written(getattr(snapshot, name))
        before = ","
    yield b"}"


def _written(value: Any) -> Iterator[bytes]:
    if not isinstance(value, tuple):
        yield json.dumps(plain(value), ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
        return
    yield b"["
    for place, item in enumerate(value):
        if place:
            yield b","
        yield from _written(item)
    yield b"]"


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def load(data: bytes) -> Snapshot:
    """The snapshot of a text, its rows read one by one. Raises ValueError."""
    hints = _hints(Snapshot)
    found: dict[str, Any] = {}
    for name, value in _entries(data.decode()):
        if name not in hints:
            raise ValueError(f"This is not a snapshot that this version can read: it has {name!r}.")
        rows = typing.get_args(hints[name])
        if isinstance(value, Iterator):
            found[name] = tuple(_restore(rows[0], row) for row in value)
        else:
            found[name] = _restore(hints[name], value)
    if found.get("format") != FORMAT:
        raise ValueError(f"This is not a snapshot that this version can read: {found.get('format')!r}.")
    return Snapshot(**found)


def _entries(text: str) -> Iterator[tuple[str, Any]]:
    """The names and values of an object; a list is given as an iterator, to be used before the next name is asked for."""
    decode = json.JSONDecoder().raw_decode
    at = _after(text, 0, "{")
    while text[at : at + 1] == '"':
        name, at = decode(text, at)
        at = _after(text, at, ":")
        if text[at : at + 1] == "[":
            rows = _Rows(text, _after(text, at, "["))
            yield name, iter(rows)
            at = rows.at
        else:
            value, at = decode(text, at)
            yield name, value
        at = _after(text, at, ",}")


class _Rows:
    """The values of a list, read as they are asked for; `at` is behind its end then."""

    def __init__(self, text: str, at: int) -> None:
        self.text, self.at = text, at

    def __iter__(self) -> Iterator[Any]:
        decode = json.JSONDecoder().raw_decode
        while self.text[self.at : self.at + 1] != "]":
            value, self.at = decode(self.text, self.at)
            self.at = _skipped(self.text, self.at)
            if self.text[self.at : self.at + 1] != "]":
                self.at = _after(self.text, self.at, ",")
            yield value
        self.at += 1


SPACE = re.compile(r"[ \t\r\n]*")


def _skipped(text: str, at: int) -> int:
    match = SPACE.match(text, at)
    return match.end() if match else at


def _after(text: str, at: int, wanted: str) -> int:
    at = _skipped(text, at)
    if at >= len(text) or text[at] not in wanted:
        raise ValueError(f"This is not a snapshot that this version can read: it breaks off at {at}.")
    return _skipped(text, at + 1)


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def restored(kind: Any, value: Any) -> Any:
    """The value that `plain` made plain, as its own kind again."""
    return _restore(kind, value)


def _restore(kind: Any, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(kind, types.UnionType):
        return _restore(next(part for part in typing.get_args(kind) if part is not types.NoneType), value)
    if typing.get_origin(kind) is tuple:
        parts = typing.get_args(kind)
        if len(parts) == 2 and parts[1] is ...:
            return tuple(_restore(parts[0], item) for item in value)
        return tuple(_restore(part, item) for part, item in zip(parts, value, strict=True))
    if kind is datetime:
        return datetime.fromisoformat(value)
    if kind is date:
        return date.fromisoformat(value)
    if dataclasses.is_dataclass(kind):
        hints = _hints(kind)
        return kind(**{name: _restore(hints[name], item) for name, item in value.items()})
    return value
