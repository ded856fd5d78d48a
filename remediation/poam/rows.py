"""The 31 columns of the plan of action in their order (PRACTICE.md section 5), and a finding's row under them.

The scheduled completion date is the first that was promised; every later date stands under Milestone Changes.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from remediation.poam.items import Item, Plan
from remediation.poam.words import (
    CLOSED,
    MILESTONES,
    NO,
    NONE,
    OPEN,
    PENDING,
    RATINGS,
    REJECTIONS,
    SOURCES,
    STATES,
    YES,
)
from remediation.poam.workbook import About, Column, Sheet

COLUMNS = (
    Column("POAM ID", 10),
    Column("Controls", 16),
    Column("Weakness Name", 40),
    Column("Weakness Description", 60),
    Column("Weakness Detector Source", 20),
    Column("Weakness Source Identifier", 24),
    Column("Asset Identifier", 28),
    Column("Point of Contact", 20),
    Column("Resources Required", 20),
    Column("Overall Remediation Plan", 50),
    Column("Original Detection Date", 14),
    Column("Scheduled Completion Date", 14),
    Column("Planned Milestones", 44),
    Column("Milestone Changes", 44),
    Column("Status Date", 14),
    Column("Vendor Dependency", 13),
    Column("Last Vendor Check-in Date", 14),
    Column("Vendor Dependent Product Name", 22),
    Column("Original Risk Rating", 12),
    Column("Adjusted Risk Rating", 12),
    Column("Risk Adjustment", 12),
    Column("False Positive", 12),
    Column("Operational Requirement", 13),
    Column("Deviation Rationale", 44),
    Column("Supporting Documents", 32),
    Column("Comments", 44),
    Column("Auto-Approve", 12),
    Column("BOD 22-01 tracking", 12),
    Column("BOD 22-01 Due Date", 14),
    Column("CVE", 18),
    Column("Service Name", 24),
)

_CVE = re.compile(r"\bCVE-\d{4}-\d{4,7}\b", re.IGNORECASE)


def sheets(plan: Plan) -> tuple[Sheet, Sheet]:
    """What is open, and what is closed or rejected; every finding is on one of them."""
    return (
        Sheet(OPEN, COLUMNS, (row(item) for item in plan.items if item.is_open)),
        Sheet(CLOSED, COLUMNS, (row(item) for item in plan.items if not item.is_open)),
    )


def about(plan: Plan) -> About:
    return About(
        f"POA&M of {plan.engagement}",
        f"{plan.ref} issue {plan.issue}, {plan.state}; {len(plan.open)} open, {len(plan.closed)} closed",
        plan.organization,
        plan.at,
    )


def row(item: Item) -> tuple[Any, ...]:
    """The item under COLUMNS: texts, dates, or None."""
    adjusted = item.severity != item.original_severity
    false = item.rejection == "false_positive"
    return (
        item.ref,
        "\n".join((*item.controls, *item.criteria)),
        item.title,
        item.description,
        item.tool or SOURCES.get(item.source, item.source),
        item.rule or item.source_ref,
        item.asset,
        item.owner or item.assignee,
        None,
        _plan(item),
        item.detected_on or item.reported_on,
        item.scheduled_on,
        "\n".join(milestones(item)),
        "\n".join(changes(item)),
        item.status_on or item.closed_on,
        YES if item.wait else NO,
        item.wait.checked_on if item.wait else None,
        item.wait.vendor if item.wait else "",
        RATINGS[item.original_severity],
        RATINGS[item.severity] if adjusted else NONE,
        YES if adjusted else PENDING if item.severity_asked else NO,
        (PENDING if item.is_open else YES) if false else NO,
        {"risk_accepted": YES, "risk_acceptance_pending": PENDING}.get(item.state, NO),
        "\n".join(deviation(item)),
        "\n".join(f"{one.number} {one.title} (SHA-256 {one.sha256})" for one in item.evidence),
        "\n".join(comments(item)),
        NO,
        YES if item.kev else NO,
        item.scheduled_on if item.kev else None,
        "\n".join(cves(item)),
        None,
    )


def cves(item: Item) -> list[str]:
    found = _CVE.findall(" ".join((item.rule, item.source_ref, item.title, item.description)))
    return list(dict.fromkeys(one.upper() for one in found))[:50]


def milestones(item: Item) -> Iterator[str]:
    """`(1) 2026-02-20 T-001 Move the export, done, CHG-2210`."""
    for number, one in enumerate(item.milestones, 1):
        facts = [f"({number}) {_day(one.due_on)} {one.ref} {line(one.title)}", MILESTONES.get(one.state, one.state)]
        yield ", ".join((*facts, *filter(None, (line(one.change),))))


def changes(item: Item) -> Iterator[str]:
    """`(1) on 2026-07-20: 2026-08-02 to 2026-12-15. Reason`: what the scheduled date became, oldest first."""
    before = item.scheduled_on
    for number, one in enumerate(item.changes, 1):
        why = f" {line(one.why)}" if one.why else ""
        by = f" Decided by {line(one.by)}." if one.by else ""
        yield f"({number}) on {_day(one.on)}: {_day(before)} to {_day(one.due_on)}.{by}{why}"
        before = one.due_on


def deviation(item: Item) -> Iterator[str]:
    """Why the plan deviates from mending it as rated, and in time."""
    if item.severity != item.original_severity or item.severity_asked:
        yield f"Severity: {item.severity_rationale}"
    if item.acceptance:
        yield f"Risk accepted until {_day(item.acceptance.expires_on)}: {item.acceptance.reason}"
        yield f"Residual risk: {item.acceptance.residual_risk}"
        yield f"Compensating: {item.acceptance.compensating}"
    if item.deferral:
        yield f"Deferred: {item.deferral}"
    if item.rejection:
        of = f" of {item.duplicate_of}" if item.duplicate_of else ""
        asked = ", asked" if item.is_open else ""
        yield f"{REJECTIONS.get(item.rejection, item.rejection)}{of}{asked}."


def comments(item: Item) -> Iterator[str]:
    yield f"State: {STATES.get(item.state, item.state)}."
    if item.audit_rating:
        yield f"Audit rating: {item.audit_rating.replace('_', ' ')}."
    if item.closed_on:
        yield f"Closed on {_day(item.closed_on)}."
    if item.cause:
        yield f"Root cause ({item.cause_class or 'not classed'}): {item.cause}"


def _plan(item: Item) -> str:
    parts: Iterable[str] = (item.plan, f"Success test: {item.success_test}" if item.success_test else "")
    return "\n".join(part for part in parts if part)


def _day(value: date | None) -> str:
    return value.isoformat() if value else "no date"


def line(text: str) -> str:
    """The text on one line, since these cells are read line by line."""
    return " ".join(text.split())
