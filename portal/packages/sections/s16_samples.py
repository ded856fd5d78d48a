"""Populations, counted and hashed before anything is drawn; and, with a seed, the samples, so that anybody can redo them."""

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext, gettext_lazy, pgettext_lazy

from portal.packages import paging, sampling, wording
from portal.packages.edition import Edition
from portal.packages.sections import Sheet
from portal.packages.snapshot import Item, Population

TITLE = gettext_lazy("Populations and samples")
NUMBERED = True
#: Members of a population without a sample are printed up to so many; all are in the attached rows.
MOST = 400
#: After the sample, so many of the next in the drawing: they replace an item that is not applicable.
SPARE = 5
#: What stands above a sheet's table on its first page, in millimetres.
ABOVE = 62
STATES = {
    "operated": pgettext_lazy("state of a run", "Ran"),
    "partial": pgettext_lazy("state of a run", "Partial"),
    "missed": pgettext_lazy("state of a run", "Missed"),
    "pending": pgettext_lazy("state of a run", "Evidence pending"),
}


def applies(edition: Edition) -> bool:
    return bool(edition.snapshot.sampling.populations)


def sheets(edition: Edition) -> Iterator[Sheet]:
    told = edition.snapshot.sampling
    yield Sheet(
        "samples",
        TITLE,
        {
            "rows": told.populations,
            "drawn": bool(told.seed),
            "counted": [exhibit for exhibit in edition.snapshot.exhibits if exhibit.row_count is not None][:MOST],
            "headline": wording.capital(
                wording.counted(
                    "%(number)s population, counted before anything is drawn",
                    "%(number)s populations, counted before anything is drawn",
                    len(told.populations),
                )
            ),
            "explained": _explained(edition),
            "is_sample": True,
        },
    )
    for population in told.populations:
        if population.items:
            yield from _sheet(edition, population)


def _sheet(edition: Edition, population: Population) -> Iterator[Sheet]:
    told = edition.snapshot.sampling
    listed, note = _listed(population, bool(told.seed))
    cut = list(paging.pages(listed, _height, paper=edition.paper, first=ABOVE))
    for page, rows in enumerate(cut, 1):
        data: dict[str, Any] = {
            "population": population,
            "key": sampling.key(told.seed, population.control, population.sha256) if told.seed else "",
            "items": [(item, STATES.get(item.state, item.state), item.rank > population.size) for item in rows],
            "is_first": page == 1,
            "note": note if page == len(cut) else "",
        }
        anchor = f"sample-{population.control}" + (f"-{page}" if page > 1 else "")
        yield Sheet(anchor, f"{population.control}", data, continues=True)


def _listed(population: Population, drawn: bool) -> tuple[list[Item], str]:
    if not drawn:
        shown = list(population.items[:MOST])
        return shown, wording.rows_note(len(shown), population.count)
    ranked = sorted((item for item in population.items if item.rank), key=lambda item: item.rank)
    shown = ranked[: population.size + SPARE]
    note = gettext("%(drawn)s of %(all)s drawn; after them the next in the drawing.") % {
        "drawn": min(population.size, len(shown)),
        "all": wording.figures(population.count),
    }
    return shown, note


def _explained(edition: Edition) -> str:
    values = {
        "start": wording.day(edition.snapshot.engagement.period_start),
        "end": wording.day(edition.snapshot.as_of),
    }
    what = gettext(
        "A population is every run that fell due from %(start)s to %(end)s or the period’s end, missed ones among them. "
        "Its ids are “control day”, sorted, each with a line feed. A population of none says that nothing fell due; it is "
        "not a pass."
    )
    sizes = {
        "lower": gettext(
            "Usual sizes follow common practice of firms at lower risk; the service auditor decides on size and items."
        ),
        "higher": gettext(
            "Usual sizes follow common practice of firms at higher risk; the service auditor decides on size and items."
        ),
    }
    return f"{what % values} {sizes[edition.snapshot.sampling.risk]}"


def _height(item: Item) -> float:
    return paging.row_height((46, [item.id]))
