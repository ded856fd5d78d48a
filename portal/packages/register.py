"""The findings register, as CSV and as a sheet: one line per finding, cells that no spreadsheet takes for a formula."""

import csv
import io
from datetime import date
from typing import Any

from portal.packages.snapshot import Finding, Snapshot
from remediation.poam.workbook import Column, Sheet

COLUMNS = (
    "ref", "title", "severity", "original_severity", "state", "cycle", "source", "asset", "owner", "assignee",
    "controls", "criteria", "detected_on", "reported_on", "due_on", "current_due_on", "remediated_on", "verified_on",
    "closed_on", "days_open", "overdue", "exhibits", "decisions",
)  # fmt: skip
WIDTHS = {"ref": 10, "title": 50, "asset": 30, "owner": 20, "assignee": 20, "exhibits": 20}
#: A cell that begins with one of these is run by spreadsheet programs, so it gets an apostrophe in front.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def rows(snapshot: Snapshot) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for finding in snapshot.findings:
        writer.writerow([_cell(value) for value in _values(finding, snapshot.as_of)])
    # The mark tells spreadsheet programs that this is UTF-8.
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def sheet(snapshot: Snapshot) -> Sheet:
    """The same lines with typed cells, for a workbook."""
    columns = tuple(Column(name.replace("_", " ").capitalize(), WIDTHS.get(name, 14)) for name in COLUMNS)
    return Sheet("Findings", columns, (_values(finding, snapshot.as_of) for finding in snapshot.findings))


def _values(f: Finding, as_of: date) -> tuple[Any, ...]:
    """A finding under COLUMNS: texts, dates, numbers, or None."""
    return (
        f.ref, f.title, f.severity, f.original_severity, f.state, f.cycle, f.source, f.asset, f.owner, f.assignee,
        " ".join(f.controls), " ".join(f.criteria), f.detected_on, f.reported_on, f.due_on, f.current_due_on,
        f.remediated_on, f.verified_on, f.closed_on, f.days_open(as_of), "yes" if f.is_overdue(as_of) else "no",
        " ".join(f.exhibits), sum(len(request.decisions) for request in f.requests) if f.history else None,
    )  # fmt: skip


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return safe(value) if isinstance(value, str) else value.isoformat() if isinstance(value, date) else value


def safe(value: str) -> str:
    text = " ".join(value.split()) if any(char in value for char in "\r\n\t") else value
    return f"'{text}" if text.startswith(FORMULA_STARTS) or value.startswith(FORMULA_STARTS) else text
