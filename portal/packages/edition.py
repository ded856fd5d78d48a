"""What a section may read: the snapshot, its totals, how this printing is made, and nothing else."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from portal.packages import outlines
from portal.packages.outlines import Outline
from portal.packages.snapshot import (
    Acceptance,
    Control,
    Criterion,
    Deferral,
    Exhibit,
    Finding,
    Snapshot,
    Totals,
    totals,
)

PAPERS = ("A4", "letter")
#: What the documents of an organization that chose none are accented with.
ACCENT = "#0f5c63"
Row = TypeVar("Row", Acceptance, Deferral)


@dataclass(frozen=True)
class Placed:
    """Where an exhibit stands in the volumes. `parts` are the numbers of what was attached to it."""

    volume: int
    page: int
    pages: int
    note: str = ""
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Edition:
    snapshot: Snapshot
    manifest_sha256: str
    snapshot_sha256: str
    paper: str = "A4"
    attachments: tuple[tuple[str, str], ...] = ()
    #: The volumes of exhibits: file name, SHA-256, pages.
    volumes: tuple[tuple[str, str, int], ...] = ()
    placed: Mapping[str, Placed] = field(default_factory=dict)

    @property
    def language(self) -> str:
        return self.snapshot.language

    @property
    def outline(self) -> Outline:
        return outlines.BY_KEY[self.snapshot.template.key]

    @property
    def sections(self) -> tuple[str, ...]:
        return self.snapshot.template.sections or self.outline.sections

    @property
    def accent(self) -> str:
        return self.snapshot.organization.accent or ACCENT

    @cached_property
    def logo(self) -> str:
        """Where a page finds the logo; empty when there is none. The name changes with the picture."""
        logo = self.snapshot.organization.logo
        return f"asset:logo/{hashlib.sha256(logo.encode()).hexdigest()}" if logo else ""

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

    @cached_property
    def acceptances(self) -> dict[str, list[Acceptance]]:
        return _by_finding(self.snapshot.acceptances)

    @cached_property
    def deferrals(self) -> dict[str, list[Deferral]]:
        return _by_finding(self.snapshot.deferrals)

    @property
    def is_draft(self) -> bool:
        return self.snapshot.identity.state not in ("sealed", "superseded")


def _by_finding(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.finding, []).append(row)
    return found
