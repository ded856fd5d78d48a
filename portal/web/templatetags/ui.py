"""The tags that pages are built from; docs/design.md shows each. Text is escaped here and nowhere marked safe."""

import zlib
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import Any
from urllib.parse import quote_plus

from django import template
from django.core.signals import setting_changed
from django.dispatch import receiver
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, Form, RadioSelect
from django.template import Context
from django.templatetags.static import static
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from evidence import clock
from portal.accounts import stepping_up
from portal.web import charts, formats, vocabulary
from portal.web.components import (
    ApprovalPanel,
    BurnDown,
    FileRow,
    Filter,
    HeatMap,
    Segment,
    Slice,
    Step,
    TimelineEntry,
    View,
)

register = template.Library()
EMPTY = mark_safe("")


# What is kept is kept by type, too: text that is known to be safe never answers for the same text that is not.
# --- small signs ---------------------------------------------------------------------------------------------------


@register.simple_tag
@lru_cache(maxsize=1024, typed=True)
def icon(name: str, size: str = "", label: str = "") -> SafeString:
    """A glyph of the sprite. Without a label it is decoration; with one it is an image with that name."""
    role = format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')
    return format_html(
        '<svg class="i{}" {}><use href="{}#{}"></use></svg>',
        f" {size}" if size else "",
        role,
        static("icons.svg"),
        name,
    )


@register.simple_tag
@lru_cache(maxsize=1024, typed=True)
def badge(tone: str, glyph: str, word: str) -> SafeString:
    """A pill with a word of its own. Use `pill` for a state."""
    return format_html('<span class="pill {}">{}{}</span>', tone, icon(glyph), word)


@register.simple_tag
def pill(kind: str, state: str | None, word: str = "") -> SafeString:
    sign = vocabulary.sign(kind, state)
    return badge(sign.tone, sign.icon, word or sign.word)


@register.simple_tag
def word(kind: str, state: str | None) -> str:
    """The word of a state alone, for sentences and options."""
    return vocabulary.sign(kind, state).word


@register.simple_tag
@lru_cache(maxsize=64, typed=True)
def sev(value: str | None) -> SafeString:
    """Severity: an icon and a word, never a pill, so that it can't be taken for a status."""
    sign = vocabulary.severity(value)
    tone = f"c-{sign.tone}" if sign.tone != "mute" else "muted"
    return format_html('<span class="sev"><span class="{}">{}</span>{}</span>', tone, icon(sign.icon), sign.word)


@register.simple_tag
@lru_cache(maxsize=1024, typed=True)
def tag(text: str, url: str = "") -> SafeString:
    """A code such as CC6.2 or F-017."""
    if url:
        return format_html('<a class="tag" href="{}">{}</a>', url, text)
    return format_html('<span class="tag">{}</span>', text)


@receiver(setting_changed)
def _forget(**_: Any) -> None:
    """The sprite's address is part of what is kept."""
    for kept in (icon, badge, sev):
        kept.cache_clear()


# --- people, times, figures ----------------------------------------------------------------------------------------


def _name_of(person: Any) -> str:
    if person is None or person == "":
        return ""
    if isinstance(person, str):
        return person
    owner = getattr(person, "person", None)
    return str(getattr(owner if owner is not None else person, "name", person))


@register.simple_tag
def avatar(person: Any) -> SafeString:
    return _initials(_name_of(person))


@lru_cache(maxsize=1024, typed=True)
def _initials(name: str) -> SafeString:
    tone = "abcde"[zlib.crc32(name.encode()) % 5]
    return format_html('<span class="av {}" aria-hidden="true">{}</span>', tone, formats.initials(name))


@register.simple_tag
def who(person: Any, note: str = "", none: str = "Nobody") -> SafeString:
    """Initials and name; `note` stands small below."""
    return _who(_name_of(person), note, none)


@lru_cache(maxsize=1024, typed=True)
def _who(name: str, note: str, none: str) -> SafeString:
    if not name:
        return format_html('<span class="dim">{}</span>', none)
    below = format_html('<br><span class="xs dim">{}</span>', note) if note else EMPTY
    return format_html('<span class="who">{}<span>{}{}</span></span>', _initials(name), name, below)


@register.simple_tag
def when(value: datetime | date | None, form: str = "", none: str = "—") -> SafeString:
    """A moment as "23 Nov 2026, 11:03 UTC". Forms: "date", and "ago", which adds how long ago."""
    if value is None or value == "":
        return format_html('<span class="dim">{}</span>', none)
    if not isinstance(value, datetime):
        return format_html('<time class="nw" datetime="{}">{}</time>', value.isoformat(), formats.day(value))
    exact = formats.exact(value)
    text = formats.day(value.astimezone(UTC)) if form == "date" else formats.moment(value)
    if form == "ago":
        text = f"{text} ({formats.ago(value, clock.now())})"
    return format_html('<time datetime="{}" title="{}">{}</time>', exact, exact, text)


