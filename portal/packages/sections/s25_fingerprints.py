"""The evidence by its hashes alone: a file that is shown later can be compared with what stood behind this package."""

from collections.abc import Iterator

from django.utils.translation import gettext_lazy

from portal.packages import paging, wording
from portal.packages.edition import Edition
from portal.packages.sections import Sheet
from portal.packages.snapshot import Fingerprint

TITLE = gettext_lazy("Evidence by its hashes")
NUMBERED = True
#: What stands above the table on its first page, in millimetres.
ABOVE = 54


def applies(edition: Edition) -> bool:
    return bool(edition.snapshot.fingerprints)


def sheets(edition: Edition) -> Iterator[Sheet]:
    prints = edition.snapshot.fingerprints
    for page, rows in enumerate(paging.pages(prints, _height, paper=edition.paper, first=ABOVE)):
        if rows:
            yield Sheet(
                "fingerprints" if not page else f"fingerprints-{page + 1}",
                TITLE if not page else wording.span(rows[0].number, rows[-1].number),
                {"rows": rows},
                continues=bool(page),
            )


def _height(row: Fingerprint) -> float:
    return paging.row_height((30, [row.number]))
