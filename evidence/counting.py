"""Counts that stand on every page: Django takes longer to build such a statement than PostgreSQL to answer it."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db import connections
from django.db.models import QuerySet

from evidence import clock, tenancy

# What stands in the statement for the values that differ from one asking to the next.
ORGANIZATION = UUID(int=0)
PERSON = UUID(int=1)
NOW = datetime(2000, 1, 1, tzinfo=UTC)

Rows = Callable[[UUID, UUID, datetime], QuerySet[Any]]


class Count:
    """How many rows `rows(organization_id, person_id, now)` gives, no further than `at_most`; built at its first asking.

    It is built once for all, so `rows` may use its arguments in filters (and add a timedelta to `now`) but not look at them.
    """

    def __init__(self, rows: Rows, *, at_most: int | None = None) -> None:
        self._rows = rows
        self._at_most = at_most

    def __call__(self, organization_id: UUID, person_id: UUID | None = None) -> int:
        """A person of None is nobody: no column equals it."""
        sql, values = self._statement
        now = clock.now()
        with connections[tenancy.alias()].cursor() as cursor:
            cursor.execute(sql, [filled(value, organization_id, person_id, now) for value in values])
            return int(cursor.fetchone()[0])

    @cached_property
    def _statement(self) -> tuple[str, tuple[Any, ...]]:
        rows = self._rows(ORGANIZATION, PERSON, NOW).order_by().values_list("pk")
        sql, values = (rows if self._at_most is None else rows[: self._at_most]).query.sql_with_params()
        return f"SELECT count(*) FROM ({sql}) AS counted", tuple(values)  # noqa: S608


def filled(value: Any, organization_id: UUID, person_id: UUID | None, now: datetime) -> Any:
    """A value of a statement that was built with the three above, as this asking needs it."""
    if value == ORGANIZATION:
        return organization_id
    if value == PERSON:
        return person_id
    return now + (value - NOW) if isinstance(value, datetime) else value
