"""The whole package in one sentence, four figures and two charts."""

from collections.abc import Iterator

from portal.packages import charts, wording
from portal.packages.edition import Edition
from portal.packages.sections import Sheet
from portal.packages.snapshot import Finding, Totals

TITLE = "Executive summary"
NUMBERED = True
LISTED = 4


def sheets(edition: Edition) -> Iterator[Sheet]:
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
            "changed": [_changed(f) for f in closed[-LISTED:]],
            "changed_more": max(0, len(closed) - LISTED),
            "remains": [_remains(f) for f in _gravest(remaining)[:LISTED]],
            "remains_more": max(0, len(remaining) - LISTED),
        },
    )


def sentence(totals: Totals) -> str:
    if not totals.findings:
        return "No finding is in scope of this package"
    if not totals.open:
        held = "the finding is" if totals.findings == 1 else f"all {wording.number(totals.findings)} findings are"
        text = (
            f"{held} closed" if not totals.rejected else f"none of {wording.count(totals.findings, 'finding')} is open"
        )
        return wording.capital(text)
    begin = f"{wording.number(totals.closed)} of {wording.count(totals.findings, 'finding')}"
    verb = "is" if totals.closed == 1 else "are"
    tail = f"{wording.number(totals.open)} {'is' if totals.open == 1 else 'are'} open"
    if totals.overdue:
        late = "that one" if totals.open == 1 else wording.number(totals.overdue)
        tail += f", {late} past its date" if totals.overdue == 1 else f", {late} past their dates"
    return wording.capital(f"{begin} {verb} closed; {tail}")


def lead(totals: Totals) -> str:
    parts = []
    if totals.accepted:
        parts.append(wording.count(totals.accepted, "accepted risk"))
    if totals.deferred:
        parts.append(wording.count(totals.deferred, "deferral"))
    text = "Closed means closed by a recorded approval of somebody who neither did the work nor uploaded its evidence."
    if parts:
        verb = "count" if totals.accepted + totals.deferred > 1 else "counts"
        text += f" {wording.capital(wording.listed(parts))} {verb} as open."
    if totals.rejected:
        text += f" {wording.capital(wording.count(totals.rejected, 'finding'))} "
        text += f"{'was' if totals.rejected == 1 else 'were'} rejected with a reason."
    return text


def _gravest(findings: list[Finding]) -> list[Finding]:
    order = {"critical": 0, "high": 1, "medium": 2, "low": 3}
    return sorted(findings, key=lambda f: (order.get(f.severity, 4), f.ref))


def _changed(finding: Finding) -> dict[str, str]:
    return {"ref": finding.ref, "text": f"{finding.title}: closed {wording.day(finding.closed_on)}."}


def _remains(finding: Finding) -> dict[str, str]:
    due = finding.current_due_on or finding.due_on
    state = wording.STATE.get(finding.state, finding.state)
    return {
        "ref": finding.ref,
        "text": f"{finding.title}: {state[:1].lower() + state[1:]}, "
        + (f"due {wording.day(due)}." if due else "no date set."),
    }
