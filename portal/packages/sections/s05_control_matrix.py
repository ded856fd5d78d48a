"""Every control in scope: owner, criteria, how often it ran, what was found."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from portal.packages import paging, wording
from portal.packages.edition import Edition
from portal.packages.sections import Sheet
from portal.packages.snapshot import Control

TITLE = "Control matrix"
NUMBERED = True
#: So many controls stand in one table; more are cut into pages before they are set.
TOGETHER = 60
#: So many findings are linked in a control's row.
LINKED = 24
#: What stands above the table on its first page, and the height of a group's heading, in millimetres.
ABOVE, HEADING = 54, 9

Row = tuple[str, Control]


def sheets(edition: Edition) -> Iterator[Sheet]:
    rows = list(_rows(edition))
    results = [control.result for _, control in rows]
    cut = [tuple(rows)] if len(rows) <= TOGETHER else list(_pages(edition, rows))
    for page, part in enumerate(cut):
        yield Sheet(
            "control_matrix" if not page else f"control_matrix-{page + 1}",
            TITLE if not page else f"{part[0][1].ref} to {part[-1][1].ref}",
            {"lead": lead(results), "groups": list(_groups(part)), "is_last": page + 1 == len(cut)},
            continues=bool(page),
        )


def lead(results: list[str]) -> str:
    if not results:
        return "No control is in scope of this package."
    words = {"operated": "ran as due", "gaps": "with gaps", "finding": "with a finding", "not_shown": "not shown"}
    said = [f"{wording.number(results.count(key))} {text}" for key, text in words.items() if key in results]
    return f"{wording.capital(wording.count(len(results), 'control'))}: {wording.listed(said)}."


def _rows(edition: Edition) -> Iterator[Row]:
    """Grouped by the category of the first criterion, in the order in which the categories first occur."""
    groups: dict[str, list[Control]] = {}
    for control in edition.snapshot.controls:
        first = edition.criteria.get(control.criteria[0]) if control.criteria else None
        groups.setdefault(first.category if first else "Other controls", []).append(control)
    for name, controls in groups.items():
        yield from ((name, control) for control in controls)


def _pages(edition: Edition, rows: Sequence[Row]) -> Iterator[tuple[Row, ...]]:
    heads = {id(control) for _, part in groupby(rows, key=lambda row: row[0]) for _, control in [next(part)]}
    return paging.pages(
        rows, lambda row: _height(row[1]) + (HEADING if id(row[1]) in heads else 0), paper=edition.paper, first=ABOVE
    )


def _height(control: Control) -> float:
    linked = ", ".join(control.findings[:LINKED]) + " and 10,000 more" * (len(control.findings) > LINKED)
    return paging.row_height(
        (45, [control.title[:240], control.frequency]),
        (29, [control.owner[:120]]),
        (21, [", ".join(control.criteria)]),
        (18, [linked]),
    )


def _groups(rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    for name, part in groupby(rows, key=lambda row: row[0]):
        yield {"name": name, "rows": [_shown(control) for _, control in part]}


def _shown(control: Control) -> dict[str, Any]:
    words, tone = wording.RESULT[control.result]
    return {
        "control": control,
        "result": words,
        "tone": tone,
        "findings": control.findings[:LINKED],
        "more": max(0, len(control.findings) - LINKED),
    }
