"""What of the history stands in this package: how many events of which kind, their numbers, their time."""

from collections import Counter
from collections.abc import Iterator

from django.utils.translation import gettext_lazy

from portal.packages import wording
from portal.packages.edition import Edition
from portal.packages.sections import Sheet

TITLE = gettext_lazy("Record of events")
NUMBERED = True


def applies(edition: Edition) -> bool:
    return any(finding.history for finding in edition.snapshot.findings)


def sheets(edition: Edition) -> Iterator[Sheet]:
    events = [event for finding in edition.snapshot.findings for event in finding.history]
    kinds = Counter(event.kind for event in events)
    numbers = [event.number for event in events if event.number is not None]
    yield Sheet(
        "record",
        TITLE,
        {
            "kinds": sorted(kinds.items(), key=lambda item: (-item[1], item[0])),
            "headline": wording.capital(
                wording.counted(
                    "%(number)s event of these findings in the history",
                    "%(number)s events of these findings in the history",
                    len(events),
                )
            ),
            "sum": len(events),
            "first": min(numbers, default=None),
            "last": max(numbers, default=None),
            "begin": min((event.at for event in events), default=None),
            "end": max((event.at for event in events), default=None),
            "people": len({event.actor for event in events if event.actor}),
        },
    )
