"""All findings in one table, the counts beneath it, and the scale they were rated on."""

from collections.abc import Iterator

from portal.packages import wording
from portal.packages.edition import Edition
from portal.packages.sections import Sheet
from portal.packages.snapshot import Finding

TITLE = "Findings register"
NUMBERED = True


def sheets(edition: Edition) -> Iterator[Sheet]:
    snapshot = edition.snapshot
    totals = edition.totals
    yield Sheet(
        "findings_register",
        TITLE,
        {
            "rows": [{"f": f, "status": status(f), "days": f.days_open(snapshot.as_of)} for f in snapshot.findings],
            "counts": totals.by_severity,
            "sums": tuple(sum(row[column] for row in totals.by_severity) for column in range(1, 6)),
            "scale": snapshot.severity_scale,
        },
    )


def status(finding: Finding) -> str:
    words = wording.STATE.get(finding.state, finding.state)
    due = finding.current_due_on or finding.due_on
    if finding.is_closed:
        return f"{words} {wording.day(finding.closed_on)}" if finding.closed_on else words
    if finding.is_open and due:
        return f"{words}, due {wording.day(due)}"
    return words
