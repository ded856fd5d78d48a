"""Risks that were accepted and dates that were moved: open until they end."""

from collections.abc import Iterator

from portal.packages import wording
from portal.packages.edition import Edition
from portal.packages.sections import Sheet

TITLE = "Risk acceptances and deferrals"
NUMBERED = True


def sheets(edition: Edition) -> Iterator[Sheet]:
    accepted, deferred = edition.snapshot.acceptances, edition.snapshot.deferrals
    said = [
        f"{wording.count(len(accepted), 'risk acceptance')} and {wording.count(len(deferred), 'deferral')} "
        f"{'is' if len(accepted) + len(deferred) == 1 else 'are'} recorded."
    ]
    said.append("Each has an end date. Until then the finding counts as open, and its original date stays on record.")
    yield Sheet("risk", TITLE, {"lead": wording.capital(" ".join(said))})
