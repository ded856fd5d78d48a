"""The whole package in one sentence, four figures and two charts."""

from collections.abc import Iterator

from django.utils.translation import gettext, gettext_lazy, ngettext

from portal.packages import charts, wording
from portal.packages.edition import Edition
from portal.packages.sections import Sheet
from portal.packages.snapshot import Finding, Totals

TITLE = gettext_lazy("Executive summary")
NUMBERED = True
#: Rows of what was closed and of what remains, and how much of a title each shows: the summary is one page.
LISTED = {"A4": 4, "letter": 3}
SHORT = 60


def sheets(edition: Edition) -> Iterator[Sheet]:
    listed = LISTED[edition.paper]
    totals = edition.totals
    findings = edition.snapshot.findings
    remaining = [f for f in findings if f.is_open]
    closed = sorted((f for f in findings if f.is_closed and f.closed_on), key=lambda f: (f.closed_on, f.ref))
    yield Sheet(
        "summary",
        TITLE,
        {
            "sentence": sentence(totals),
            "lead": lead(totals),
            "burn_down": charts.burn_down(edition.snapshot),
            "exposure": charts.exposure(edition.snapshot),
            "changed": [_changed(f) for f in closed[-listed:]],
            "changed_more": max(0, len(closed) - listed),
            "remains": [_remains(f) for f in _gravest(remaining)[:listed]],
            "remains_more": max(0, len(remaining) - listed),
        },
    )


def sentence(totals: Totals) -> str:
    """Without a full stop, for it is a title, too."""
    if not totals.findings:
        return gettext("No finding is in scope of this package")
    return wording.capital(_standing(totals) if totals.open else _none_open(totals))


def _none_open(totals: Totals) -> str:
    if totals.rejected:
        # Translators: some of them were rejected, so they are not all closed.
        return wording.counted(
            "none of %(number)s finding is open", "none of %(number)s findings is open", totals.findings
        )
    return wording.counted("the finding is closed", "all %(number)s findings are closed", totals.findings)


def _standing(totals: Totals) -> str:
    # Translators: how many findings there are, within “three of twelve findings are closed”.
    whole = wording.counted_in("within a sentence", "%(number)s finding", "%(number)s findings", totals.findings)
    closed = ngettext("%(closed)s of %(findings)s is closed", "%(closed)s of %(findings)s are closed", totals.closed)
    # Translators: two clauses: “three of twelve findings are closed; nine are open, two past their dates”.
    return gettext("%(closed)s; %(open)s") % {
        "closed": closed % {"closed": wording.number(totals.closed), "findings": whole},
        "open": _open(totals.open, totals.overdue),
    }


def _open(many: int, late: int) -> str:
    if not late:
        # Translators: findings that are open, behind a semicolon.
        return wording.counted("%(number)s is open", "%(number)s are open", many)
    if many == 1:
        return gettext("one is open, that one past its date")
    if late == 1:
        return wording.counted("%(number)s is open, one past its date", "%(number)s are open, one past its date", many)
    return wording.counted(
        "%(number)s is open, %(late)s past their dates",
        "%(number)s are open, %(late)s past their dates",
        many,
        late=wording.number(late),
    )


def lead(totals: Totals) -> str:
    said = [
        gettext(
            "Closed means closed by a recorded approval of somebody who neither did the work nor uploaded its evidence."
        )
    ]
    if carried := totals.accepted + totals.deferred:
        words = ngettext("%(what)s counts as open.", "%(what)s count as open.", carried)
        said.append(wording.capital(words % {"what": wording.carried(totals.accepted, totals.deferred)}))
    if totals.rejected:
        rejected = wording.counted(
            "%(number)s finding was rejected with a reason.",
            "%(number)s findings were rejected with a reason.",
            totals.rejected,
        )
        said.append(wording.capital(rejected))
    return " ".join(said)


def _gravest(findings: list[Finding]) -> list[Finding]:
    order = {"critical": 0, "high": 1, "medium": 2, "low": 3}
    return sorted(findings, key=lambda f: (order.get(f.severity, 4), f.ref))


def _changed(finding: Finding) -> dict[str, str]:
    told = {"title": _short(finding.title), "day": wording.day(finding.closed_on)}
    # Translators: a finding’s title, and the day on which it was closed.
    return {"ref": finding.ref, "text": gettext("%(title)s: closed %(day)s.") % told}


def _short(title: str) -> str:
    """So much of it that a row takes two lines, its date among them; the register has the whole."""
    return title if len(title) <= SHORT else f"{title[: SHORT - 1].rstrip()}…"


def _remains(finding: Finding) -> dict[str, str]:
    due = finding.current_due_on or finding.due_on
    told = {"title": _short(finding.title), "state": wording.state_within(finding.state), "day": wording.day(due)}
    text = gettext("%(title)s: %(state)s, due %(day)s.") if due else gettext("%(title)s: %(state)s, no date set.")
    return {"ref": finding.ref, "text": text % told}
