"""Dates of many tools as ISO text. An order of day and month that the file doesn't settle is asked for, never guessed."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

_ISO = re.compile(
    r"^(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s*(Z|UTC|[+-]\d{2}:?\d{2})?)?$",
    re.IGNORECASE,
)
_SLASHED = re.compile(r"^(\d{1,2})[/.](\d{1,2})[/.](\d{4})(?:[T ,]+(\d{1,2}):(\d{2})(?::(\d{2}))?)?$")
_YEAR_FIRST = re.compile(r"^(\d{4})/(\d{1,2})/(\d{1,2})$")
_NAMED = ("%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%d-%b-%Y", "%d-%b-%y")
EARLIEST, LATEST = 1990, 2100


class Ambiguous(ValueError):
    """Day and month could be either."""


def iso(value: Any, *, order: str = "", utc: bool = False) -> str:
    """ISO text of a date or time; "" for nothing; ValueError for what is no date, Ambiguous for 03/04/2026."""
    if value is None or value == "":
        return ""
    if isinstance(value, datetime):
        return _time(value, utc)
    if isinstance(value, date):
        return _checked(value).isoformat()
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        return _epoch(float(value))
    text = str(value).strip()
    if not text:
        return ""
    if match := _ISO.match(text):
        return _iso_parts(match, utc)
    if match := _SLASHED.match(text):
        return _slashed(match, order, utc)
    if match := _YEAR_FIRST.match(text):
        return _checked(date(*(int(part) for part in match.groups()))).isoformat()
    if text.isdigit() and len(text) in (10, 13):
        return _epoch(float(text))
    for pattern in _NAMED:
        try:
            return _checked(datetime.strptime(text, pattern).date()).isoformat()
        except ValueError:
            continue
    raise ValueError(f"“{text[:40]}” is no date that we know: write it as 2026-03-31")


def tolerant(value: Any, *, utc: bool = True) -> str:
    """For a scanner's own field: "" when it is no date, since the run's date then serves."""
    try:
        return iso(value, utc=utc)
    except ValueError:
        return ""


def order_of(texts: list[str]) -> str:
    """`day` or `month` first, when a value of the column settles it for all; "" when none does or they disagree."""
    day = month = False
    for text in texts:
        if match := _SLASHED.match(text.strip()):
            day |= int(match[1]) > 12
            month |= int(match[2]) > 12
    return "" if day == month else "day" if day else "month"


def _iso_parts(match: re.Match[str], utc: bool) -> str:
    year, month, day, hour, minute, second, zone = match.groups()
    if hour is None:
        return _checked(date(int(year), int(month), int(day))).isoformat()
    moment = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second or 0))
    if zone:
        offset = "+00:00" if zone.upper() in ("Z", "UTC") else zone if ":" in zone else f"{zone[:3]}:{zone[3:]}"
        moment = datetime.fromisoformat(moment.isoformat() + offset)
    return _time(moment, utc)


def _slashed(match: re.Match[str], order: str, utc: bool) -> str:
    first, second, year = int(match[1]), int(match[2]), int(match[3])
    if "." in match.group() or first > 12:
        order = "day"
    elif second > 12:
        order = "month"
    elif first == second:
        order = "day"
    if not order:
        raise Ambiguous(
            f"“{match.group()}” can be two dates: write it as {year}-{second:02d}-{first:02d} or {year}-{first:02d}-{second:02d}, "
            "or say in the mapping whether the day or the month comes first"
        )
    day, month = (first, second) if order == "day" else (second, first)
    if match[4] is None:
        return _checked(date(year, month, day)).isoformat()
    return _time(datetime(year, month, day, int(match[4]), int(match[5]), int(match[6] or 0)), utc)


def _epoch(number: float) -> str:
    if number > 1e14:
        number /= 1e6
    elif number > 1e11:
        number /= 1e3
    try:
        return _time(datetime.fromtimestamp(number, UTC), True)
    except (OverflowError, OSError) as error:
        raise ValueError(f"{number} is no time") from error


def _time(moment: datetime, utc: bool) -> str:
    _checked(moment.date())
    if moment.tzinfo is None and utc:
        moment = moment.replace(tzinfo=UTC)
    return moment.replace(microsecond=0).isoformat()


def _checked(day: date) -> date:
    if not EARLIEST <= day.year <= LATEST:
        raise ValueError(f"the year {day.year} can't be right")
    return day
