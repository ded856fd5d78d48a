"""Contents with page numbers, document control, distribution."""

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext_lazy

from portal.packages import wording
from portal.packages.edition import Edition
from portal.packages.sections import Sheet, chosen, numbers

TITLE = gettext_lazy("Contents")
NUMBERED = False

#: Above this many findings the contents name ranges; the register lists every one with its page.
SINGLY = 60
RANGE = 25


def sheets(edition: Edition) -> Iterator[Sheet]:
    yield Sheet("contents", TITLE, {"entries": list(_entries(edition))}, listed=False)


def _entries(edition: Edition) -> Iterator[dict[str, Any]]:
    given = numbers(edition)
    for section in chosen(edition):
        if section.subject in given:
            yield {"number": given[section.subject], "anchor": section.subject, "label": section.title}
        elif section.subject == "findings":
            yield from _subordinate(edition)


def _subordinate(edition: Edition) -> Iterator[dict[str, Any]]:
    findings = edition.snapshot.findings
    if len(findings) <= SINGLY:
        for finding in findings:
            yield {"number": None, "anchor": f"finding-{finding.ref}", "label": f"{finding.ref}  {finding.title}"}
        return
    for start in range(0, len(findings), RANGE):
        part = findings[start : start + RANGE]
        yield {"number": None, "anchor": f"finding-{part[0].ref}", "label": wording.span(part[0].ref, part[-1].ref)}
