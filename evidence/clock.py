"""Time, so that a test can set it. Nothing else in the project asks the machine what time it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

_frozen: ContextVar[datetime | None] = ContextVar("clearhold_frozen_time", default=None)


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return _frozen.get() or datetime.now(UTC)


def today(zone: str = "UTC") -> date:
    """Today's date in the zone (an IANA name), as periods and due dates count it."""
    return now().astimezone(ZoneInfo(zone)).date()


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """Hold the clock at `moment` inside the block. Raises ValueError for a naive moment."""
    if moment.tzinfo is None:
        raise ValueError("clock.at needs an aware datetime")
    token = _frozen.set(moment.astimezone(UTC))
    try:
        yield
    finally:
        _frozen.reset(token)
