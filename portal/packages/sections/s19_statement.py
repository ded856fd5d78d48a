"""What management says in its own words; marked, because nobody outside has examined it."""

from collections.abc import Iterator

from django.utils.translation import gettext_lazy

from portal.packages.edition import Edition
from portal.packages.sections import Sheet

TITLE = gettext_lazy("Management’s statement")
NUMBERED = True


def applies(edition: Edition) -> bool:
    return bool(edition.snapshot.template.statement)


def sheets(edition: Edition) -> Iterator[Sheet]:
    if applies(edition):
        yield Sheet("statement", TITLE, {"text": edition.snapshot.template.statement})
