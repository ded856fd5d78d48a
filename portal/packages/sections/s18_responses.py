"""What the auditor found, and management's response to each; the response is management's word and says so."""

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext, gettext_lazy, pgettext

from portal.packages import wording
from portal.packages.edition import Edition
from portal.packages.sections import Sheet
from portal.packages.sections.s06_findings_register import status
from portal.packages.snapshot import Decision, Finding

TITLE = gettext_lazy("Exceptions and responses")
NUMBERED = True
#: So many exceptions stand in one stretch; the next begins on a page of its own.
TOGETHER = 8


def sheets(edition: Edition) -> Iterator[Sheet]:
    findings = edition.snapshot.findings
    for start in range(0, max(1, len(findings)), TOGETHER):
        part = findings[start : start + TOGETHER]
        yield Sheet(
            "responses" if not start else f"responses-{start // TOGETHER + 1}",
            TITLE if not start else wording.span(part[0].ref, part[-1].ref),
            {
                "rows": [_response(finding) for finding in part],
                "headline": wording.capital(
                    wording.counted(
                        "%(number)s exception, each with management’s response",
                        "%(number)s exceptions, each with management’s response",
                        len(findings),
                    )
                ),
                "open": sum(finding.is_open for finding in findings),
            },
            continues=bool(start),
        )


def _response(finding: Finding) -> dict[str, Any]:
    return {
        "f": finding,
        "status": status(finding),
        "source": wording.SOURCE.get(finding.source, finding.source),
        "approved": pgettext("separator", "; ").join(_approval(decision) for decision in _granting(finding)[-2:]),
    }


def _granting(finding: Finding) -> list[Decision]:
    return [
        decision
        for request in finding.requests
        if request.state == "granted"
        for decision in request.decisions
        if decision.verdict == "approve"
    ]


def _approval(decision: Decision) -> str:
    person, other = decision.person[:60], decision.on_behalf_of[:60]
    # Translators: who approved, and the day.
    return gettext("%(person)s, %(day)s") % {
        "person": wording.in_place_of(person, other) if other else person,
        "day": wording.day(decision.at),
    }
