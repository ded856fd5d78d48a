"""What a letter of management says in a fixed wording, from the rows; the rest are management's own words, marked as such."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from portal.packages import wording
from portal.packages.edition import Edition
from portal.packages.sections.s02_summary import sentence
from portal.packages.snapshot import Finding

#: So many open findings are named in the letter itself; the others stand in the attached register.
NAMED = 25


@dataclass(frozen=True)
class Named:
    """The open findings as a letter lists them, and what is said of those it does not."""

    rows: list[Finding]
    note: str


def frame(edition: Edition) -> dict[str, Any]:
    """Letterhead, addressee, date, signature: the same in every letter."""
    snapshot = edition.snapshot
    return {
        "letter": snapshot.template.letter,
        "logo": edition.logo,
        "dated": wording.long_day(snapshot.as_of),
        "start": wording.long_day(snapshot.engagement.period_start),
        "end": wording.long_day(snapshot.engagement.period_end),
        "open": named([finding for finding in snapshot.findings if finding.is_open]),
        "counts": [row for row in edition.totals.by_severity if row[1]],
        "sentence": sentence(edition.totals),
    }


def named(findings: list[Finding]) -> Named:
    order = {"critical": 0, "high": 1, "medium": 2, "low": 3}
    rows = sorted(findings, key=lambda row: (order.get(row.severity, 4), row.ref))
    shown = rows[:NAMED]
    note = f"{len(shown)} of {len(rows):,} open findings; all of them are in the attached register.csv."
    return Named(shown, note if len(shown) < len(rows) else "")


def since(edition: Edition, day: date) -> int:
    """Findings that were reported after that day."""
    began = (finding.reported_on or finding.detected_on for finding in edition.snapshot.findings)
    return sum(on is not None and on > day for on in began)


def carried(edition: Edition) -> str:
    """Accepted risks and moved dates in a sentence; empty when there is none."""
    totals = edition.totals
    parts = []
    if totals.accepted:
        parts.append(wording.count(totals.accepted, "accepted risk"))
    if totals.deferred:
        parts.append(wording.count(totals.deferred, "deferral"))
    if not parts:
        return ""
    verb = "is" if totals.accepted + totals.deferred == 1 else "are"
    return f"{wording.capital(wording.listed(parts))} {verb} among them: each has an end date, and counts as open until then."