def _moment_of(value: datetime | date) -> datetime:
    # A due date without a time is due until its day ends.
    return value if isinstance(value, datetime) else datetime.combine(value, time(23, 59, 59), UTC)


def ring(share: float, tone: str) -> SafeString:
    """How much of the time is used, as a ring. Decoration: the words beside it say the same."""
    length = 2 * 3.14159 * 8
    return _arc(f"{max(0.02, min(1.0, share)) * length:.1f}", f"{length:.1f}", tone)


@lru_cache(maxsize=1024)
def _arc(used: str, length: str, tone: str) -> SafeString:
    return format_html(
        '<svg class="ring" viewBox="0 0 20 20" aria-hidden="true"><circle class="tr" cx="10" cy="10" r="8"></circle>'
        '<circle class="{}" cx="10" cy="10" r="8" stroke-dasharray="{} {}" transform="rotate(-90 10 10)"></circle>'
        "</svg>",
        tone, used, length,
    )  # fmt: skip


@register.simple_tag
def sla(
    due: datetime | date | None, start: datetime | date | None = None, paused: str = "", done: Any = None
) -> SafeString:
    """The clock of a due date: time left, overdue, paused (say why), or done in time or late."""
    if due is None or due == "":
        return mark_safe('<span class="sla dim">No due date</span>')
    end, now = _moment_of(due), clock.now()
    exact = formats.exact(end)
    if paused:
        return format_html('<span class="sla muted">{}Paused: {}</span>', icon("circle-pause", "s"), paused)
    if done:
        late = _moment_of(done) > end
        tone, glyph = ("c-crit", "alarm-clock") if late else ("c-ok", "circle-check")
        text = f"{formats.span(_moment_of(done) - end)} late" if late else "In time"
        return format_html(
            '<span class="sla {}">{}<time datetime="{}" title="Due {}">{}</time></span>',
            tone, icon(glyph, "s"), exact, exact, text,
        )  # fmt: skip
    if now > end:
        return format_html(
            '<span class="sla c-crit b">{}<time datetime="{}" title="Due {}">{} over</time></span>',
            icon("alarm-clock", "s"), exact, exact, formats.span(now - end),
        )  # fmt: skip
    begin = _moment_of(start) if start else end - (end - now) * 2
    total = (end - begin).total_seconds()
    share = (now - begin).total_seconds() / total if total > 0 else 1.0
    tone = "warn" if share > 0.7 else "ok"
    return format_html(
        '<span class="sla{}">{}<time datetime="{}" title="Due {}">{} left</time></span>',
        " c-warn b" if tone == "warn" else "", ring(share, tone), exact, exact, formats.span(end - now),
    )  # fmt: skip


@register.simple_tag
def money(amount: Decimal | None, currency: str = "USD", short: bool = False, none: str = "—") -> SafeString:
    """Money; `short` rounds it and keeps the exact figure in the title."""
    if amount is None or amount == "":
        return format_html('<span class="dim">{}</span>', none)
    amount = Decimal(amount)
    exact = formats.money(amount, currency)
    text = formats.short_money(amount, currency) if short else exact
    return format_html('<data class="num nw" value="{}" title="{} {}">{}</data>', amount, exact, currency, text)


@register.simple_tag
def filesize(count: int | None, none: str = "—") -> SafeString:
    if count is None or count == "":
        return format_html('<span class="dim">{}</span>', none)
    return format_html(
        '<data class="num nw" value="{}" title="{} bytes">{}</data>', count, f"{count:,}", formats.size(count)
    )


@register.simple_tag
def copy(text: str, label: str = "Copy") -> SafeString:
    """A button that copies the text. Without JavaScript it is hidden."""
    return format_html(
        '<button class="copy" type="button" data-copy="{}" aria-label="{}" title="{}">{}</button>',
        text, label, label, icon("copy", "s"),
    )  # fmt: skip


@register.simple_tag
def hash(value: str | None, full: bool = False, label: str = "SHA-256", none: str = "—") -> SafeString:  # noqa: A001
    """A hash: short with the whole in its title, or whole in groups of eight; both can be copied."""
    if not value:
        return format_html('<span class="dim">{}</span>', none)
    button = copy(value, f"Copy {label} {formats.short_hash(value)}")
    if full:
        return format_html('<span class="hash full">{}</span> {}', formats.grouped_hash(value), button)
    return format_html(
        '<span class="hash short" title="{} {}">{}</span>{}', label, value, formats.short_hash(value), button
    )


