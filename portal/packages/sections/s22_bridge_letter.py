"""Management's letter on the time between the end of a period and the next report: changes and open findings."""

from collections.abc import Iterator
from datetime import timedelta

from django.utils.translation import gettext_lazy

from portal.packages import letters, wording
from portal.packages.edition import Edition
from portal.packages.sections import Sheet

TITLE = gettext_lazy("Bridge letter")
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
            "fresh": wording.capital(
                wording.counted(
                    "%(number)s finding was reported since %(day)s.",
                    "%(number)s findings were reported since %(day)s.",
                    fresh,
                    day=wording.long_day(end),
                )
            ),
            "carried": letters.carried(edition),
        },
        listed=False,
    )
