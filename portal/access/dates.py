"""The dates of grants and places: they begin now or later and end after that (rules G-02, G-03, G-09)."""

from datetime import datetime, timedelta

from evidence import clock
from evidence.errors import Invalid

# What the clocks of two machines may differ by; the guards allow the same.
SKEW = timedelta(minutes=5)


def refuse_backdated(begin: datetime, *, rule: str, field: str = "valid_from") -> None:
    if begin < clock.now() - SKEW:
        raise Invalid(
            f"It would begin in the past (rule {rule}).",
            fields={field: ["Let it begin now, or later."]},
            rule=rule,
        )


def refuse_ended(begin: datetime, until: datetime, *, field: str = "valid_until") -> None:
    if until <= begin or until <= clock.now():
        raise Invalid(
            "It would end before it begins (rule G-03).",
            fields={field: ["Choose a later date."]},
            rule="G-03",
        )
