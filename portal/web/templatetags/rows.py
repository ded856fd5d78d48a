"""Rows of long lists, drawn in one go: fifty times a template's loop would be most of a page's time."""

from html import escape

from django import template
from django.utils.safestring import SafeString, mark_safe

from portal.web.templatetags import ui
from remediation.findings.queries import Row
from remediation.findings.states import State

register = template.Library()
ASSET_CHARACTERS = 80
CRITERIA_SHOWN, CONTROLS_SHOWN = 3, 1
_DASH = mark_safe('<span class="dim">—</span>')


@register.simple_tag
def finding_row(row: Row, here: str) -> SafeString:
    """One finding of the list; `here` is the list's address."""
    address, ref = escape(here), escape(row.ref)
    return mark_safe(  # noqa: S308  what is not escaped here comes from a tag that escapes
        f'<tr><th scope="row" class="full"><span class="id">{ref}</span> '
        f'<a class="t" href="{address}/{ref}">{escape(row.title)}</a>{_asset(row.asset)}</th>'
        f"<td>{ui.sev(row.severity)}</td><td>{ui.pill('finding', row.state)}</td><td>{ui.who(row.owner_name)}</td>"
        f"<td>{ui.codes(row.criteria[:CRITERIA_SHOWN])}{ui.codes(row.controls[:CONTROLS_SHOWN])}</td>"
        f'<td class="nw">{_due(row)}</td></tr>\n'
    )


def _asset(name: str) -> str:
    if not name:
        return ""
    short = name if len(name) <= ASSET_CHARACTERS else f"{name[: ASSET_CHARACTERS - 1]}…"
    return f'<br><span class="xs dim">{escape(short)}</span>'


def _due(row: Row) -> SafeString:
    if row.state == State.CLOSED:
        return ui.sla(row.due_at, row.clock_started_at, done=row.closed_at)
    if row.state == State.REJECTED:
        return _DASH
    paused = "deferred" if row.state == State.DEFERRED else ""
    return ui.sla(row.current_due_at, row.clock_started_at, paused=paused)
