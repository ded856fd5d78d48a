"""What a section may read: the snapshot, its totals, how this printing is made, and nothing else."""

from dataclasses import dataclass
from functools import cached_property

from portal.packages.snapshot import Control, Criterion, Exhibit, Finding, Snapshot, Totals, totals

PAPERS = ("A4", "letter")


@dataclass(frozen=True)
class Edition:
    snapshot: Snapshot
    manifest_sha256: str
    snapshot_sha256: str
    paper: str = "A4"
    attachments: tuple[tuple[str, str], ...] = ()

    @cached_property
    def totals(self) -> Totals:
        return totals(self.snapshot)

    @cached_property
    def findings(self) -> dict[str, Finding]:
        return {finding.ref: finding for finding in self.snapshot.findings}

    @cached_property
    def exhibits(self) -> dict[str, Exhibit]:
        return {exhibit.number: exhibit for exhibit in self.snapshot.exhibits}

    @cached_property
    def controls(self) -> dict[str, Control]:
        return {control.ref: control for control in self.snapshot.controls}

    @cached_property
    def criteria(self) -> dict[str, Criterion]:
        return {criterion.identifier: criterion for criterion in self.snapshot.criteria}

    @property
    def is_draft(self) -> bool:
        return self.snapshot.identity.state not in ("sealed", "superseded")
