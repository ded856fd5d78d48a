"""What a buyer's summary covers and what it does not, and what it leaves out on purpose."""

from collections.abc import Iterator

from django.utils.translation import gettext_lazy

from portal.packages import wording
from portal.packages.edition import Edition
from portal.packages.sections import Sheet
from portal.packages.sections.s03_scope import some

TITLE = gettext_lazy("What this covers")
NUMBERED = True


def sheets(edition: Edition) -> Iterator[Sheet]:
    engagement, scope = edition.snapshot.engagement, edition.snapshot.scope
    yield Sheet(
        "buyer_scope",
        TITLE,
        {
            "gaps": some(scope.gaps),
            "user_controls": some(scope.user_controls),
            "vendors": scope.vendors[:40],
            "start": wording.long_day(engagement.period_start),
            "end": wording.long_day(engagement.period_end),
            "categories": wording.listed(wording.categories(engagement.categories)),
        },
    )
