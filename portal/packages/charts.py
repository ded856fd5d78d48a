"""The charts of a package as SVG text: few shapes, a title for readers who hear the page, no script, no style."""

from datetime import date, timedelta
from typing import NamedTuple

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext, pgettext_lazy

from portal.packages import typefaces, wording
from portal.packages.edition import ACCENT
from portal.packages.snapshot import SEVERITIES, Finding, Snapshot

MONTHS_SHOWN = 14
#: How long a finding has been open, in days.
AGES = (
    (30, pgettext_lazy("age", "to 30 d")),
    (90, pgettext_lazy("age", "31 to 90 d")),
    (180, pgettext_lazy("age", "91 to 180 d")),
    (None, pgettext_lazy("age", "over 180 d")),
)
HEAT = ("#f0f1ee", "#eddcb4", "#e9c58c", "#dfa268", "#cf7a4c", "#b9493f")
TEXT = 'font-family="Inter" fill="#5b6675"'


def month_ends(first: date, last: date) -> list[date]:
    ends, cursor = [], first.replace(day=1)
    while cursor <= last:
        following = (cursor.replace(day=28) + timedelta(days=4)).replace(day=1)
        ends.append(min(following - timedelta(days=1), last))
        cursor = following
    return ends[-MONTHS_SHOWN:]


class Month(NamedTuple):
    """The last day of a month, how many findings were open then, how many had been closed."""

    end: date
    open: int
    closed: int


def months(snapshot: Snapshot) -> list[Month]:
    """Month by month from the start of the period to the day of the snapshot."""
    last = max(snapshot.as_of, snapshot.engagement.period_start)
    return [
        Month(
            end,
            sum(_began(f, end) and not _gone(f, end) for f in snapshot.findings),
            sum(f.closed_on is not None and f.closed_on <= end for f in snapshot.findings),
        )
        for end in month_ends(snapshot.engagement.period_start, last)
    ]


def burn_down(snapshot: Snapshot) -> SafeString:
    """Grey bars: open at each month's end. Line: closed up to then."""
    told = months(snapshot)
    ends = [month.end for month in told]
    opened, closed = [month.open for month in told], [month.closed for month in told]
    accent = snapshot.organization.accent or ACCENT
    top = _round_up(max([*opened, *closed, 4]))
    step = 278 / len(ends)
    width = min(step * 0.5, 14)

    def height(value: int) -> float:
        return 118 - value / top * 114

    shapes = []
    for mark in range(5):
        y = 118 - mark * 28.5
        shapes.append(f'<line x1="22" y1="{y:.1f}" x2="300" y2="{y:.1f}" stroke="#d9dde3" stroke-width=".6"/>')
        shapes.append(
            f'<text x="15" y="{y + 2.4:.1f}" text-anchor="end" font-size="7.4" {TEXT}>{top * mark // 4}</text>'
        )
    points = []
    for index, end in enumerate(ends):
        middle = 22 + step * (index + 0.5)
        y = height(opened[index])
        shapes.append(
            f'<rect x="{middle - width / 2:.1f}" y="{y:.1f}" width="{width:.1f}" height="{118 - y:.1f}" fill="#c8cfd8"/>'
        )
        shapes.append(
            f'<text x="{middle:.1f}" y="130" text-anchor="middle" font-size="7.2" {_ink(wording.month(end))}>{escape(wording.month(end))}</text>'
        )
        points.append(f"{middle:.1f},{height(closed[index]):.1f}")
    shapes.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="{accent}" stroke-width="1.9"/>')
    x, y = points[-1].split(",")
    shapes.append(f'<circle cx="{x}" cy="{y}" r="3" fill="{accent}"/>')
    title = gettext("Findings open at each month end and closed so far, %(first)s to %(last)s") % {
        "first": wording.month_of_year(ends[0]),
        "last": wording.month_of_year(ends[-1]),
    }
    return _svg("0 -4 302 138", title, shapes)


