"""A list of findings as a table or workbook: the rows that its reader sees, a page of the list at a time."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from itertools import chain
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

from evidence import clock
from evidence.actors import Actor
from portal.packages import forms
from remediation.findings import queries
from remediation.findings.states import State
from remediation.poam import workbook
from remediation.poam.workbook import About, Column, Sheet

CHUNK = 500
#: A workbook of more rows is written by a job.
AT_ONCE = 2_000
COLUMNS = (
    Column("Finding", 10), Column("Title", 50), Column("Severity", 11), Column("State", 18), Column("Source", 14),
    Column("Asset", 30), Column("Owner", 20), Column("Assignee", 20), Column("Criteria", 18), Column("Controls", 18),
    Column("Detected", 12), Column("Reported", 12), Column("Due", 12), Column("Current due", 12), Column("Overdue", 9),
    Column("Closed", 12), Column("Audit rating", 18), Column("Cycle", 7),
)  # fmt: skip

Inside = Callable[[], AbstractContextManager[None]]


def rows(actor: Actor, filters: queries.Filters, inside: Inside, zone: ZoneInfo) -> Iterator[tuple[Any, ...]]:
    """Every row of the list in its order. Each page is read in a transaction of its own, inside the organization.

    The first is read at once: a filter that can't be answered is refused before a byte has gone out.
    """

    def page(after: str | None) -> queries.Page:
        with inside():
            return queries.page(actor, filters, after=after, limit=CHUNK)

    def following(found: queries.Page) -> Iterator[tuple[Any, ...]]:
        yield from (_values(row, zone) for row in found.rows)
        while found.next_key is not None:
            found = page(found.next_key)
            yield from (_values(row, zone) for row in found.rows)

    return following(page(None))


def table(actor: Actor, filters: queries.Filters, inside: Inside, zone: ZoneInfo) -> Iterator[bytes]:
    """As CSV, line by line."""
    lines = forms.table([column.name for column in COLUMNS], rows(actor, filters, inside, zone))
    return (line.encode() for line in chain((forms.MARK,), lines))


def write_workbook(
    target: BinaryIO, about: About, found: Iterator[tuple[Any, ...]], watch: Callable[[int], None] = lambda done: None
) -> None:
    workbook.write(target, about, [Sheet("Findings", COLUMNS, _watched(found, watch))])


def about(organization: str) -> About:
    return About("Findings", "A list of findings as its reader saw it", organization, clock.now())


def _watched(found: Iterator[tuple[Any, ...]], watch: Callable[[int], None]) -> Iterator[tuple[Any, ...]]:
    for done, row in enumerate(found, 1):
        if done % CHUNK == 0:
            watch(done)
        yield row


def _values(row: queries.Row, zone: ZoneInfo) -> tuple[Any, ...]:
    def day(moment: datetime | None) -> Any:
        return moment.astimezone(zone).date() if moment else None

    return (
        row.ref, row.title, row.severity, State(row.state).label, row.source, row.asset, row.owner_name or "",
        row.assignee_name or "", " ".join(row.criteria), " ".join(row.controls), day(row.detected_at),
        day(row.reported_at), day(row.due_at), day(row.current_due_at), "yes" if row.is_overdue else "no",
        day(row.closed_at), row.audit_rating, row.cycle,
    )  # fmt: skip
