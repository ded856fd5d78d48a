"""What is still to be done: every task of an open finding with its date, and open findings that have none."""

from collections.abc import Iterator

from django.utils.translation import gettext_lazy

from portal.packages import paging, wording
from portal.packages.edition import Edition
from portal.packages.sections import Sheet
from portal.packages.snapshot import Finding, Task

TITLE = gettext_lazy("Plan of action")
NUMBERED = True
#: What stands above the table on its first page, in millimetres.
ABOVE = 54
DONE = ("done", "cancelled")

Row = tuple[Finding, Task | None]


def applies(edition: Edition) -> bool:
    return any(finding.is_open for finding in edition.snapshot.findings)


def sheets(edition: Edition) -> Iterator[Sheet]:
    rows = list(_rows(edition))
    unplanned = sum(task is None for _, task in rows)
    for page, cut in enumerate(paging.pages(rows, _height, paper=edition.paper, first=ABOVE)):
        yield Sheet(
            "action_plan" if not page else f"action_plan-{page + 1}",
            TITLE if not page else wording.span(cut[0][0].ref, cut[-1][0].ref),
            {"rows": cut, "lead": lead(len(rows) - unplanned, unplanned)},
            continues=bool(page),
        )


def lead(planned: int, unplanned: int) -> str:
    text = wording.capital(
        wording.counted(
            "%(number)s task to be done on open findings.", "%(number)s tasks to be done on open findings.", planned
        )
    )
    if not unplanned:
        return text
    # Translators: of open findings, without a task.
    left = wording.counted("%(number)s open finding without one.", "%(number)s open findings without one.", unplanned)
    return f"{text} {wording.capital(left)}"


def _rows(edition: Edition) -> Iterator[Row]:
    for finding in edition.snapshot.findings:
        if finding.is_open:
            left: list[Row] = [(finding, task) for task in finding.tasks if task.state not in DONE]
            yield from left or [(finding, None)]


def _height(row: Row) -> float:
    finding, task = row
    return paging.row_height(
        (60, [task.title[:240] if task else finding.title[:240]]),
        (30, [(task.assignee if task else finding.owner)[:80]]),
    )
