"""What a letter of management says in a fixed wording, from the rows; the rest are management's own words, marked as such."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext, ngettext

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
        "sentence": gettext("%(sentence)s.") % {"sentence": sentence(edition.totals)},
    }


def named(findings: list[Finding]) -> Named:
    order = {"critical": 0, "high": 1, "medium": 2, "low": 3}
    rows = sorted(findings, key=lambda row: (order.get(row.severity, 4), row.ref))
    shown = rows[:NAMED]
    note = gettext("%(shown)s of %(all)s open findings; all of them are in the attached register.csv.") % {
        "shown": len(shown),
        "all": wording.figures(len(rows)),
    }
    return Named(shown, note if len(shown) < len(rows) else "")


def since(edition: Edition, day: date) -> int:
    """Findings that were reported after that day."""
    began = (finding.reported_on or finding.detected_on for finding in edition.snapshot.findings)
    return sum(on is not None and on > day for on in began)


def carried(edition: Edition) -> str:
    """Accepted risks and moved dates in a sentence; empty when there is none."""
    totals = edition.totals
    many = totals.accepted + totals.deferred
    if not many:
        return ""
    words = ngettext(
        "%(what)s is among them: each has an end date, and counts as open until then.",
        "%(what)s are among them: each has an end date, and counts as open until then.",
        many,
    )
    return wording.capital(words % {"what": wording.carried(totals.accepted, totals.deferred)})
