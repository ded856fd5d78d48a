"""How often each control was due and ran in the period, and every gap with what was said of it."""

from collections.abc import Iterator
from typing import Any

from portal.packages import paging, wording
from portal.packages.edition import Edition
from portal.packages.sections import Sheet
from portal.packages.snapshot import Control, Gap

TITLE = "Control runs and gaps"
NUMBERED = True
#: So many gaps are printed; all of them are in the attached rows.
MOST = 400
#: What stands above the table of gaps, and above that of runs, on its first page, in millimetres.
ABOVE, HEAD = 16, 62
COUNTED = ("due", "operated", "partial", "missed", "pending")

Row = tuple[Control, Gap]


def applies(edition: Edition) -> bool:
    return any(control.due for control in edition.snapshot.controls)


def sheets(edition: Edition) -> Iterator[Sheet]:
    due = [control for control in edition.snapshot.controls if control.due]
    sums = {name: sum(getattr(control, name) for control in due) for name in COUNTED}
    told = {"sums": sums, "share": share(sums["operated"], sums["due"])}
    cut = list(paging.pages(due, _row_height, paper=edition.paper, first=HEAD))
    for page, part in enumerate(cut):
        yield Sheet(
            "monitoring" if not page else f"monitoring-runs-{page + 1}",
            TITLE if not page else f"runs of {part[0].ref} to {part[-1].ref}",
            told | {"rows": [_coverage(control) for control in part], "is_last": page + 1 == len(cut)},
            continues=bool(page),
        )
    yield from _gaps(edition, [(control, gap) for control in due for gap in control.gaps])


def _gaps(edition: Edition, gaps: list[Row]) -> Iterator[Sheet]:
    if not gaps:
        return
    shown = gaps[:MOST]
    note = wording.rows_note(len(shown), len(gaps))
    cut = list(paging.pages(shown, _height, paper=edition.paper, first=ABOVE))
    for page, rows in enumerate(cut, 1):
        yield Sheet(
            f"monitoring-{page}",
            f"gaps of {rows[0][0].ref} to {rows[-1][0].ref}",
            {"gaps": rows, "is_first": page == 1, "note": note if page == len(cut) else ""},
            continues=True,
        )


def share(ran: int, due: int) -> str:
    """Rounded down, so that a run that is missing never reads as 100 %."""
    return f"{100 * ran // due} %" if due else "—"


def _coverage(control: Control) -> dict[str, Any]:
    return {"control": control, "share": share(control.operated, control.due)}


def _height(row: Row) -> float:
    return paging.row_height((46, [row[0].title[:120]]), (68, [row[1].explanation[:300] or "Nothing was said of it"]))


def _row_height(control: Control) -> float:
    return paging.row_height((42, [control.title[:160]]), (28, [control.frequency]))
