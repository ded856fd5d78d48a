"""The segregation of duties report as CSV and as PDF: the same rows as the page, set in a limited child process."""

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from evidence import clock
from evidence.actors import Actor
from evidence.organizations.models import Organization
from evidence.vault import services as vault
from portal.packages import documents, wording
from portal.packages.register import safe
from portal.watch import report, services
from portal.watch.models import Report
from remediation.sod.duties import Duty

#: What is printed while somebody waits; a longer report is a job.
AT_ONCE = 400
#: What one PDF lists. The page and the CSV go on.
MOST = 10_000
LIMIT_BYTES = 200 * 1024 * 1024
COLUMNS = (
    "at", "item", "cycle", "action", "verdict", "decided_by", "department", "asked_by", "reason", "request_state",
    "who_did_what", "rules", "exceptions", "conflicts", "event",
)  # fmt: skip


@dataclass(frozen=True)
class Order:
    """Whose report of which period, by whom and when."""

    organization: Organization
    chosen: report.Period
    by: str
    at: datetime


def csv_lines(chosen: report.Period) -> Iterator[bytes]:
    """The decisions, one line each, as they are read; no cell is taken for a formula."""
    yield b"\xef\xbb\xbf" + _line(COLUMNS)
    for row in report.every_decision(chosen):
        yield _line(_cells(row))


def _line(cells: Any) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().encode()


def _cells(row: report.DecisionRow) -> list[Any]:
    return [
        row.at.isoformat(timespec="seconds"), safe(row.subject_ref), row.cycle, safe(row.word), row.verdict,
        safe(row.by), safe(row.department), safe(row.requester), safe(row.reason), row.state, safe(row.who_did_what),
        safe(row.rules), safe(" ".join(row.waivers)), safe(" ".join(row.conflicts)),
        "" if row.event is None else row.event,
    ]  # fmt: skip


def document(order: Order) -> documents.Document:
    """What is printed: everything of the page, and decisions up to the PDF's limit."""
    found = report.summary(order.organization.pk, order.chosen, limit=MOST)
    rows = []
    for row in report.every_decision(order.chosen):
        if len(rows) == MOST:
            break
        rows.append(_decision(row))
    data = {
        "period": order.chosen.words,
        "zone": order.chosen.zone,
        "counts": found.counts,
        "decisions": rows,
        "cut": found.counts["decisions"] > len(rows),
        "conflicts": [_conflict(one) for one in found.conflicts],
        "exceptions": _plain(found.exceptions),
        "delegations": _plain(found.delegations),
        "emergencies": _plain(found.emergencies),
        "refused": _plain(found.refused),
        "policies": _plain(found.policies),
        "links": _plain(found.links),
        "rules": {
            "sha256": found.rules.sha256,
            "matrix_version": found.rules.matrix_version,
            "policies": found.rules.policies,
        },
        "round": _round(found.last_round),
        "ledger": {
            "size": found.standing.size,
            "root": found.standing.root,
            "note": found.standing.note,
            "waiting": found.standing.waiting,
        },
        "made_at": wording.moment(order.at),
        "made_by": order.by,
    }
    return documents.Document(
        template="packages/duties.html",
        title=f"Segregation of duties report of {order.organization.name}",
        subject=f"{order.organization.name}: decisions, conflicts and exceptions from {order.chosen.words}",
        organization=order.organization.name,
        foot=f"Segregation of duties report · {order.chosen.words} · {wording.moment(order.at)}",
        at=order.at,
        data=data,
    )


def _decision(row: report.DecisionRow) -> dict[str, Any]:
    return {
        "at": wording.moment(row.at),
        "ref": row.subject_ref,
        "cycle": row.cycle,
        "word": row.word,
        "verdict": "approved" if row.verdict == "approve" else "rejected",
        "by": row.by,
        "department": row.department,
        "requester": row.requester,
        "reason": row.reason[:600],
        "hands": [[name, ", ".join(duty.lower() for duty in duties)] for name, duties in row.hands],
        "rules": row.rules,
        "event": row.event,
        "conflicts": list(row.conflicts),
        "waivers": list(row.waivers),
    }


def _conflict(one: Any) -> dict[str, Any]:
    case = getattr(one, "case", None)
    return {
        "rule": one.rule,
        "sentence": one.sentence,
        "ref": one.subject_ref or one.act_type,
        "cycle": one.cycle,
        "person": one.person.name,
        "other": one.other.name if one.other else "",
        "at": wording.moment(one.act_at) if one.act_at else "",
        "found_at": wording.moment(one.found_at),
        "finding": case.finding.ref if case else "",
    }


def _round(found: Any) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "at": wording.moment(found.ended_at),
        "judged": sum(found.judged.values()),
        "found": found.found,
        "sha256": found.rules_sha256,
    }


def _plain(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    labels = dict(Duty.choices)
    told = []
    for row in rows:
        plain = {name: wording.moment(value) if isinstance(value, datetime) else value for name, value in row.items()}
        if "duty" in plain:
            plain["duty"] = labels.get(plain["duty"], plain["duty"])
        told.append({name: "" if value is None else value for name, value in plain.items()})
    return told


def told(printed: documents.Printed, order: Order, decisions: int) -> dict[str, Any]:
    """What the event says of a printed report."""
    return {
        "from": order.chosen.start.isoformat(),
        "to": order.chosen.end.isoformat(),
        "decisions": decisions,
        "sha256": printed.sha256,
        "pages": printed.pages,
        "form": "pdf",
    }


def keep(chosen: report.Period, *, actor: Actor, inside: services.Inside, watch: Callable[..., object]) -> Report:
    """Print a long report and keep its file in the vault, with the event of it."""
    with inside():
        organization = Organization.objects.get(pk=actor.organization_id)
        order = Order(organization, chosen, actor.name or "the portal", clock.now())
        made = document(order)
    watch(1, 3, "Setting the pages")
    # Between, the child's own note of progress goes on; what it raises when cancelled ends the child.
    printed = documents.printed(made, watch=lambda done, total, note: watch(1, 3, note))
    sealed = vault.store(io.BytesIO(printed.content), organization_id=organization.pk, limit_bytes=LIMIT_BYTES)
    watch(2, 3, "Keeping the file")
    try:
        with inside():
            row = Report.objects.create(
                organization=organization,
                start=chosen.start,
                end=chosen.end,
                blob=vault.adopt(sealed),
                sha256=printed.sha256,
                pages=printed.pages,
                made_by_id=actor.person_id,
            )
            services.record_report(actor=actor, data=told(printed, order, made.data["counts"]["decisions"]))
    except BaseException:
        vault.discard(sealed)
        raise
    return row


def find(report_id: UUID) -> Report | None:
    """A kept report of the organization entered, or None."""
    return Report.objects.select_related("blob").filter(pk=report_id).first()
