"""How the records came to be: gathered, hashed, approved, counted."""

from collections import Counter
from collections.abc import Iterator

from django.utils.translation import gettext, gettext_lazy

from portal.packages.edition import Edition
from portal.packages.sections import Sheet
from portal.packages.sections.s07_findings import cut

TITLE = gettext_lazy("How evidence was gathered")
NUMBERED = True


def sheets(edition: Edition) -> Iterator[Sheet]:
    exhibits, unstated = edition.snapshot.exhibits, gettext("Not stated")
    sources = Counter(exhibit.source_system or unstated for exhibit in exhibits)
    counted = Counter(exhibit.source_system or unstated for exhibit in exhibits if exhibit.row_count is not None)
    queried = Counter(exhibit.source_system or unstated for exhibit in exhibits if exhibit.query)
    rows = [
        {
            "source": source,
            "exhibits": many,
            "counted": counted[source],
            "queried": queried[source],
        }
        for source, many in sorted(sources.items(), key=lambda item: (-item[1], item[0]))
    ]
    yield Sheet("method", TITLE, {"sources": cut(rows)})
