"""One section per finding: what was wrong, why, what was done, by whom, who agreed, and every step with its number."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy, pgettext

from portal.packages import wording
from portal.packages.edition import Edition
from portal.packages.sections import Sheet
from portal.packages.sections.s06_findings_register import status
from portal.packages.snapshot import Finding, HistoryEvent, Request

TITLE = gettext_lazy("Findings")
NUMBERED = False

#: Of each table of a finding so many rows are printed; nobody reads a thousand on paper, and nobody should wait for them.
MOST = 200
#: Decisions beside each other.
ABREAST = 3
#: Steps that a reader looks for first; they get the filled mark on the time line.
TURNING_POINTS = ("approved", "granted", "closed", "verified", "accepted", "decided", "reopened")


def sheets(edition: Edition) -> Iterator[Sheet]:
    for finding in edition.snapshot.findings:
        yield Sheet(f"finding-{finding.ref}", finding.ref, _data(edition, finding))


def _data(edition: Edition, finding: Finding) -> dict[str, Any]:
    snapshot = edition.snapshot
    last = min(len(finding.history), MOST) - 1
    return {
        "f": finding,
        "status": status(finding),
        "source": wording.SOURCE.get(finding.source, finding.source),
        "cause_class": wording.CAUSE.get(finding.cause_class, finding.cause_class),
        "overdue": finding.is_overdue(snapshot.as_of),
        "days": finding.days_open(snapshot.as_of),
        "criteria": [
            (name, edition.criteria[name].title if name in edition.criteria else "") for name in finding.criteria[:MOST]
        ],
        "controls": [edition.controls[ref] for ref in finding.controls[:MOST] if ref in edition.controls],
        "tasks": cut(finding.tasks),
        "exhibits": cut([edition.exhibits[number] for number in finding.exhibits if number in edition.exhibits]),
        "exhibit_range": _range(finding.exhibits),
        "requests": cut([_asked(request) for request in finding.requests]),
        "history": cut([(event, _turning(event), index == last) for index, event in enumerate(finding.history)]),
        "acceptances": edition.acceptances.get(finding.ref, ())[:MOST],
        "deferrals": edition.deferrals.get(finding.ref, ())[:MOST],
    }


@dataclass(frozen=True)
class Cut:
    """As many rows as a reader can take in, and what is said of the others."""

    rows: Sequence[Any]
    note: str = ""


def cut(rows: Sequence[Any]) -> Cut:
    if len(rows) <= MOST:
        return Cut(rows)
    return Cut(rows[:MOST], wording.rows_note(MOST, len(rows)))


def _asked(request: Request) -> dict[str, Any]:
    decisions = request.decisions[:MOST]
    return {"request": request, "rows": [decisions[at : at + ABREAST] for at in range(0, len(decisions), ABREAST)]}


def _turning(event: HistoryEvent) -> bool:
    return event.kind.rpartition(".")[2].rpartition("_")[2] in TURNING_POINTS


def _range(numbers: tuple[str, ...]) -> str:
    if not numbers:
        return pgettext("exhibits", "None")
    if len(numbers) < 3:
        return wording.separated(numbers)
    ordered = sorted(numbers)
    digits = [int(number.rpartition("-")[2]) for number in ordered if number.rpartition("-")[2].isdigit()]
    if len(digits) == len(ordered) and digits[-1] - digits[0] == len(digits) - 1:
        return wording.span(ordered[0], ordered[-1])
    return wording.and_more(ordered[0], len(ordered) - 1)
