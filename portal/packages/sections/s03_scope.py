"""What the package covers and what it does not; the gaps come first."""

from collections.abc import Iterator

from django.utils.translation import gettext_lazy, ngettext

from portal.packages import wording
from portal.packages.edition import Edition
from portal.packages.sections import Sheet

TITLE = gettext_lazy("Scope and period")
NUMBERED = True
MOST, LONGEST = 40, 600


def sheets(edition: Edition) -> Iterator[Sheet]:
    engagement = edition.snapshot.engagement
    yield Sheet(
        "scope",
        TITLE,
        {
            "gaps": some(edition.snapshot.scope.gaps),
            "exclusions": some(edition.snapshot.scope.exclusions),
            "user_controls": some(edition.snapshot.scope.user_controls),
            "vendors": edition.snapshot.scope.vendors[:MOST],
            "start": wording.long_day(engagement.period_start),
            "end": wording.long_day(engagement.period_end),
            "categories": wording.listed(wording.categories(engagement.categories)),
        },
    )


def some(texts: tuple[str, ...]) -> list[str]:
    """As many as stand beside each other on a page, each of a length that can be taken in."""
    shown = [text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…" for text in texts[:MOST]]
    if len(texts) > MOST:
        more = len(texts) - MOST
        words = ngettext(
            "And %(more)s more, in the attached snapshot.json.",
            "And %(more)s more, in the attached snapshot.json.",
            more,
        )
        shown.append(words % {"more": wording.figures(more)})
    return shown
