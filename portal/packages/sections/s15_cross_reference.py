"""Criteria, controls, findings and exhibits, each way: from a criterion to its evidence, and from a finding back."""

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext_lazy

from portal.packages import paging, wording
from portal.packages.edition import Edition
from portal.packages.sections import Sheet
from portal.packages.snapshot import Finding

TITLE = gettext_lazy("Cross-reference")
NUMBERED = True
#: So many references stand in a cell; the number of the others is said.
MOST = 24
#: What stands above the table of findings on its first page, in millimetres.
ABOVE = 16


def applies(edition: Edition) -> bool:
    return bool(edition.snapshot.controls or edition.snapshot.findings)


def sheets(edition: Edition) -> Iterator[Sheet]:
    yield Sheet("cross_reference", TITLE, {"criteria": list(_criteria(edition))})
    findings = edition.snapshot.findings
    if not findings:
        return
    for page, rows in enumerate(paging.pages(findings, _height, paper=edition.paper, first=ABOVE), 1):
        yield Sheet(
            f"cross_reference-{page}",
            wording.span(rows[0].ref, rows[-1].ref),
            {"findings": [_finding(row) for row in rows], "is_first": page == 1},
            continues=True,
        )


def some(refs: tuple[str, ...] | list[str]) -> str:
    if len(refs) <= MOST:
        return wording.separated(refs) or "—"
    return wording.and_more(wording.separated(refs[:MOST]), len(refs) - MOST)


def _criteria(edition: Edition) -> Iterator[dict[str, Any]]:
    controls: dict[str, list[str]] = {}
    findings: dict[str, list[str]] = {}
    exhibits: dict[str, dict[str, None]] = {}
    for control in edition.snapshot.controls:
        for name in control.criteria:
            controls.setdefault(name, []).append(control.ref)
            exhibits.setdefault(name, {}).update(dict.fromkeys(control.exhibits))
    for finding in edition.snapshot.findings:
        for name in finding.criteria:
            findings.setdefault(name, []).append(finding.ref)
            exhibits.setdefault(name, {}).update(dict.fromkeys(finding.exhibits))
    for criterion in edition.snapshot.criteria:
        name = criterion.identifier
        yield {
            "criterion": criterion,
            "controls": some(controls.get(name, [])),
            "findings": some(findings.get(name, [])),
            "exhibits": some(sorted(exhibits.get(name, {}))),
        }


def _finding(row: Finding) -> dict[str, Any]:
    return {"f": row, "criteria": some(row.criteria), "controls": some(row.controls), "exhibits": some(row.exhibits)}


def _height(row: Finding) -> float:
    return paging.row_height((46, [some(row.criteria)]), (46, [some(row.controls)]), (62, [some(row.exhibits)]))
