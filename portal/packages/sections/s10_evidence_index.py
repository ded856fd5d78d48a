"""Every exhibit with its number, where it came from and its fingerprint."""

from collections.abc import Iterator

from portal.packages import paging, wording
from portal.packages.edition import Edition
from portal.packages.sections import Sheet
from portal.packages.snapshot import Exhibit

TITLE = "Evidence index"
NUMBERED = True
#: What stands above the table on its first page, in millimetres.
ABOVE = 66


def sheets(edition: Edition) -> Iterator[Sheet]:
    exhibits = edition.snapshot.exhibits
    disposed = [exhibit for exhibit in exhibits if exhibit.review == "disposed"]
    outside = [exhibit for exhibit in exhibits if exhibit.not_attached and exhibit.review != "disposed"]
    for page, rows in enumerate(paging.pages(exhibits, _height, paper=edition.paper, first=ABOVE)):
        yield Sheet(
            "evidence_index" if not page else f"evidence_index-{page + 1}",
            TITLE if not page else f"{rows[0].number} to {rows[-1].number}",
            {
                "rows": rows,
                "count": wording.capital(wording.count(len(exhibits), "item")),
                "total": wording.size(sum(exhibit.size for exhibit in exhibits)),
                "outside": outside,
                "disposed": disposed,
            },
            continues=bool(page),
        )


def _height(exhibit: Exhibit) -> float:
    """The fingerprint alone takes three lines, as do the collector, the day and the source together."""
    marks = [exhibit.not_attached] if exhibit.not_attached else []
    marks += ["Version"] if exhibit.version > 1 else []
    marks += ["Not yet reviewed"] if exhibit.review != "accepted" else []
    rows = ", 1,000,000 rows" if exhibit.row_count is not None else ""
    return paging.row_height(
        (44, [exhibit.title[:200], exhibit.filename[:120], *marks]),
        (32, ["1 September 2026 to", "30 September 2026", ", ".join(exhibit.findings)[:200]]),
        (30, [f"{exhibit.collected_by}, 30 Sep 2026", (exhibit.source_system or "Source not stated")[:80] + rows]),
        (49, ["1", "2", "3"]),
    )