def exposure(snapshot: Snapshot) -> SafeString:
    """Open findings by severity and by how long they have been open."""
    cells = {(severity, column): 0 for severity in SEVERITIES for column in range(len(AGES))}
    for finding in snapshot.findings:
        if finding.is_open and finding.severity in SEVERITIES:
            cells[finding.severity, _age(finding, snapshot.as_of)] += 1
    shapes = []
    for row, severity in enumerate(SEVERITIES):
        y = row * 27
        label = escape(wording.SEVERITY[severity])
        shapes.append(f'<text x="0" y="{y + 16}" font-size="7.6" {_ink(label)}>{label}</text>')
        for column in range(len(AGES)):
            value = cells[severity, column]
            heat = 0 if not value else min(5, 1 + (3 - row) + (1 if column > 1 else 0))
            x = 38 + column * 49
            shapes.append(f'<rect x="{x}" y="{y}" width="47.4" height="25.4" fill="{HEAT[heat]}"/>')
            if value:
                ink = "#fff" if heat >= 4 else "#0e1b2c"
                shapes.append(
                    f'<text x="{x + 23.7}" y="{y + 16.2}" text-anchor="middle" font-family="Inter" font-weight="600" '
                    f'font-size="9.4" fill="{ink}">{value}</text>'
                )
    for column, (_, label) in enumerate(AGES):
        shapes.append(
            f'<text x="{38 + column * 49 + 23.7}" y="119" text-anchor="middle" font-size="7.2" {_ink(str(label))}>{escape(label)}</text>'
        )
    return _svg("0 -4 236 138", gettext("Open findings by severity and time open"), shapes)


def arcs() -> SafeString:
    """The cover's rings; decoration only."""
    shapes = []
    for ring in range(25):
        strong = ring % 4 == 0
        opacity = 0.09 + 0.24 * (1 - abs(ring - 12) / 12)
        shapes.append(
            f'<circle cx="640" cy="140" r="{120 + ring * 19.8:.1f}" fill="none" stroke="#d8ae62" '
            f'stroke-opacity="{opacity:.2f}" stroke-width="{1.3 if strong else 0.55}"/>'
        )
    for index, (x, y) in enumerate(DOTS):
        radius = (1.6, 3.2, 2.2)[index % 3]
        opacity = 0.4 + (index * 7 % 11) / 20
        shapes.append(f'<circle cx="{x}" cy="{y}" r="{radius}" fill="#d8ae62" fill-opacity="{opacity:.2f}"/>')
    title = gettext("Decorative arcs")
    return mark_safe(  # noqa: S308 - numbers and escaped text
        f'<svg class="art" viewBox="0 0 793.7 1122.5" preserveAspectRatio="xMinYMin slice" role="img">'
        f"<title>{escape(title)}</title>{''.join(shapes)}</svg>"
    )


# Points on the rings at uneven angles, fixed so that the same package always gives the same page.
DOTS = tuple(
    (round(640 + radius * cos, 1), round(140 + radius * sin, 1))
    for radius, cos, sin in (
        (159.6, -0.79, 0.61), (179.4, -0.97, -0.24), (199.2, -0.42, 0.91), (219.0, -0.88, 0.47), (238.8, -0.99, 0.14),
        (258.6, -0.66, 0.75), (278.4, -0.93, -0.37), (298.2, -0.12, 0.99), (318.0, -0.98, 0.2), (337.8, -0.81, 0.59),
        (357.6, -0.3, 0.95), (377.4, -0.95, 0.31), (397.2, -0.6, 0.8), (417.0, -0.99, -0.14), (436.8, -0.9, 0.44),
        (456.6, -0.2, 0.98), (476.4, -0.75, 0.66), (496.2, -0.97, 0.24), (516.0, -0.5, 0.87), (535.8, -0.85, 0.53),
    )
)  # fmt: skip


def _ink(words: str) -> str:
    """How words are drawn. What Inter may lack is looked for in the other faces: a text without a face is left blank."""
    return TEXT if words.isascii() else TEXT.replace("Inter", escape(typefaces.stack(typefaces.SANS)))


def _svg(box: str, title: str, shapes: list[str]) -> SafeString:
    return mark_safe(f'<svg viewBox="{box}" role="img"><title>{escape(title)}</title>{"".join(shapes)}</svg>')  # noqa: S308


def _round_up(value: int) -> int:
    """The next round number that four steps of an axis divide."""
    scale = 4
    while True:
        for factor in (1, 2, 3, 5):
            if scale * factor >= value:
                return scale * factor
        scale *= 10


def _began(finding: Finding, end: date) -> bool:
    began = finding.reported_on or finding.detected_on
    return began is not None and began <= end


def _gone(finding: Finding, end: date) -> bool:
    if not finding.is_open and finding.closed_on is None:
        return True
    return finding.closed_on is not None and finding.closed_on <= end


def _age(finding: Finding, as_of: date) -> int:
    days = finding.days_open(as_of) or 0
    return next(index for index, (limit, _) in enumerate(AGES) if limit is None or days <= limit)
