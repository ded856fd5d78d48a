"""Rows of long lists, drawn in one go: fifty times a template's loop would be most of a page's time."""

from typing import Any

from django import template
from django.utils.html import format_html
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
    return format_html(
        '<tr><th scope="row" class="full"><span class="id">{}</span> <a class="t" href="{}/{}">{}</a>{}</th>'
        '<td>{}</td><td>{}</td><td>{}</td><td>{}{}</td><td class="nw">{}</td></tr>\n',
        row.ref, here, row.ref, row.title, _asset(row.asset), ui.sev(row.severity), ui.pill("finding", row.state),
        ui.who(row.owner_name), ui.codes(row.criteria[:CRITERIA_SHOWN]), ui.codes(row.controls[:CONTROLS_SHOWN]),
        _due(row),
    )  # fmt: skip


def _asset(name: str) -> Any:
    if not name:
        return ui.EMPTY
    short = name if len(name) <= ASSET_CHARACTERS else f"{name[: ASSET_CHARACTERS - 1]}…"
    return format_html('<br><span class="xs dim">{}</span>', short)


def _due(row: Row) -> SafeString:
    if row.state == State.CLOSED:
        return ui.sla(row.due_at, row.clock_started_at, done=row.closed_at)
    if row.state == State.REJECTED:
        return _DASH
    paused = "deferred" if row.state == State.DEFERRED else ""
    return ui.sla(row.current_due_at, row.clock_started_at, paused=paused)
