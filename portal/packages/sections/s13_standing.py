"""Where the findings stand, in figures: by state, by criterion, by who owns them, and month by month."""

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext, gettext_lazy

from portal.packages import charts, wording
from portal.packages.edition import Edition
from portal.packages.sections import Sheet
from portal.packages.snapshot import OPEN_STATES, REJECTED_STATES, Finding

TITLE = gettext_lazy("Standing of the findings")
NUMBERED = True
#: So many criteria and owners are shown; the others are counted in one line.
MOST = 40


def applies(edition: Edition) -> bool:
    return bool(edition.snapshot.findings)


def sheets(edition: Edition) -> Iterator[Sheet]:
    findings, as_of = edition.snapshot.findings, edition.snapshot.as_of
    criteria: dict[str, list[Finding]] = {}
    owners: dict[str, list[Finding]] = {}
    for finding in findings:
        for name in finding.criteria or (gettext("Not mapped"),):
            criteria.setdefault(name, []).append(finding)
        if finding.is_open:
            owners.setdefault(finding.owner or gettext("Nobody named"), []).append(finding)
    known = list(edition.criteria)
    ordered = sorted(criteria.items(), key=lambda item: known.index(item[0]) if item[0] in known else len(known))
    carried = sorted(owners.items(), key=lambda item: (-len(item[1]), item[0]))
    yield Sheet(
        "standing",
        TITLE,
        {
            "states": [_state(state, many) for state, many in _in_order(edition.totals.by_state)],
            "criteria": [_criterion(edition, name, rows) for name, rows in ordered[:MOST]],
            "criteria_note": _note(gettext("%(shown)s of %(all)s criteria are shown."), len(ordered)),
            "owners": [_owner(edition, name, rows) for name, rows in carried[:MOST]]
            if edition.outline.tells_people
            else [],
            "owners_note": _note(gettext("%(shown)s of %(all)s owners are shown."), len(carried)),
            "months": [
                {"end": wording.day(month.end), "open": month.open, "closed": month.closed}
                for month in charts.months(edition.snapshot)
            ],
            "as_of": as_of,
        },
    )


def _in_order(by_state: tuple[tuple[str, int], ...]) -> list[tuple[str, int]]:
    order = {state: place for place, state in enumerate((*OPEN_STATES, "closed", *REJECTED_STATES))}
    return sorted(by_state, key=lambda item: order.get(item[0], len(order)))


def _state(state: str, many: int) -> dict[str, Any]:
    return {"state": wording.STATE.get(state, state), "many": many, "is_open": state in OPEN_STATES}


def _criterion(edition: Edition, name: str, rows: list[Finding]) -> dict[str, Any]:
    as_of = edition.snapshot.as_of
    return {
        "name": name,
        "title": edition.criteria[name].title if name in edition.criteria else "",
        "all": len(rows),
        "open": sum(row.is_open for row in rows),
        "late": sum(row.is_overdue(as_of) for row in rows),
        "closed": sum(row.is_closed for row in rows),
    }


def _owner(edition: Edition, name: str, rows: list[Finding]) -> dict[str, Any]:
    as_of = edition.snapshot.as_of
    ages = [days for row in rows if (days := row.days_open(as_of)) is not None]
    return {
        "name": name,
        "open": len(rows),
        "grave": sum(row.severity in ("critical", "high") for row in rows),
        "late": sum(row.is_overdue(as_of) for row in rows),
        "oldest": max(ages, default=None),
    }


def _note(words: str, many: int) -> str:
    return words % {"shown": MOST, "all": wording.figures(many)} if many > MOST else ""
