"""How often each control was due and ran in the period, and every gap with what was said of it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext, gettext_lazy

from portal.packages import paging, wording
from portal.packages.edition import Edition
from portal.packages.sections import Sheet
from portal.packages.snapshot import Control, Gap

TITLE = gettext_lazy("Control runs and gaps")
NUMBERED = True
#: So many rows of gaps are printed; every gap is in the attached rows.
MOST = 400
#: What stands above the table of gaps, and above that of runs, on its first page, in millimetres.
ABOVE, HEAD = 16, 62
COUNTED = ("due", "operated", "partial", "missed", "pending")


@dataclass(frozen=True)
class Stretch:
    """Gaps of one control that followed each other in its own due sequence, alike in state and explanation."""

    control: Control
    first: date
    last: date
    runs: int
    state: str
    explanation: str


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
            TITLE
            if not page
            else gettext("runs of %(first)s to %(last)s") % {"first": part[0].ref, "last": part[-1].ref},
            told | {"rows": [_coverage(control) for control in part], "is_last": page + 1 == len(cut)},
            continues=bool(page),
        )
    yield from _gaps(edition, [stretch for control in due for stretch in stretches(control)])


def stretches(control: Control) -> Iterator[Stretch]:
    """The control's gaps by their days; a run between two that was recorded, or is still pending, parts them."""
    gaps = sorted(control.gaps, key=lambda gap: gap.on)
    start = 0
    for at in range(1, len(gaps) + 1):
        if at == len(gaps) or not _follows(gaps[at - 1], gaps[at]):
            first, last = gaps[start], gaps[at - 1]
            yield Stretch(control, first.on, last.on, at - start, first.state, first.explanation)
            start = at


def _follows(before: Gap, gap: Gap) -> bool:
    is_next = bool(before.place) and gap.place == before.place + 1
    return is_next and (gap.state, gap.explanation) == (before.state, before.explanation)


def _gaps(edition: Edition, rows: list[Stretch]) -> Iterator[Sheet]:
    if not rows:
        return
    shown = rows[:MOST]
    note = _note(shown, rows)
    cut = list(paging.pages(shown, _height, paper=edition.paper, first=ABOVE))
    for page, part in enumerate(cut, 1):
        is_last = page == len(cut)
        yield Sheet(
            f"monitoring-{page}",
            gettext("gaps of %(first)s to %(last)s") % {"first": part[0].control.ref, "last": part[-1].control.ref},
            {
                "gaps": part,
                "is_first": page == 1,
                "sum": _runs(rows) if is_last and not note else None,
                "note": note if is_last else "",
            },
            continues=True,
        )


def _note(shown: list[Stretch], rows: list[Stretch]) -> str:
    """Under a table that was cut: rows and the gaps that they hold, for a row may hold many."""
    if len(shown) == len(rows):
        return ""
    return gettext(
        "Rows 1 to %(shown)s of %(all)s, with %(gaps_shown)s of %(gaps)s gaps; every gap is in the attached snapshot.json."
    ) % {
        "shown": wording.figures(len(shown)),
        "all": wording.figures(len(rows)),
        "gaps_shown": wording.figures(_runs(shown)),
        "gaps": wording.figures(_runs(rows)),
    }


def _runs(rows: Iterable[Stretch]) -> int:
    return sum(row.runs for row in rows)


def share(ran: int, due: int) -> str:
    """Rounded down, so that a run that is missing never reads as 100 %."""
    return gettext("%(percent)s %%") % {"percent": 100 * ran // due} if due else "—"


def _coverage(control: Control) -> dict[str, Any]:
    return {"control": control, "share": share(control.operated, control.due)}


def _height(row: Stretch) -> float:
    return paging.row_height(
        (42, [row.control.title[:120]]),
        (36, [wording.days(row.first, row.last)]),
        (42, [row.explanation[:300] or gettext("Nothing was said of it")]),
    )


def _row_height(control: Control) -> float:
    return paging.row_height((42, [control.title[:160]]), (28, [wording.term(control.frequency)]))
