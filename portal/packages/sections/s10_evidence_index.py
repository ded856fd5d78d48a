"""Every exhibit with its number, where it came from and its fingerprint."""

from collections.abc import Iterator

from portal.packages import paging, wording
from portal.packages.edition import Edition, Placed
from portal.packages.sections import Sheet
from portal.packages.snapshot import Exhibit

TITLE = "Evidence index"
NUMBERED = True
#: What stands above the table on its first page, in millimetres.
ABOVE = 84


def sheets(edition: Edition) -> Iterator[Sheet]:
    exhibits = edition.snapshot.exhibits
    disposed = [exhibit for exhibit in exhibits if exhibit.review == "disposed"]
    outside = [exhibit for exhibit in exhibits if exhibit.not_attached and exhibit.review != "disposed"]

    def height(exhibit: Exhibit) -> float:
        return _height(exhibit, _place(edition, exhibit))

    for page, rows in enumerate(paging.pages(exhibits, height, paper=edition.paper, first=ABOVE)):
        yield Sheet(
            "evidence_index" if not page else f"evidence_index-{page + 1}",
            TITLE if not page else f"{rows[0].number} to {rows[-1].number}",
            {
                "rows": [(exhibit, _place(edition, exhibit)) for exhibit in rows],
                "count": wording.capital(wording.count(len(exhibits), "item")),
                "total": wording.size(sum(exhibit.size for exhibit in exhibits)),
                "outside": outside,
                "disposed": disposed,
                "volumes": edition.volumes,
            },
            continues=bool(page),
        )


def _place(edition: Edition, exhibit: Exhibit) -> str:
    """“4 pages, from page 31”, and what stands there when it is no copy of the whole."""
    placed: Placed | None = edition.placed.get(exhibit.number)
    if placed is None:
        return ""
    where = f"page {placed.page:,}" if len(edition.volumes) < 2 else f"page {placed.page:,} of volume {placed.volume}"
    if placed.note == "slip sheet":
        return f"Slip sheet on {where}"
    pages = f"{wording.capital(wording.count(placed.pages, 'page'))}, {'from' if placed.pages > 1 else 'on'} {where}"
    parts = f"; with {_span(placed.parts)}" if placed.parts else ""
    return pages + (f", {placed.note}" if placed.note else "") + parts


def _span(numbers: tuple[str, ...]) -> str:
    return numbers[0] if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"


def _height(exhibit: Exhibit, place: str) -> float:
    """The fingerprint alone takes two lines and the size one, as do the collector, the day and the source together."""
    marks = [exhibit.not_attached] if exhibit.not_attached else []
    marks += ["Version"] if exhibit.version > 1 else []
    marks += ["Not yet reviewed"] if exhibit.review != "accepted" else []
    rows = ", 1,000,000 rows" if exhibit.row_count is not None else ""
    return paging.row_height(
        (44, [exhibit.title[:200], exhibit.filename[:120], *marks]),
        (32, ["1 September 2026 to", "30 September 2026", ", ".join(exhibit.findings)[:200]]),
        (30, [f"{exhibit.collected_by}, 30 Sep 2026", (exhibit.source_system or "Source not stated")[:80] + rows]),
        (49, ["1", "2", "3", place]),
    )
