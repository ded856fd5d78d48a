"""Populations, counted and hashed before anything is drawn; and, with a seed, the samples, so that anybody can redo them."""

from collections.abc import Iterator
from typing import Any

from portal.packages import paging, sampling, wording
from portal.packages.edition import Edition
from portal.packages.sections import Sheet
from portal.packages.snapshot import Item, Population

TITLE = "Populations and samples"
NUMBERED = True
#: Members of a population without a sample are printed up to so many; all are in the attached rows.
MOST = 400
#: After the sample, so many of the next in the drawing: they replace an item that is not applicable.
SPARE = 5
#: What stands above a sheet's table on its first page, in millimetres.
ABOVE = 62
STATES = {"operated": "Ran", "partial": "Partial", "missed": "Missed", "pending": "Evidence pending"}


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
            "total": wording.capital(wording.count(len(told.populations), "population")),
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
    return (
        shown,
        f"{min(population.size, len(shown))} of {population.count:,} drawn; after them the next in the drawing.",
    )


def _height(item: Item) -> float:
    return paging.row_height((46, [item.id]))
