"""What changed from one issue of a package to another: findings and exhibits that came, left, were closed or differ.

Both sides are frozen snapshots, so the answer never changes. A row is told by its public id.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from evidence.errors import NotFound, WrongState
from evidence.vault import services as vault
from portal.packages.models import Package
from portal.packages.snapshot import Exhibit, Finding, Snapshot, digest, load

#: The fields that a reader would call a change of a finding, each with its word.
FINDING_FIELDS = {
    "title": "Title",
    "severity": "Severity",
    "state": "State",
    "cycle": "Cycle",
    "owner": "Owner",
    "assignee": "Assignee",
    "current_due_on": "Due date",
    "condition": "Condition",
    "cause": "Cause",
    "extent": "Extent",
    "plan": "Plan",
    "success_test": "Success test",
    "controls": "Controls",
    "criteria": "Criteria",
    "exhibits": "Exhibits",
    "tasks": "Tasks",
    "requests": "Approvals",
}
EXHIBIT_FIELDS = {
    "sha256": "File",
    "title": "Title",
    "version": "Version",
    "review": "Review",
    "period_start": "Start of its period",
    "period_end": "End of its period",
    "not_attached": "Whether it is attached",
}
#: Long texts and lists are named as changed, never printed side by side.
SHOWN = ("title", "severity", "state", "owner", "assignee", "current_due_on", "review", "version", "period_start", "period_end")  # fmt: skip


class Row(Protocol):
    """A finding or an exhibit."""

    title: str


Kind = TypeVar("Kind", Finding, Exhibit)


@dataclass(frozen=True)
class Difference:
    """One field that differs; both sides are empty where the values are too long to be shown."""

    word: str
    name: str
    before: Any = ""
    after: Any = ""


@dataclass(frozen=True)
class Change:
    """One row that stands in both issues and differs."""

    ref: str
    title: str
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class Compared:
    """From `before` to `after`; `closed` are findings that were open before and are closed now."""

    findings_added: tuple[Finding, ...]
    findings_removed: tuple[Finding, ...]
    findings_closed: tuple[Finding, ...]
    findings_changed: tuple[Change, ...]
    exhibits_added: tuple[Exhibit, ...]
    exhibits_removed: tuple[Exhibit, ...]
    exhibits_changed: tuple[Change, ...]
    unchanged: int

    @property
    def is_empty(self) -> bool:
        return not any((self.findings_added, self.findings_removed, self.findings_changed, self.exhibits_added,
                        self.exhibits_removed, self.exhibits_changed))  # fmt: skip


def compare(before: Snapshot, after: Snapshot) -> Compared:
    """The difference of two snapshots."""
    old, new = {row.ref: row for row in before.findings}, {row.ref: row for row in after.findings}
    papers, fresh = {row.number: row for row in before.exhibits}, {row.number: row for row in after.exhibits}
    changed = tuple(_changed(old, new, FINDING_FIELDS))
    altered = tuple(_changed(papers, fresh, EXHIBIT_FIELDS))
    both = len(old.keys() & new.keys()) + len(papers.keys() & fresh.keys())
    return Compared(
        findings_added=_only(new, old),
        findings_removed=_only(old, new),
        findings_closed=tuple(row for ref, row in new.items() if row.is_closed and ref in old and old[ref].is_open),
        findings_changed=changed,
        exhibits_added=_only(fresh, papers),
        exhibits_removed=_only(papers, fresh),
        exhibits_changed=altered,
        unchanged=both - len(changed) - len(altered),
    )


def issues_beside(package: Package) -> list[Package]:
    """The other issues of a package that were built, newest first."""
    rows = Package.objects.filter(
        organization_id=package.organization_id, number=package.number, snapshot__isnull=False
    ).exclude(pk=package.pk)
    return list(rows.select_related("snapshot").order_by("-issue"))


def issue_before(package: Package, asked: str = "") -> Package:
    """The issue that a person named, else the newest before this one. Raises NotFound, and WrongState where none is before."""
    beside = issues_beside(package)
    if asked:
        found = next((one for one in beside if str(one.issue) == asked), None)
        if found is None:
            raise NotFound("There is no such issue of this package, or it was not built.")
        return found
    found = next((one for one in beside if one.issue < package.issue), None)
    if found is None:
        raise WrongState("No issue before this one was built.", help="Name another issue to compare with.")
    return found


def between(before: Package, after: Package) -> Compared:
    """The difference of two issues as they were printed. Raises WrongState for one that was not built yet."""
    if not after.is_built:
        raise WrongState("This issue was not built yet.", help="Wait for its job, or build it again.")
    return compare(kept(before), kept(after))


def kept(package: Package) -> Snapshot:
    """The snapshot that a built package was printed from. Raises ValueError when its bytes are others."""
    data = b"".join(vault.open(package.snapshot))
    if digest(data) != package.snapshot_sha256:
        raise ValueError(f"The stored snapshot of {package} is not the one that was printed.")
    return load(data)


def _only(here: Mapping[str, Kind], there: Mapping[str, Kind]) -> tuple[Kind, ...]:
    return tuple(row for ref, row in here.items() if ref not in there)


def _changed(old: Mapping[str, Kind], new: Mapping[str, Kind], fields: Mapping[str, str]) -> Iterable[Change]:
    for ref, row in new.items():
        if ref not in old:
            continue
        found = tuple(_differences(old[ref], row, fields))
        if found:
            yield Change(ref, row.title, found)


def _differences(old: Row, new: Row, fields: Mapping[str, str]) -> Iterable[Difference]:
    for name, word in fields.items():
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            yield Difference(word, name, before, after) if name in SHOWN else Difference(word, name)
