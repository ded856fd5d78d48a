"""Charts as SVG made on the server: the same bytes in a page and in a package, colours only from classes."""

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import count, pairwise

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from portal.web import formats
from portal.web.components import BurnDown, Segment

_numbers = count(1)


def _titled(label: str, description: str) -> tuple[SafeString, SafeString]:
    """The attributes and the elements that give a drawing its name and its numbers."""
    number = next(_numbers) % 100_000
    attributes = format_html('role="img" aria-labelledby="c{}t c{}d"', number, number)
    inside = format_html('<title id="c{}t">{}</title><desc id="c{}d">{}</desc>', number, label, number, description)
    return attributes, inside


def stacked_bar(
    segments: Sequence[Segment], label: str, *, height: int = 12, most: float | None = None, width: int = 300
) -> SafeString:
    """Parts of a whole, stretched to the width it is given; no text inside, so nothing is distorted."""
    whole = float(most if most is not None else sum(float(one.value) for one in segments)) or 1.0
    gap, left, parts = 1.0, 0.0, []
    for one in segments:
        wide = width * min(float(one.value) / whole, 1.0)
        if wide > 0:
            parts.append((one.tone, f"{left:.1f}", f"{max(wide - (gap if len(segments) > 1 else 0), 0.5):.1f}", height))
        left += wide
    said = ", ".join(f"{one.word} {one.value}" for one in segments)
    attributes, inside = _titled(label, f"{said}, of {whole:g}")
    return format_html(
        '<svg class="chart" viewBox="0 0 {} {}" height="{}" preserveAspectRatio="none" {}>{}'
        '<rect class="f-track" width="{}" height="{}" rx="2"></rect>{}</svg>',
        width, height, height, attributes, inside, width, height,
        format_html_join("", '<rect class="f-{}" x="{}" width="{}" height="{}" rx="2"></rect>', parts),
    )  # fmt: skip


def period(parts: Sequence[tuple[date, date, str]], start: date, end: date, label: str) -> SafeString:
    """Which days of start..end (both included) are covered, by tone."""
    days = (end - start).days + 1
    drawn, said = [], []
    for first, last, tone in parts:
        first, last = max(first, start), min(last, end)
        if first > last:
            continue
        drawn.append((tone, (first - start).days, (last - first).days + 1))
        said.append(f"{formats.day(first)} to {formats.day(last)}")
    attributes, inside = _titled(label, f"{'; '.join(said) or 'nothing covered'}; of {days} days")
    return format_html(
        '<svg class="chart" viewBox="0 0 {} 12" height="12" preserveAspectRatio="none" {}>{}'
        '<rect class="f-track" width="{}" height="12"></rect>{}</svg>',
        days, attributes, inside, days,
        format_html_join("", '<rect class="f-{}" x="{}" width="{}" height="12"></rect>', drawn),
    )  # fmt: skip