@register.simple_tag
def progress(value: int, most: int, label: str) -> SafeString:
    """A bar with its name; percentages are for the eye, the words say "128 of 204 files"."""
    return format_html(
        '<progress value="{}" max="{}" aria-label="{}">{} of {}</progress>', value, max(most, 1), label, value, most
    )


# --- larger components ---------------------------------------------------------------------------------------------


@register.inclusion_tag("ui/stepper.html")
def stepper(steps: Sequence[Step], label: str = "Lifecycle") -> dict[str, Any]:
    return {"steps": steps, "label": label}


@register.inclusion_tag("ui/timeline.html")
def timeline(entries: Sequence[TimelineEntry]) -> dict[str, Any]:
    return {"entries": entries}


@register.inclusion_tag("ui/approval_panel.html", takes_context=True)
def approval_panel(context: Context, panel: ApprovalPanel) -> dict[str, Any]:
    return {"panel": panel, "csrf_token": context.get("csrf_token"), "request": context.get("request")}


@register.inclusion_tag("ui/prove.html", takes_context=True)
def prove(context: Context, id: str = "proof") -> dict[str, Any]:  # noqa: A002
    """The fields by which a form proves who sends it: a passkey, a code, or, without either, the password."""
    request = context.get("request")
    known = request is not None and getattr(request, "user", None) is not None and request.user.is_authenticated
    return {"ways": stepping_up.ways(request) if known else stepping_up.PASSWORD_ONLY, "id": id}


@register.inclusion_tag("ui/views.html")
def views(tabs: Sequence[View], label: str = "Saved views", box: bool = False) -> dict[str, Any]:
    return {"tabs": tabs, "label": label, "box": box}


@register.inclusion_tag("ui/filters.html", takes_context=True)
def filter_bar(
    context: Context,
    filters: Sequence[Filter],
    search: str | None = "q",
    placeholder: str = "Filter",
    target: str = "",
) -> dict[str, Any]:
    """The row above a list: a search field and one chip for each filter. Every state of it is a URL."""
    params = context["request"].GET
    chips = []
    for number, one in enumerate(filters):
        value = one.value or params.get(one.name, "")
        without = _query(params, {one.name: None, "after": None})
        chips.append(
            {
                "filter": Filter(one.name, one.word, one.choices, value),
                "clear": without,
                "choices": "" if value else _choices(without, one.name, tuple(one.choices)),
                "id": f"filter-{number}",
            }
        )
    active = any(chip["filter"].value for chip in chips) or bool(search and params.get(search))
    names = {one.name for one in filters} | {search, "after"}
    return {
        "chips": chips,
        "search": search,
        "query": params.get(search or "", ""),
        "placeholder": placeholder,
        "target": target,
        "kept": [(key, value) for key, value in params.items() if key not in {search, "after"}],
        "clear_all": _query(params, dict.fromkeys(names)) if active else "",
        "path": context["request"].path,
    }


@lru_cache(maxsize=256)
def _choices(without: str, name: str, choices: tuple[tuple[str, str], ...]) -> SafeString:
    # Long lists are made here, and kept: they are the same on every page of an organization.
    begin = escape((without if without == "?" else f"{without}&") + quote_plus(name))
    links = (f'<a href="{begin}={quote_plus(key)}">{escape(text)}</a>' for key, text in choices)
    return mark_safe("".join(links))  # noqa: S308  every part is quoted or escaped in the line above


def _query(params: Any, changes: dict[str | None, str | None]) -> str:
    changed = params.copy()
    for key, value in changes.items():
        if key is None:
            continue
        if value is None:
            changed.pop(key, None)
        else:
            changed[key] = value
    return f"?{changed.urlencode()}"


@register.simple_tag(takes_context=True)
def sort_head(context: Context, key: str, text: str, classes: str = "") -> SafeString:
    """A table head that sorts: ?sort=key, then ?sort=-key. The current one carries aria-sort."""
    params = context["request"].GET
    current = params.get("sort", context.get("sort", ""))
    down, active = current == f"-{key}", current.lstrip("-") == key
    url = _query(params, {"sort": key if not active or down else f"-{key}", "after": None})
    glyph = icon("arrow-down" if down else "arrow-up", "s") if active else EMPTY
    state = format_html(' aria-sort="{}"', "descending" if down else "ascending") if active else EMPTY
    return format_html(
        '<th scope="col"{}{}><a class="th-sort" href="{}">{}{}</a></th>',
        format_html(' class="{}"', classes) if classes else EMPTY, state, url, text, glyph,
    )  # fmt: skip


