"""Words for numbers, states and dates in a package, so that every section says the same thing the same way.

All of them are said in the language that is spoken (languages.py). A sentence is one message with its numbers and names
as placeholders; where a clause depends on a number it is a message of its own. Codes of the record (states, actions,
frequencies) are terms: `term` says them, and the catalogue gets them from where they are declared (catalogue.py).
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from typing import Any

from django.utils import dateformat, formats
from django.utils.translation import get_language, gettext, ngettext, npgettext, pgettext, pgettext_lazy

from portal.packages.outlines import Outline

SMALL = [
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
#: Counts below this are words in a sentence.
SPELLED = 100
#: Contexts of messages that are not written in this file (catalogue.py).
NUMBER, TERM = "number in a sentence", "term"

SEVERITY = {
    "critical": pgettext_lazy("severity", "Critical"),
    "high": pgettext_lazy("severity", "High"),
    "medium": pgettext_lazy("severity", "Medium"),
    "low": pgettext_lazy("severity", "Low"),
}
STATE = {
    "reported": pgettext_lazy("state of a finding", "Reported"),
    "triaged": pgettext_lazy("state of a finding", "Triaged"),
    "analysed": pgettext_lazy("state of a finding", "Analysed"),
    "planned": pgettext_lazy("state of a finding", "Planned"),
    "in_remediation": pgettext_lazy("state of a finding", "In remediation"),
    "ready_for_verification": pgettext_lazy("state of a finding", "Ready for verification"),
    "verified": pgettext_lazy("state of a finding", "Verified, not yet closed"),
    "closed": pgettext_lazy("state of a finding", "Closed"),
    "rejected": pgettext_lazy("state of a finding", "Rejected"),
    "risk_acceptance_pending": pgettext_lazy("state of a finding", "Open, risk acceptance asked"),
    "risk_accepted": pgettext_lazy("state of a finding", "Open, risk accepted"),
    "deferral_pending": pgettext_lazy("state of a finding", "Open, deferral asked"),
    "deferred": pgettext_lazy("state of a finding", "Open, deferred"),
}
#: The same after a colon, within a sentence.
STATE_WITHIN = {
    "reported": pgettext_lazy("state of a finding, within a sentence", "reported"),
    "triaged": pgettext_lazy("state of a finding, within a sentence", "triaged"),
    "analysed": pgettext_lazy("state of a finding, within a sentence", "analysed"),
    "planned": pgettext_lazy("state of a finding, within a sentence", "planned"),
    "in_remediation": pgettext_lazy("state of a finding, within a sentence", "in remediation"),
    "ready_for_verification": pgettext_lazy("state of a finding, within a sentence", "ready for verification"),
    "verified": pgettext_lazy("state of a finding, within a sentence", "verified, not yet closed"),
    "risk_acceptance_pending": pgettext_lazy("state of a finding, within a sentence", "open, risk acceptance asked"),
    "risk_accepted": pgettext_lazy("state of a finding, within a sentence", "open, risk accepted"),
    "deferral_pending": pgettext_lazy("state of a finding, within a sentence", "open, deferral asked"),
    "deferred": pgettext_lazy("state of a finding, within a sentence", "open, deferred"),
}
RESULT = {
    "finding": (pgettext_lazy("what the records of a control show", "Finding"), "ex"),
    "operated": (pgettext_lazy("what the records of a control show", "Ran as due"), "ok"),
    "gaps": (pgettext_lazy("what the records of a control show", "Gaps"), "ex"),
    "not_shown": (pgettext_lazy("what the records of a control show", "Not shown"), "un"),
}
CAUSE = {
    "people": pgettext_lazy("class of cause", "People"),
    "process": pgettext_lazy("class of cause", "Process"),
    "technology": pgettext_lazy("class of cause", "Technology"),
    "vendor": pgettext_lazy("class of cause", "Vendor"),
    "design": pgettext_lazy("class of cause", "Design"),
}
SOURCE = {
    "audit_report": pgettext_lazy("source of a finding", "Audit report"),
    "scanner": pgettext_lazy("source of a finding", "Scanner"),
    "internal": pgettext_lazy("source of a finding", "Internal"),
    "auditor": pgettext_lazy("source of a finding", "Auditor"),
    "import": pgettext_lazy("source of a finding", "Import"),
}
#: What is said of a reading copy, by the word that the manifest has for it.
COPY = {
    "slip sheet": pgettext_lazy("copy of an exhibit", "slip sheet"),
    "repaired copy": pgettext_lazy("copy of an exhibit", "repaired copy"),
}
#: What the document is called in a sentence, by the key of its outline.
DOCUMENT = {
    "full": pgettext_lazy("document, within a sentence", "remediation and evidence package"),
    "exceptions": pgettext_lazy("document, within a sentence", "exceptions and responses"),
    "matrix": pgettext_lazy("document, within a sentence", "control matrix"),
    "finding": pgettext_lazy("document, within a sentence", "one finding"),
    "duties": pgettext_lazy("document, within a sentence", "segregation of duties"),
    "sampling": pgettext_lazy("document, within a sentence", "sampling sheets"),
    "board": pgettext_lazy("document, within a sentence", "board summary"),
    "status_letter": pgettext_lazy("document, within a sentence", "remediation status letter"),
    "bridge_letter": pgettext_lazy("document, within a sentence", "bridge letter"),
    "buyer": pgettext_lazy("document, within a sentence", "buyer’s summary"),
}


# --- numbers ----------------------------------------------------------------------------------------------------------


def number(value: int) -> str:
    """A count in a sentence: in words below a hundred, in figures above."""
    return pgettext(NUMBER, spelled(value)) if 0 <= value < SPELLED else figures(value)


@cache
def spelled(value: int) -> str:
    """In English words, from no to ninety-nine; a catalogue says each of them as a whole."""
    if value < 20:
        return SMALL[value]
    tens, ones = divmod(value, 10)
    return TENS[tens] + (f"-{SMALL[ones]}" if ones else "")


def figures(value: int) -> str:
    """With the language's own separator of thousands."""
    if _is_grouped_by_commas(get_language()):
        return f"{value:,}"
    return str(formats.number_format(value, use_l10n=True, force_grouping=True))