def _ticks(most: int) -> list[int]:
    for step in (1, 2, 4, 5, 8, 10, 20, 25, 40, 50, 100, 200, 250, 500, 1000, 2500, 5000, 10000):
        if most <= step * 3:
            return [step * number for number in range(4)]
    step = -(-most // 3)
    return [step * number for number in range(4)]


def burn_down(data: BurnDown, *, width: int = 340, height: int = 190) -> SafeString:
    """What is open over time, with the plan (dotted) and the forecast (dashed), each named at its line."""
    points = [*data.actual, *data.plan, *data.forecast]
    if not points:
        return mark_safe("")
    first, last = min(day for day, _ in points), max(day for day, _ in points)
    days = max((last - first).days, 1)
    ticks = _ticks(max(open_ for _, open_ in points) or 1)
    left, right, top, bottom = 26, width - 52, 12, height - 24

    def x(day: date) -> float:
        return left + (right - left) * (day - first).days / days

    def y(open_: float) -> float:
        return bottom - (bottom - top) * open_ / ticks[-1]

    def path(line: Sequence[tuple[date, int]]) -> str:
        return " ".join(
            f"{'L' if number else 'M'}{x(day):.1f} {y(value):.1f}" for number, (day, value) in enumerate(line)
        )

    drawn = [
        format_html_join(
            "",
            '<line class="gl" x1="{}" x2="{}" y1="{}" y2="{}"></line><text x="{}" y="{}" text-anchor="end">{}</text>',
            ((left, right, f"{y(tick):.1f}", f"{y(tick):.1f}", left - 6, f"{y(tick) + 4:.1f}", tick) for tick in ticks),
        )
    ]
    if data.actual:
        (begin, _), (end, now_open) = data.actual[0], data.actual[-1]
        area = f"{path(data.actual)} L{x(end):.1f} {bottom} L{x(begin):.1f} {bottom} Z"
        drawn.append(format_html('<path class="a-acc" d="{}"></path>', area))
    if data.plan:
        drawn.append(format_html('<path class="l-plan" d="{}"></path>', path(data.plan)))
    if data.forecast:
        drawn.append(format_html('<path class="l-fc" d="{}"></path>', path(data.forecast)))
        end, value = data.forecast[-1]
        drawn.append(
            format_html('<text x="{}" y="{}">forecast</text>', f"{x(end) + 4:.1f}", f"{min(y(value), bottom) - 3:.1f}")
        )
    today = data.today
    if today and first <= today <= last:
        drawn.append(
            format_html(
                '<line class="l-now" x1="{0}" x2="{0}" y1="{1}" y2="{2}"></line>', f"{x(today):.1f}", top, bottom
            )
        )
    if data.actual:
        end, now_open = data.actual[-1]
        drawn.append(format_html('<path class="l-acc" d="{}"></path>', path(data.actual)))
        drawn.append(
            format_html(
                '<circle class="f-acc" cx="{}" cy="{}" r="4"></circle><text class="v" x="{}" y="{}">{} {}</text>',
                f"{x(end):.1f}",
                f"{y(now_open):.1f}",
                f"{x(end) + 8:.1f}",
                f"{y(now_open) - 6:.1f}",
                now_open,
                data.noun,
            )
        )
    if data.plan:
        middle = first + timedelta(days=int((data.plan[-1][0] - first).days * 0.55))
        value = _at(data.plan, middle)
        drawn.append(
            format_html(
                '<text x="{}" y="{}" text-anchor="end">plan</text>', f"{x(middle) - 6:.1f}", f"{y(value) + 14:.1f}"
            )
        )
    marks = [(first, "start"), (last, "end")]
    if today and (today - first).days / days > 0.2 and (last - today).days / days > 0.2:
        marks.append((today, "middle"))
    drawn.append(
        format_html_join(
            "",
            '<text x="{}" y="{}" text-anchor="{}">{}</text>',
            (
                (
                    f"{x(day):.1f}",
                    height - 6,
                    "middle" if anchor == "end" else anchor,
                    "Today" if day == today else f"{day.day} {day:%b}",
                )
                for day, anchor in marks
            ),
        )
    )
    attributes, inside = _titled(data.label, _described(data))
    return format_html(
        '<svg class="chart" viewBox="0 0 {} {}" width="{}" height="{}" {}>{}{}</svg>',
        width, height, width, height, attributes, inside, format_html_join("", "{}", ((one,) for one in drawn)),
    )  # fmt: skip


def _at(line: Sequence[tuple[date, int]], day: date) -> float:
    for (first, a), (second, b) in pairwise(line):
        if first <= day <= second:
            share = (day - first).days / max((second - first).days, 1)
            return a + (b - a) * share
    return float(line[-1][1])


def _described(data: BurnDown) -> str:
    said = []
    if data.actual:
        (begin, high), (end, low) = data.actual[0], data.actual[-1]
        said.append(f"{high} {data.noun} on {formats.day(begin)}, {low} on {formats.day(end)}")
    if data.plan:
        said.append(f"plan: {data.plan[-1][1]} on {formats.day(data.plan[-1][0])}")
    if data.forecast:
        said.append(f"forecast: {data.forecast[-1][1]} on {formats.day(data.forecast[-1][0])}")
    return "; ".join(said)
