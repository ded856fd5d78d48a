"""Filters of a package's templates. Whatever comes in is text; nothing here makes user text safe by declaring it so."""

from datetime import date, datetime
from typing import Any

from django import template
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext

from portal.packages import wording

register = template.Library()

#: A longer text is cut here with a note; the whole text stands in the attached snapshot.json.
TEXT_LIMIT = 12_000
PARAGRAPH_LIMIT = 200


@register.filter
def day(value: date | datetime | None) -> str:
    return wording.day(value)


@register.filter
def until(first: date, last: date) -> str:
    return wording.days(first, last)


@register.filter
def span(first: date, last: date) -> str:
    return wording.span(wording.day(first), wording.day(last))


@register.filter
def moment(value: datetime | None) -> str:
    return wording.moment(value)


@register.filter
def stamp(value: datetime | None) -> str:
    return wording.stamp(value)


@register.filter
def thousands(value: int | None) -> str:
    return "—" if value is None else wording.figures(value)


@register.filter
def filesize(value: int) -> str:
    return wording.size(value)


@register.filter
def rows(value: int) -> str:
    return ngettext("%(number)s row", "%(number)s rows", value) % {"number": wording.figures(value)}


@register.filter
def octets(value: int) -> str:
    return wording.octets(value)


@register.filter
def commas(values: tuple[str, ...]) -> str:
    return wording.separated(values) or "—"


@register.filter
def severity(value: str) -> SafeString:
    if value not in wording.SEVERITY:
        return format_html("{}", value or "—")
    return format_html('<span class="sev {}">{}</span>', value, wording.SEVERITY[value])


@register.filter
def state(value: str) -> str:
    return wording.state(value)


@register.filter
def words(value: str) -> str:
    """risk_accepted becomes Risk accepted."""
    return wording.term(value)


@register.filter
def label(value: str) -> str:
    """A label of the record as the language says it; anything else as it is."""
    return wording.label(value)


@register.filter
def decider(decision: Any, limit: int = 0) -> str:
    """Who decided, and for whom; each name cut to so many characters."""
    person, other = decision.person, decision.on_behalf_of
    if limit:
        person, other = clipped(person, limit), clipped(other, limit)
    return wording.in_place_of(person, other) if other else str(person)


@register.filter
def halves(value: str) -> SafeString:
    """A hash on two lines, so that it keeps to a column."""
    if len(value) != 64:
        return conditional_escape(value)
    return format_html("{}<br>{}", value[:32], value[32:])


@register.filter
def prose(value: str, limit: int = TEXT_LIMIT) -> SafeString:
    """Text of a user as paragraphs, escaped; line breaks are kept, a very long text is cut with a note."""
    text = str(value or "").strip()
    if not text:
        return format_html('<p class="soft">{}</p>', gettext("Not recorded."))
    cut = text[:limit]
    lines = [line for line in cut.splitlines() if line.strip()]
    shown = lines[:PARAGRAPH_LIMIT]
    html = format_html_join("", "<p>{}</p>", ((line,) for line in shown))
    left = len(text) - sum(len(line) for line in shown)
    if len(cut) < len(text) or len(shown) < len(lines):
        shown_characters = len(text) - left
        note = gettext("Characters 1 to %(shown)s of %(all)s; the whole text is in the attached snapshot.json.") % {
            "shown": wording.figures(shown_characters),
            "all": wording.figures(len(text)),
        }
        html += format_html('<p class="cap">{}</p>', note)
    return html


@register.filter
def clipped(value: str, limit: int) -> str:
    text = str(value or "")
    return text if len(text) <= limit else text[: limit - 1] + "…"
