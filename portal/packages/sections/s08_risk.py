"""Risks that were accepted and dates that were moved: open until they end."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from django.utils.translation import gettext, gettext_lazy, ngettext

from portal.packages import wording
from portal.packages.edition import Edition
from portal.packages.sections import Sheet
from portal.packages.sections.s07_findings import cut

TITLE = gettext_lazy("Risk acceptances and deferrals")
NUMBERED = True


def sheets(edition: Edition) -> Iterator[Sheet]:
    accepted, deferred = edition.snapshot.acceptances, edition.snapshot.deferrals
    end = edition.snapshot.engagement.period_end
    yield Sheet(
        "risk",
        TITLE,
        {
            "lead": wording.capital(_recorded(len(accepted), len(deferred)))
            + " "
            + gettext(
                "Each has an end date. Until then the finding counts as open, and its original date stays on record."
            ),
            "day": wording.long_day(min(end, edition.snapshot.as_of)),
            "is_over": end <= edition.snapshot.as_of,
            "open": cut(standing(edition, min(end, edition.snapshot.as_of))),
            "accepted": cut(accepted),
            "deferred": cut(deferred),
        },
    )


def _recorded(accepted: int, deferred: int) -> str:
    # Translators: the verb stands with the sum of both counts: “One risk acceptance and no deferrals is recorded.”
    return ngettext(
        "%(acceptances)s and %(deferrals)s is recorded.",
        "%(acceptances)s and %(deferrals)s are recorded.",
        accepted + deferred,
    ) % {
        "acceptances": wording.counted("%(number)s risk acceptance", "%(number)s risk acceptances", accepted),
        "deferrals": wording.counted("%(number)s deferral", "%(number)s deferrals", deferred),
    }


def standing(edition: Edition, on: date) -> list[dict[str, Any]]:
    """What was granted by that day and had not ended then: carried over the end of the period."""
    carried = (
        *((gettext("Risk accepted"), row, row.expires_on) for row in edition.snapshot.acceptances),
        *((gettext("Date moved"), row, row.new_due_on) for row in edition.snapshot.deferrals),
    )
    return [
        {"kind": kind, "row": row, "until": until}
        for kind, row, until in carried
        if row.granted_on is not None
        and row.granted_on <= on
        and (until is None or until >= on)
        and (row.ended_on is None or row.ended_on > on)
    ]
