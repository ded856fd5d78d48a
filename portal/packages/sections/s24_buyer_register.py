"""The findings for a stranger: what, how grave, when reported, where it stands."""

from collections.abc import Iterator

from django.utils.translation import gettext_lazy

from portal.packages import paging, wording
from portal.packages.edition import Edition
from portal.packages.sections import Sheet
from portal.packages.sections.s06_findings_register import status
from portal.packages.snapshot import Finding

TITLE = gettext_lazy("Findings")
NUMBERED = True
#: What stands above the table on its first page, in millimetres.
ABOVE = 54


def applies(edition: Edition) -> bool:
    return bool(edition.snapshot.findings)


def sheets(edition: Edition) -> Iterator[Sheet]:
    for page, findings in enumerate(paging.pages(edition.snapshot.findings, _height, paper=edition.paper, first=ABOVE)):
        yield Sheet(
            "buyer_register" if not page else f"buyer_register-{page + 1}",
            TITLE if not page or not findings else wording.span(findings[0].ref, findings[-1].ref),
            {"rows": [(finding, status(finding)) for finding in findings]},
            continues=bool(page),
        )


def _height(finding: Finding) -> float:
    return paging.row_height((64, [finding.title[:240]]), (42, [status(finding)]))