@register.inclusion_tag("ui/load_more.html")
def load_more(page: Slice, target: str = "") -> dict[str, Any]:
    return {"page": page, "target": target}


@register.inclusion_tag("ui/file_row.html")
def file_row(row: FileRow) -> dict[str, Any]:
    glyph, states = _file_icon(row.name, row.mime), {"done": "d", "now": "n", "failed": "x", "warn": "w"}
    marks = {"done": "check", "now": "loader-circle", "failed": "x", "warn": "triangle-alert"}
    stages = [(text, states.get(state, ""), marks.get(state, "")) for text, state in row.stages]
    return {"row": row, "glyph": glyph, "stages": stages}


def _file_icon(name: str, mime: str = "") -> str:
    ending = name.rpartition(".")[2].lower()
    if mime.startswith("image/") or ending in {"png", "jpg", "jpeg", "gif", "webp", "tif", "tiff"}:
        return "image"
    if mime.startswith("video/") or ending in {"mp4", "mov", "webm"}:
        return "file-video-camera"
    by_ending = {
        "csv": "file-spreadsheet", "xlsx": "file-spreadsheet", "xls": "file-spreadsheet", "ods": "file-spreadsheet",
        "pdf": "file-text", "docx": "file-text", "txt": "file-text", "md": "file-text",
        "json": "file-code-2", "xml": "file-code-2", "html": "file-code-2", "sarif": "file-code-2",
        "zip": "file-archive", "gz": "file-archive", "tar": "file-archive", "eml": "mail",
    }  # fmt: skip
    return by_ending.get(ending, "file")


@register.inclusion_tag("ui/dropzone.html", takes_context=True)
def dropzone(
    context: Context, url: str, name: str = "file", accept: str = "", hint: str = "", most_bytes: int = 0
) -> dict[str, Any]:
    """Where files are dropped. Works as a plain multipart form; upload.js adds rows, stages and progress."""
    return {
        "url": url,
        "name": name,
        "accept": accept,
        "hint": hint,
        "most_bytes": most_bytes,
        "csrf_token": context.get("csrf_token"),
    }


@register.inclusion_tag("ui/heat.html")
def heat_map(heat: HeatMap) -> dict[str, Any]:
    words = {**{key: sign.word for key, sign in vocabulary.RUN.items()}, "blank": ""}
    rows = []
    for row in heat.rows:
        cells = []
        for number, cell in enumerate(row.cells):
            text = words.get(cell.state, vocabulary.humanised(cell.state))
            week = heat.weeks[number] if number < len(heat.weeks) else ""
            cells.append(
                {
                    "cell": cell,
                    "css": vocabulary.CELLS.get(cell.state, "nd"),
                    "glyph": vocabulary.CELL_GLYPHS.get(cell.state, ""),
                    "word": f"{text}, {cell.note}" if cell.note and text else text,
                    "week": week,
                    "now": heat.now == number,
                    "gap": cell.state in {"missed", "partial"},
                }
            )
        rows.append({"row": row, "cells": cells})
    weeks = [
        {"word": text, "now": heat.now == number, "shown": not heat.mini or number % 4 == 0 or heat.now == number}
        for number, text in enumerate(heat.weeks)
    ]
    return {"heat": heat, "rows": rows, "weeks": weeks}


@register.inclusion_tag("ui/heat_legend.html")
def heat_legend() -> dict[str, Any]:
    order = ("operated", "partial", "missed", "pending", "not_due", "scheduled")
    return {
        "cells": [
            (vocabulary.CELLS[key], vocabulary.CELL_GLYPHS.get(key, ""), vocabulary.RUN[key].word) for key in order
        ]
    }


# --- charts --------------------------------------------------------------------------------------------------------


@register.simple_tag
def chart_bar(segments: Sequence[Segment], label: str, height: int = 12, most: float | None = None) -> SafeString:
    """A stacked bar of parts of a whole; its words stand beside it in HTML."""
    return charts.stacked_bar(segments, label, height=height, most=most)


@register.simple_tag
def chart_share(value: float, most: float, label: str, tone: str = "acc") -> SafeString:
    """One thin bar: how much of the whole."""
    return charts.stacked_bar([Segment(label, value, tone)], label, height=6, most=most)


@register.inclusion_tag("ui/chart_bars.html")
def chart_bars(segments: Sequence[Segment], label: str, unit: str = "") -> dict[str, Any]:
    """Named bars below each other: each with its figure."""
    most = max([float(one.value) for one in segments] or [1]) or 1
    return {"segments": segments, "label": label, "most": most, "unit": unit}


