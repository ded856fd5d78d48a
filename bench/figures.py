"""What a figure is, how it is printed, and where it is kept."""

import json
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass
class Figure:
    """`ratio` is value / reference where there is a reference; `limit` bounds the ratio then, else the value."""

    name: str
    value: float
    unit: str
    reference: float | None = None
    ratio: float | None = None
    limit: float | None = None
    ok: bool = True


def figure(
    name: str,
    value: float,
    unit: str,
    *,
    reference: float | None = None,
    limit: float | None = None,
    least: bool = False,
) -> Figure:
    ratio = round(value / reference, 2) if reference else None
    judged = ratio if ratio is not None else value
    ok = limit is None or (judged >= limit if least else judged <= limit)
    return Figure(name, round(value, 2), unit, round(reference, 2) if reference else None, ratio, limit, ok)


def show(figures: list[Figure]) -> None:
    print(f"{'figure':58} {'value':>10} {'unit':12} {'reference':>10} {'ratio':>7} {'limit':>7}")
    for item in figures:
        cells = [f"{cell:g}" if cell is not None else "" for cell in (item.reference, item.ratio, item.limit)]
        mark = "ok" if item.ok else "OVER"
        print(f"{item.name:58} {item.value:>10g} {item.unit:12} {cells[0]:>10} {cells[1]:>7} {cells[2]:>7} {mark}")


def keep(figures: list[Figure], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(item) for item in figures], indent=1))


def in_turn(first: Callable[[], float], second: Callable[[], float], rounds: int = 7) -> tuple[float, float]:
    """Medians of two measurements taken in turn, so that a drift of the machine hits both."""
    pairs = [(first(), second()) for _ in range(rounds)]
    return statistics.median(pair[0] for pair in pairs), statistics.median(pair[1] for pair in pairs)