@cache
def _is_grouped_by_commas(language: str) -> bool:
    separator = formats.get_format("THOUSAND_SEPARATOR", language, use_l10n=True)
    return bool(separator == "," and formats.get_format("NUMBER_GROUPING", language, use_l10n=True) == 3)


def counted(one: str, many: str, value: int, **more: Any) -> str:
    """The message for so many, with the number in it as %(number)s and what else is named."""
    return ngettext(one, many, value) % {"number": number(value), **more}


def counted_in(context: str, one: str, many: str, value: int, **more: Any) -> str:
    """As `counted`, where the words around decide how a language says it."""
    return npgettext(context, one, many, value) % {"number": number(value), **more}


def size(whole: int) -> str:
    if whole < 1000:
        return octets(whole)
    value = whole / 1000
    for unit in (
        pgettext("size of a file", "%(number)s kB"),
        pgettext("size of a file", "%(number)s MB"),
    ):
        if value < 1000:
            return unit % {"number": _tenths(value)}
        value /= 1000
    return pgettext("size of a file", "%(number)s GB") % {"number": _tenths(value)}


def octets(value: int) -> str:
    """A size to the byte."""
    return pgettext("size of a file", "%(number)s bytes") % {"number": figures(value)}


def _tenths(value: float) -> str:
    if _is_grouped_by_commas(get_language()):
        return f"{value:.1f}"
    return str(formats.number_format(f"{value:.1f}", decimal_pos=1, use_l10n=True))


# --- sentences --------------------------------------------------------------------------------------------------------


def capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def listed(items: list[str]) -> str:
    """a, b and c"""
    if len(items) < 2:
        return "".join(items)
    # Translators: the last of several things that are listed in a sentence: “a, b and c”.
    return gettext("%(some)s and %(last)s") % {"some": separated(items[:-1]), "last": items[-1]}


def separated(items: Iterable[str]) -> str:
    """a, b, c"""
    # Translators: what stands between the items of a list.
    return pgettext("separator", ", ").join(items)


def span(first: str, last: str) -> str:
    """References or days from the first to the last, both included."""
    # Translators: references or days, both included: “F-001 to F-025”, “1 Jan 2026 to 31 Mar 2026”.
    return gettext("%(first)s to %(last)s") % {"first": first, "last": last}


def and_more(shown: str, more: int) -> str:
    # Translators: a list of references that was cut: “AC-01, AC-02 and 12 more”.
    return ngettext("%(shown)s and %(more)s more", "%(shown)s and %(more)s more", more) % {
        "shown": shown,
        "more": figures(more),
    }


def more(many: int) -> str:
    # Translators: behind a list that was cut.
    return ngettext("and %(more)s more", "and %(more)s more", many) % {"more": figures(many)}


def in_place_of(person: str, other: str) -> str:
    # Translators: who decided, and in whose place: “Arun Mehta for Vera Lindgren”.
    return gettext("%(person)s for %(other)s") % {"person": person, "other": other}


