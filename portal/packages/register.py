"""The findings register as CSV: one line per finding, cells that no spreadsheet takes for a formula."""

import csv
import io
from datetime import date

from portal.packages.snapshot import Snapshot

COLUMNS = (
    "ref", "title", "severity", "original_severity", "state", "cycle", "source", "asset", "owner", "assignee",
    "controls", "criteria", "detected_on", "reported_on", "due_on", "current_due_on", "remediated_on", "verified_on",
    "closed_on", "days_open", "overdue", "exhibits", "decisions",
)  # fmt: skip
#: A cell that begins with one of these is run by spreadsheet programs, so it gets an apostrophe in front.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def rows(snapshot: Snapshot) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for f in snapshot.findings:
        days = f.days_open(snapshot.as_of)
        writer.writerow(
            [
                safe(f.ref), safe(f.title), f.severity, f.original_severity, f.state, f.cycle, f.source, safe(f.asset),
                safe(f.owner), safe(f.assignee), safe(" ".join(f.controls)), safe(" ".join(f.criteria)),
                _on(f.detected_on), _on(f.reported_on), _on(f.due_on), _on(f.current_due_on), _on(f.remediated_on),
                _on(f.verified_on), _on(f.closed_on), "" if days is None else days,
                "yes" if f.is_overdue(snapshot.as_of) else "no", safe(" ".join(f.exhibits)),
                sum(len(request.decisions) for request in f.requests),
            ]
        )  # fmt: skip
    # The mark tells spreadsheet programs that this is UTF-8.
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def safe(value: str) -> str:
    text = " ".join(value.split()) if any(char in value for char in "\r\n\t") else value
    return f"'{text}" if text.startswith(FORMULA_STARTS) or value.startswith(FORMULA_STARTS) else text


def _on(value: date | None) -> str:
    return value.isoformat() if value else ""