@register.inclusion_tag("ui/chart_burndown.html")
def chart_burndown(data: BurnDown, width: int = 340, height: int = 190) -> dict[str, Any]:
    return {"svg": charts.burn_down(data, width=width, height=height), "data": data}


@register.simple_tag
def chart_period(parts: Sequence[tuple[date, date, str]], start: date, end: date, label: str) -> SafeString:
    """Which days of a period are covered: parts are (first day, last day, tone)."""
    return charts.period(parts, start, end, label)


# --- forms ---------------------------------------------------------------------------------------------------------


@register.inclusion_tag("ui/field.html")
def field(bound: BoundField, optional: str = "optional", rows: int = 0, classes: str = "") -> dict[str, Any]:
    """A form field with label, help and error, wired with aria-describedby and aria-invalid."""
    widget = bound.field.widget
    identifier = bound.auto_id or bound.html_name
    grouped = isinstance(widget, RadioSelect | CheckboxSelectMultiple)
    attributes: dict[str, Any] = {}
    described = []
    if bound.help_text:
        described.append(f"{identifier}-hint")
    if bound.errors:
        described.append(f"{identifier}-error")
        attributes["aria-invalid"] = "true"
    if described:
        attributes["aria-describedby"] = " ".join(described)
    is_check = isinstance(widget, CheckboxInput)
    if not is_check and not grouped:
        attributes["class"] = f"inp {widget.attrs.get('class', '')} {classes}".strip()
    if rows:
        attributes["rows"] = rows
    return {
        "bound": bound,
        "control": bound.as_widget(attrs=attributes),
        "is_check": is_check,
        "grouped": grouped,
        "optional": optional if not bound.field.required and not is_check else "",
        "hint_id": f"{identifier}-hint",
        "error_id": f"{identifier}-error",
        "id_for_label": bound.id_for_label,
        "hidden": bound.is_hidden,
        "described": " ".join(described),
    }


@register.inclusion_tag("ui/form_errors.html")
def form_errors(form: Form, title: str = "Nothing was saved yet") -> dict[str, Any]:
    """The summary above a refused form: each error is a link to its field, and focus goes here."""
    errors = []
    for name, messages in form.errors.items():
        bound = form[name] if name in form.fields else None
        for message in messages:
            errors.append((bound.id_for_label or bound.auto_id if bound else "", bound.label if bound else "", message))
    return {"errors": errors, "title": title}


# --- blocks: {% note %}…{% endnote %}, {% empty %}…{% endempty %}, {% bulkbar %}…{% endbulkbar %} ------------------------


@register.simple_block_tag
def note(content: str, tone: str = "mute", title: str = "", glyph: str = "", alert: bool = False) -> SafeString:
    glyphs = {"crit": "circle-x", "warn": "triangle-alert", "ok": "circle-check", "info": "info"}
    head = format_html("<b>{}</b><br>", title) if title else EMPTY
    return format_html(
        '<div class="note {}"{}>{}<div>{}{}</div></div>',
        tone,
        mark_safe(' role="alert"') if alert else EMPTY,
        icon(glyph or glyphs.get(tone, "info")),
        head,
        content,  # rendered template text, already escaped where it came from
    )


@register.simple_block_tag
def empty(content: str, title: str, glyph: str = "", level: int = 3) -> SafeString:
    """An empty state: first use (what to do), filtered (name the filter, offer Clear), or done."""
    heading = format_html("<h{}>{}</h{}>", level, title, level)
    return format_html('<div class="empty">{}{}{}</div>', icon(glyph) if glyph else EMPTY, heading, content)


@register.simple_block_tag
def bulkbar(content: str, noun: str = "rows", label: str = "Bulk actions") -> SafeString:
    """The bar for ticked rows. table.js shows it and keeps the count; put form buttons inside."""
    return format_html(
        '<div class="bulk" role="toolbar" aria-label="{}" data-bulk="{}" hidden><b data-bulk-count></b>{}'
        '<span class="sp"></span><button class="btn s hide-m" type="button" data-bulk-clear>Clear <kbd>Esc</kbd>'
        "</button></div>",
        label,
        noun,
        content,
    )


@register.filter
def attribute(value: Any, name: str) -> Any:
    """A member of a mapping or an object by a name held in a variable."""
    return value.get(name, "") if isinstance(value, dict) else getattr(value, name, "")


@register.simple_tag
def codes(values: Sequence[Any]) -> SafeString:
    """Several codes beside each other."""
    return mark_safe(" ".join(map(tag, values)))  # noqa: S308  each is a tag