def label(text: str) -> str:
    """A label of the record, such as a category, in the language that is spoken. What is no label stays as it is."""
    return pgettext(TERM, text) if text else ""


def term(code: str) -> str:
    """A code of the record in words: risk_accepted becomes Risk accepted."""
    return label(capital(str(code).replace("_", " ").replace(".", " ")))


def state(code: str) -> str:
    """The state of a finding."""
    return str(STATE[code]) if code in STATE else term(code)


def state_within(code: str) -> str:
    """The state of an open finding, within a sentence."""
    return str(STATE_WITHIN.get(code, code))


def carried(accepted: int, deferred: int) -> str:
    """Accepted risks and moved dates, as many as there are, within a sentence."""
    parts = []
    if accepted:
        parts.append(counted_in("within a sentence", "%(number)s accepted risk", "%(number)s accepted risks", accepted))
    if deferred:
        parts.append(counted_in("within a sentence", "%(number)s deferral", "%(number)s deferrals", deferred))
    return listed(parts)


def rows_note(shown: int, all_of_them: int) -> str:
    """What is said under a table that was cut; nothing under a whole one."""
    if shown >= all_of_them:
        return ""
    return gettext("Rows 1 to %(shown)s of %(all)s; all of them are in the attached snapshot.json.") % {
        "shown": figures(shown),
        "all": figures(all_of_them),
    }


def categories(names: Iterable[str]) -> list[str]:
    """Those of the criteria in scope; the common criteria when none is named."""
    return [label(name) for name in names] or [label("Security")]


def document(outline: Outline) -> str:
    """What the document is called in a sentence."""
    return str(DOCUMENT[outline.key])


def foot(confidentiality: str, ref: str, issue: int) -> str:
    """What stands at the foot of every page."""
    # Translators: the foot of a page: how confidential it is, the package, which issue of it.
    return gettext("%(confidentiality)s  ·  %(package)s  ·  Issue %(issue)s") % {
        "confidentiality": label(confidentiality)[:40],
        "package": ref,
        "issue": issue,
    }


# --- days and moments -------------------------------------------------------------------------------------------------
# The patterns are those of Django's date filter, its catalogues have the names of months.


def day(value: date | datetime | None) -> str:
    if value is None:
        return "—"
    if isinstance(value, datetime):
        value = value.astimezone(UTC)
    # Translators: a day in a table, 3 Mar 2026; letters as in Django's date filter.
    return _dated(value, pgettext("pattern of a date", "j M Y"), get_language())


def full_day(value: date) -> str:
    # Translators: a day in a sentence of an exception, 03 Mar 2026; letters as in Django's date filter.
    return _dated(value, pgettext("pattern of a date", "d M Y"), get_language())


def long_day(value: date) -> str:
    # Translators: a day in a sentence, 3 March 2026; letters as in Django's date filter.
    return _dated(value, pgettext("pattern of a date", "j F Y"), get_language())


def month(value: date) -> str:
    # Translators: a month under a chart, Mar; letters as in Django's date filter.
    return _dated(value, pgettext("pattern of a date", "M"), get_language())


def month_of_year(value: date) -> str:
    # Translators: March 2026; letters as in Django's date filter.
    return _dated(value, pgettext("pattern of a date", "F Y"), get_language())


def days(first: date, last: date) -> str:
    """From the first to the last day, both included; the year once where it is the same."""
    if first == last:
        return day(first)
    begin = day(first)
    if first.year == last.year:
        # Translators: the first day of a range within one year, 1 Mar – 28 Mar 2026; letters as in Django's date filter.
        begin = _dated(first, pgettext("pattern of a date", "j M"), get_language())
    # Translators: a range of days in a table: 1 Mar – 28 Mar 2026.
    return gettext("%(first)s – %(last)s") % {"first": begin, "last": day(last)}


def moment(value: datetime | None) -> str:
    if value is None:
        return "—"
    # Translators: 3 Mar 2026, 14:05; letters as in Django's date filter.
    return _dated(value.astimezone(UTC), pgettext("pattern of a date", "j M Y, H:i"), get_language())


def stamp(value: datetime | None) -> str:
    if value is None:
        return "—"
    # Translators: a moment to the minute as 2026-03-31 14:05 UTC.
    return gettext("%(moment)s UTC") % {"moment": f"{value.astimezone(UTC):%Y-%m-%d %H:%M}"}


@lru_cache(maxsize=4096)
def _dated(value: date, pattern: str, language: str) -> str:
    return dateformat.format(value, pattern)
