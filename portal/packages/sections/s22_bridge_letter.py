"""Management's letter on the time between the end of a period and the next report: changes and open findings."""

from collections.abc import Iterator
from datetime import timedelta

from portal.packages import letters, wording
from portal.packages.edition import Edition
from portal.packages.sections import Sheet

TITLE = "Bridge letter"
NUMBERED = False


def applies(edition: Edition) -> bool:
    return edition.snapshot.template.letter is not None


def sheets(edition: Edition) -> Iterator[Sheet]:
    if not applies(edition):
        return
    end = edition.snapshot.engagement.period_end
    fresh = letters.since(edition, end)
    yield Sheet(
        "bridge_letter",
        TITLE,
        letters.frame(edition)
        | {
            "from": wording.long_day(end + timedelta(days=1)),
            "fresh": wording.capital(wording.count(fresh, "finding")),
            "was": "was" if fresh == 1 else "were",
            "carried": letters.carried(edition),
        },
        listed=False,
    )
