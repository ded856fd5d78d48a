"""Who, what, which period, which issue."""

from collections.abc import Iterator

from portal.packages import charts, wording
from portal.packages.edition import Edition
from portal.packages.sections import Sheet

TITLE = "Cover"
NUMBERED = False

#: The full package is called by what it holds.
TITLES = {"full": "Remediation and evidence package"}
MARK = {"draft": "Draft", "in_review": "In review", "sealed": "Sealed", "superseded": "Superseded"}


def sheets(edition: Edition) -> Iterator[Sheet]:
    snapshot = edition.snapshot
    identity = snapshot.identity
    yield Sheet(
        "cover",
        TITLE,
        {
            "art": charts.arcs(),
            "mark": MARK[identity.state],
            "foot": wording.foot(identity.confidentiality, identity.ref, identity.issue),
            "start": wording.long_day(snapshot.engagement.period_start),
            "end": wording.long_day(snapshot.engagement.period_end),
            "dated": wording.long_day(identity.as_of.date()),
            "categories": ", ".join(snapshot.engagement.categories),
            "title": TITLES.get(edition.outline.key, edition.outline.title),
            "sentence": edition.outline.cover,
            "accented": bool(snapshot.organization.accent),
            "logo": edition.logo,
        },
        listed=False,
    )
