"""What the package covers and what it does not; the gaps come first."""

from collections.abc import Iterator

from portal.packages import wording
from portal.packages.edition import Edition
from portal.packages.sections import Sheet

TITLE = "Scope and period"
NUMBERED = True


def sheets(edition: Edition) -> Iterator[Sheet]:
    engagement = edition.snapshot.engagement
    yield Sheet(
        "scope",
        TITLE,
        {
            "gaps": edition.snapshot.scope.gaps,
            "start": wording.long_day(engagement.period_start),
            "end": wording.long_day(engagement.period_end),
            "categories": wording.listed(list(engagement.categories)),
        },
    )
