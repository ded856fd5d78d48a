"""How to check that nothing has changed, and what such a check cannot show."""

from collections.abc import Iterator

from portal.packages.edition import Edition
from portal.packages.sections import Sheet

TITLE = "Integrity and verification"
NUMBERED = True


def sheets(edition: Edition) -> Iterator[Sheet]:
    yield Sheet("integrity", TITLE, {"checkpoint": edition.snapshot.checkpoint})
