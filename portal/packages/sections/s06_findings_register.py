"""All findings in one table, the counts beneath it, and the scale they were rated on."""

from collections.abc import Iterator

from django.utils.translation import gettext, gettext_lazy

from portal.packages import paging, wording
from portal.packages.edition import Edition
from portal.packages.sections import Sheet
from portal.packages.snapshot import Finding

TITLE = gettext_lazy("Findings register")
NUMBERED = True


#: What stands above the table on its first page, in millimetres.
ABOVE = 54


def sheets(edition: Edition) -> Iterator[Sheet]:
    snapshot = edition.snapshot
    totals = edition.totals
    cut = list(paging.pages(snapshot.findings, _height, paper=edition.paper, first=ABOVE))
    for page, findings in enumerate(cut):
        yield Sheet(
            "findings_register" if not page else f"findings_register-{page + 1}",
            TITLE if not page else wording.span(findings[0].ref, findings[-1].ref),
            {
                "rows": [{"f": f, "status": status(f), "days": f.days_open(snapshot.as_of)} for f in findings],
                "is_last": page + 1 == len(cut),
                "counts": totals.by_severity,
                "sums": tuple(sum(row[column] for row in totals.by_severity) for column in range(1, 6)),
                "scale": snapshot.severity_scale,
                "paged": "findings" in edition.sections,
            },
            continues=bool(page),
        )


def _height(finding: Finding) -> float:
    return paging.row_height(
        (52, [finding.title[:240]]), (23, [", ".join(finding.controls)[:200]]), (38, [status(finding)])
    )


def status(finding: Finding) -> str:
    words = str(wording.STATE.get(finding.state, finding.state))
    due = finding.current_due_on or finding.due_on
    if finding.is_closed and finding.closed_on:
        return gettext("Closed %(day)s") % {"day": wording.day(finding.closed_on)}
    if finding.is_open and due:
        return gettext("%(state)s, due %(day)s") % {"state": words, "day": wording.day(due)}
    return words
