"""How the records came to be: gathered, hashed, approved, counted."""

from collections import Counter
from collections.abc import Iterator

from portal.packages.edition import Edition
from portal.packages.sections import Sheet

TITLE = "How evidence was gathered"
NUMBERED = True


def sheets(edition: Edition) -> Iterator[Sheet]:
    exhibits = edition.snapshot.exhibits
    sources = Counter(exhibit.source_system or "Not stated" for exhibit in exhibits)
    rows = [
        {
            "source": source,
            "exhibits": many,
            "counted": sum(e.row_count is not None for e in exhibits if (e.source_system or "Not stated") == source),
            "queried": sum(bool(e.query) for e in exhibits if (e.source_system or "Not stated") == source),
        }
        for source, many in sorted(sources.items(), key=lambda item: (-item[1], item[0]))
    ]
    yield Sheet("method", TITLE, {"sources": rows})
