"""Every control in scope: owner, criteria, how often it ran, what was found."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

from django.utils.translation import gettext, gettext_lazy, pgettext

from portal.packages import paging, wording
from portal.packages.edition import Edition
from portal.packages.sections import Sheet
from portal.packages.snapshot import Control

TITLE = gettext_lazy("Control matrix")
NUMBERED = True
#: So many controls stand in one table; more are cut into pages before they are set.
TOGETHER = 60
#: So many findings are linked in a control's row.
LINKED = 24
#: What stands above the table on its first page, and the height of a group's heading, in millimetres.
ABOVE, HEADING = 54, 9

Row = tuple[str, Control]
#: Parts of the sentence above the table, by what the records of a control show.
SHOWN: dict[str, Callable[[int], str]] = {
    "operated": lambda many: wording.counted("%(number)s ran as due", "%(number)s ran as due", many),
    "gaps": lambda many: wording.counted("%(number)s with gaps", "%(number)s with gaps", many),
    "finding": lambda many: wording.counted("%(number)s with a finding", "%(number)s with a finding", many),
    "not_shown": lambda many: wording.counted("%(number)s not shown", "%(number)s not shown", many),
}


def sheets(edition: Edition) -> Iterator[Sheet]:
    rows = list(_rows(edition))
    results = [control.result for _, control in rows]
    cut = [tuple(rows)] if len(rows) <= TOGETHER else list(_pages(edition, rows))
    for page, part in enumerate(cut):
        yield Sheet(
            "control_matrix" if not page else f"control_matrix-{page + 1}",
            TITLE if not page else wording.span(part[0][1].ref, part[-1][1].ref),
            {"lead": lead(results), "groups": list(_groups(part)), "is_last": page + 1 == len(cut)},
            continues=bool(page),
        )


def lead(results: list[str]) -> str:
    if not results:
        return gettext("No control is in scope of this package.")
    said = [SHOWN[key](results.count(key)) for key in SHOWN if key in results]
    return wording.capital(
        # Translators: a count, then what makes it up: “Thirteen controls: nine ran as due and four with gaps.”
        wording.counted(
            "%(number)s control: %(made_up_of)s.",
            "%(number)s controls: %(made_up_of)s.",
            len(results),
            made_up_of=wording.listed(said),
        )
    )


def _rows(edition: Edition) -> Iterator[Row]:
    """Grouped by the category of the first criterion, in the order in which the categories first occur."""
    groups: dict[str, list[Control]] = {}
    for control in edition.snapshot.controls:
        first = edition.criteria.get(control.criteria[0]) if control.criteria else None
        groups.setdefault(first.category if first else gettext("Other controls"), []).append(control)
    for name, controls in groups.items():
        yield from ((name, control) for control in controls)


def _pages(edition: Edition, rows: Sequence[Row]) -> Iterator[tuple[Row, ...]]:
    heads = {id(control) for _, part in groupby(rows, key=lambda row: row[0]) for _, control in [next(part)]}
    return paging.pages(
        rows, lambda row: _height(row[1]) + (HEADING if id(row[1]) in heads else 0), paper=edition.paper, first=ABOVE
    )


def _height(control: Control) -> float:
    linked = ", ".join(control.findings[:LINKED]) + f" {wording.more(10_000)}" * (len(control.findings) > LINKED)
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
        "more": wording.more(len(control.findings) - LINKED) if len(control.findings) > LINKED else "",
        "ran": pgettext("runs of a control", "%(operated)s of %(due)s")
        % {"operated": wording.figures(control.operated), "due": wording.figures(control.due)},
    }
