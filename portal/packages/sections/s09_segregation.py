"""Who may not do what to the same finding, what was refused, and every exception."""

from collections.abc import Iterator

from django.utils.translation import gettext, gettext_lazy

from portal.packages import paging, wording
from portal.packages.edition import Edition
from portal.packages.sections import Sheet
from portal.packages.sections.s07_findings import cut
from portal.packages.snapshot import Decision, Request

TITLE = gettext_lazy("Segregation of duties")
NUMBERED = True
#: So many decisions stand on the section's own pages; more get pages of their own, under a heading of this height.
BESIDE, ABOVE = 12, 14


Row = tuple[str, Request, Decision]


def sheets(edition: Edition) -> Iterator[Sheet]:
    duties = edition.snapshot.duties
    decisions = [
        (finding.ref, request, decision)
        for finding in edition.snapshot.findings
        for request in finding.requests
        for decision in request.decisions
    ]
    exceptions = len(duties.waivers) + len(duties.delegations) + len(duties.break_glass)
    yield Sheet(
        "segregation",
        TITLE,
        {
            "headline": _headline(len(decisions), exceptions),
            "decisions": decisions if len(decisions) <= BESIDE else (),
            "refused": duties.refused,
            "exceptions": exceptions,
            "waivers": cut(duties.waivers),
            "delegations": cut(duties.delegations),
            "break_glass": cut(duties.break_glass),
        },
    )
    if len(decisions) > BESIDE:
        for page, rows in enumerate(paging.pages(decisions, _height, paper=edition.paper, first=ABOVE), 1):
            label = gettext("decisions on %(first)s to %(last)s") % {"first": rows[0][0], "last": rows[-1][0]}
            yield Sheet(f"segregation-{page}", label, {"decisions": rows, "is_first": page == 1}, continues=True)


def _height(row: Row) -> float:
    _, request, decision = row
    other = decision.on_behalf_of
    person = wording.in_place_of(decision.person, other) if other else decision.person
    return paging.row_height(
        (36, [wording.term(request.action)]),
        (45, [person, *([decision.department] if decision.department else [])]),
        (18, [decision.rules]),
    )


def _headline(decisions: int, exceptions: int) -> str:
    if not decisions:
        return gettext("No decision was needed for the findings in this package")
    text = gettext("%(decisions)s, %(exceptions)s") % {
        "decisions": wording.counted("%(number)s decision", "%(number)s decisions", decisions),
        "exceptions": wording.counted(
            "%(number)s exception to the rules", "%(number)s exceptions to the rules", exceptions
        ),
    }
    return wording.capital(text)
