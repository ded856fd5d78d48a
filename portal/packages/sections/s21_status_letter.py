"""Management's letter on the standing of the findings at one day."""

from collections.abc import Iterator

from django.utils.translation import gettext_lazy

from portal.packages import letters
from portal.packages.edition import Edition
from portal.packages.sections import Sheet

TITLE = gettext_lazy("Remediation status")
NUMBERED = False


def applies(edition: Edition) -> bool:
    return edition.snapshot.template.letter is not None


def sheets(edition: Edition) -> Iterator[Sheet]:
    if applies(edition):
        yield Sheet(
            "status_letter", TITLE, letters.frame(edition) | {"carried": letters.carried(edition)}, listed=False
        )
