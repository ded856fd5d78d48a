"""Who may not do what to the same finding, what was refused, and every exception."""

from collections.abc import Iterator

from portal.packages import wording
from portal.packages.edition import Edition
from portal.packages.sections import Sheet

TITLE = "Segregation of duties"
NUMBERED = True


def sheets(edition: Edition) -> Iterator[Sheet]:
    duties = edition.snapshot.duties
    decisions = [
        (finding.ref, request, decision)
        for finding in edition.snapshot.findings
        for request in finding.requests
        for decision in request.decisions
    ]
    exceptions = len(duties.waivers) + len(duties.delegations) + len(duties.break_glass)
    yield Sheet(
        "segregation",
        TITLE,
        {
            "headline": _headline(len(decisions), exceptions),
            "decisions": decisions,
            "refused": duties.refused,
            "exceptions": exceptions,
        },
    )


def _headline(decisions: int, exceptions: int) -> str:
    if not decisions:
        return "No decision was needed for the findings in this package"
    text = f"{wording.count(decisions, 'decision')}, {wording.count(exceptions, 'exception')} to the rules"
    return wording.capital(text)
