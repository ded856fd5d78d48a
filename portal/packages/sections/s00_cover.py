"""Who, what, which period, which issue."""

from collections.abc import Iterator

from django.utils.translation import gettext, gettext_lazy, pgettext_lazy

from portal.packages import charts, wording
from portal.packages.edition import Edition
from portal.packages.sections import Sheet

TITLE = gettext_lazy("Cover")
NUMBERED = False

#: The full package is called by what it holds.
TITLES = {"full": gettext_lazy("Remediation and evidence package")}
MARK = {
    "draft": pgettext_lazy("state of a package", "Draft"),
    "in_review": pgettext_lazy("state of a package", "In review"),
    "sealed": pgettext_lazy("state of a package", "Sealed"),
    "superseded": pgettext_lazy("state of a package", "Superseded"),
}


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
            "dated": wording.long_day(identity.as_of.date()),
            "categories": wording.separated(wording.categories(snapshot.engagement.categories)),
            "title": TITLES.get(edition.outline.key, edition.outline.title),
            "sentence": _sentence(edition),
            "accented": bool(snapshot.organization.accent),
            "logo": edition.logo,
        },
        listed=False,
    )


def _sentence(edition: Edition) -> str:
    engagement = edition.snapshot.engagement
    # Translators: what the document holds, then the dates of the period that it is about.
    return gettext("%(about)s %(start)s to %(end)s.") % {
        "about": edition.outline.cover,
        "start": wording.long_day(engagement.period_start),
        "end": wording.long_day(engagement.period_end),
    }
