"""When a control is due within a period, from how often it runs."""

from collections.abc import Iterator
from datetime import date, timedelta

MONTHS_EACH = {"monthly": 1, "quarterly": 3, "half_yearly": 6, "annual": 12}
# What runs many times a day is judged once a week; a setting is looked at once a month.
_AS_WEEKLY = ("weekly", "continuous")


def monday_of(day: date) -> date:
    """The Monday of the day's ISO week."""
    return day - timedelta(days=day.weekday())


def due_dates(frequency: str, start: date, end: date) -> list[date]:
    """Every day in start..end, both included, on which a control of this frequency is due.

    Daily: working days. Weekly: Fridays, and the last day when the period ends earlier in its week. Longer ones: at
    the end of each stretch counted from the period's start. An event has no due days.
    """
    if frequency == "daily":
        return [day for day in _days(start, end) if day.weekday() < 5]
    if frequency in _AS_WEEKLY:
        return [day for day in _days(start, end) if day.weekday() == 4]
    months = MONTHS_EACH.get(frequency, 1 if frequency == "automated" else 0)
    return list(_stretches(start, end, months)) if months else []


def weeks(start: date, end: date) -> list[date]:
    """The Mondays of every week that touches the period."""
    first, last = monday_of(start), monday_of(end)
    return [first + timedelta(days=7 * number) for number in range((last - first).days // 7 + 1)]


def _days(start: date, end: date) -> Iterator[date]:
    for number in range((end - start).days + 1):
        yield start + timedelta(days=number)


def _stretches(start: date, end: date, months: int) -> Iterator[date]:
    number = 1
    while (last := _add_months(start, months * number) - timedelta(days=1)) <= end:
        yield last
        number += 1
    # A period shorter than one stretch still owes its one run.
    if number == 1:
        yield end


def _add_months(day: date, months: int) -> date:
    year, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + year, month + 1
    following = date(year + month // 12, month % 12 + 1, 1)
    return date(year, month, min(day.day, (following - timedelta(days=1)).day))
