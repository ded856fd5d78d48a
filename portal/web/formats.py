"""How times, money, sizes and hashes are written, for pages and for packages alike."""

from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£"}
_THOUSANDS = ((Decimal(10) ** 9, "B"), (Decimal(10) ** 6, "M"), (Decimal(10) ** 3, "K"))
_BYTES = (("GB", 10**9), ("MB", 10**6), ("KB", 10**3))


def day(value: date) -> str:
    """23 Nov 2026."""
    return f"{value.day} {value:%b %Y}"


def moment(value: datetime) -> str:
    """23 Nov 2026, 11:03 UTC."""
    value = value.astimezone(UTC)
    return f"{day(value)}, {value:%H:%M} UTC"


def exact(value: datetime) -> str:
    """2026-11-23T11:03:22Z, to the second."""
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def span(delta: timedelta) -> str:
    """How long, in the two largest parts that matter: 16 d, 1 d 4 h, 4 h, 12 min."""
    minutes = int(abs(delta).total_seconds() // 60)
    days, rest = divmod(minutes, 24 * 60)
    hours, minutes = divmod(rest, 60)
    if days >= 7:
        return f"{days} d"
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h"
    return f"{minutes} min"


def ago(value: datetime, now: datetime) -> str:
    """2 h ago, in 3 d, now."""
    delta = now - value
    if abs(delta) < timedelta(minutes=1):
        return "now"
    return f"{span(delta)} ago" if delta > timedelta(0) else f"in {span(delta)}"


def money(amount: Decimal, currency: str = "USD") -> str:
    """$1,840,000.00 without the cents when there are none."""
    amount = amount.quantize(Decimal("0.01"), ROUND_HALF_UP)
    figures = f"{abs(amount):,.2f}".removesuffix(".00")
    symbol = SYMBOLS.get(currency, f"{currency} ")
    return f"{'−' if amount < 0 else ''}{symbol}{figures}"


def short_money(amount: Decimal, currency: str = "USD") -> str:
    """$1.84M, $420K: only where the exact figure stands beside it or in the title."""
    for unit, letter in _THOUSANDS:
        if abs(amount) >= unit:
            scaled = (abs(amount) / unit).quantize(Decimal("0.01") if letter != "K" else Decimal(1), ROUND_HALF_UP)
            figures = f"{scaled.normalize():f}"
            return f"{'−' if amount < 0 else ''}{SYMBOLS.get(currency, f'{currency} ')}{figures}{letter}"
    return money(amount, currency)


def size(count: int) -> str:
    """18.2 KB; decimal units, as file systems and browsers show them."""
    for letter, unit in _BYTES:
        if count >= unit:
            figures = f"{count / unit:.1f}".removesuffix(".0")
            return f"{figures} {letter}"
    return f"{count} bytes" if count != 1 else "1 byte"


def short_hash(value: str) -> str:
    """7b1e…c904; anything of twelve letters or fewer stays whole."""
    return f"{value[:4]}…{value[-4:]}" if len(value) > 12 else value


def grouped_hash(value: str) -> str:
    """A hash in groups of eight, so that a person can compare it."""
    return " ".join(value[start : start + 8] for start in range(0, len(value), 8))


def initials(name: str) -> str:
    words = [word for word in name.split() if word[:1].isalnum()]
    if not words:
        return "?"
    letters = words[0][0] + (words[-1][0] if len(words) > 1 else words[0][1:2])
    return letters.upper()
