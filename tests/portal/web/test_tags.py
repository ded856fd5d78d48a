"""What people typed is text wherever a tag shows it, and times, figures and clocks read as promised."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from django import forms
from django.template import Context, Template
from django.test import RequestFactory

from evidence import clock
from portal.web import formats
from portal.web.components import (
    ApprovalPanel,
    BurnDown,
    Candidate,
    Cell,
    DecisionLine,
    FileRow,
    Filter,
    HeatMap,
    HeatRow,
    OwnAct,
    PaletteGroup,
    PaletteItem,
    Segment,
    Slice,
    Step,
    TimelineEntry,
    View,
)

NOW = datetime(2026, 11, 24, 9, 40, tzinfo=UTC)
BAD = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


class Form(forms.Form):
    title = forms.CharField(label=BAD, help_text="plain")
    tick = forms.BooleanField(label=BAD)
    pick = forms.ChoiceField(label=BAD, choices=[(BAD, BAD)], widget=forms.RadioSelect)


def shown(text: str, **context: object) -> str:
    request = RequestFactory().get("/o/x/findings", {"q": BAD, "severity": BAD})
    with clock.at(NOW):
        return Template("{% load ui %}" + text).render(Context({"request": request, **context}))


PANEL = ApprovalPanel(
    BAD, 2, 1, (DecisionLine(BAD, "approve", BAD, NOW, BAD),), blocked=True, heading=BAD, sentence=BAD, rule=BAD,
    rule_note=BAD, acts=(OwnAct(BAD, NOW, 1, "#"),), candidates=(Candidate(BAD, BAD, "free", BAD, True),), ask_url="#",
    changed=BAD, exception_note=BAD, answer_note=BAD,
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "context"),
    [
        ("{% who x x %}{% avatar x %}{% tag x %}{% tag x x %}{% badge 'warn' 'x' x %}{% copy x x %}{% hash x %}", {}),
        ("{% pill 'finding' x %}{% pill 'finding' 'closed' x %}{% word 'task' x %}{% sev x %}{% codes y %}", {"y": [BAD]}),
        ("{% sla due paused=x %}{% progress 1 2 x %}{% icon 'x' label=x %}", {"due": NOW}),
        ("{% stepper y %}", {"y": [Step(BAD, "now", BAD)]}),
        ("{% timeline y %}", {"y": [TimelineEntry(NOW, BAD, BAD, hash=BAD, quote=BAD, details=((BAD, BAD),), index=1)]}),
        ("{% approval_panel y %}", {"y": PANEL}),
        ("{% views y x %}", {"y": [View(BAD, "?a", 1)]}),
        ("{% filter_bar y placeholder=x %}", {"y": [Filter("severity", BAD, ((BAD, BAD),)), Filter("p", BAD, ((BAD, BAD),))]}),
        ("{% sort_head 'due' x %}{% load_more y %}", {"y": Slice(1, 2, "?a=b", BAD)}),
        ("{% file_row y %}", {"y": FileRow(BAD, 1, BAD, sha256=BAD, stages=((BAD, "now"),), message=BAD, sent=1)}),
        ("{% dropzone x hint=x %}", {}),
        ("{% heat_map y %}", {"y": HeatMap(BAD, ["1"], [HeatRow(BAD, BAD, [Cell("missed", "#", BAD)], "#", BAD)], 0)}),
        ("{% chart_bar y x %}{% chart_bars y x x %}{% chart_share 1 2 x %}", {"y": [Segment(BAD, 1)]}),
        ("{% chart_burndown y %}", {"y": BurnDown(BAD, [(date(2026, 1, 1), 2), (date(2026, 2, 1), 1)], noun=BAD)}),
        ("{% note 'warn' x %}{{ x }}{% endnote %}{% empty x %}{{ x }}{% endempty %}{% bulkbar x x %}{{ x }}{% endbulkbar %}", {}),
        ("{% form_errors f x %}{% for b in f %}{% field b %}{% endfor %}", {"f": Form({"title": "", "pick": BAD + "x"})}),
        ("{% include 'ui/palette_results.html' %}", {"groups": [PaletteGroup(BAD, (PaletteItem(BAD, BAD, BAD, key=BAD, refused=BAD),))]}),
    ],
)  # fmt: skip
def test_what_a_person_typed_is_never_markup(text, context):
    html = shown(text, x=BAD, **context)
    assert "<script" not in html
    assert "<img" not in html
    assert not [part for part in html.split("<")[1:] if "onerror" in part.split(">")[0] and "&lt;img" not in part]


def test_times_are_exact_and_in_utc():
    html = shown("{% when x %}", x=datetime(2026, 11, 23, 12, 3, 22, tzinfo=UTC))
    assert html == ('<time datetime="2026-11-23T12:03:22Z" title="2026-11-23T12:03:22Z">23 Nov 2026, 12:03 UTC</time>')
    assert "23 Nov 2026</time>" in shown("{% when x %}", x=date(2026, 11, 23))
    assert "(22 h ago)" in shown("{% when x 'ago' %}", x=NOW - timedelta(hours=22))


@pytest.mark.parametrize(
    ("due", "start", "words", "tone"),
    [
        (NOW + timedelta(days=16), NOW - timedelta(days=1), "16 d left", "ring"),
        (NOW + timedelta(days=5, hours=4), NOW - timedelta(days=20), "5 d 4 h left", "c-warn"),
        (NOW - timedelta(hours=4), NOW - timedelta(days=9), "4 h over", "c-crit"),
        (date(2026, 11, 24), None, "14 h left", "ring"),
        (date(2026, 11, 23), None, "9 h over", "c-crit"),
    ],
)
def test_the_clock_says_what_is_left(due, start, words, tone):
    html = shown("{% sla due start %}", due=due, start=start)
    assert words in html
    assert tone in html


def test_a_paused_or_finished_clock_says_so():
    assert "Paused: with auditor" in shown("{% sla x paused='with auditor' %}", x=NOW)
    assert "In time" in shown("{% sla x done=y %}", x=NOW, y=NOW - timedelta(days=1))
    assert "2 d late" in shown("{% sla x done=y %}", x=NOW, y=NOW + timedelta(days=2))
    assert "No due date" in shown("{% sla x %}", x=None)


@pytest.mark.parametrize(
    ("amount", "short", "exact"),
    [("1840000", "$1.84M", "$1,840,000"), ("420000", "$420K", "$420,000"), ("99.5", "$99.50", "$99.50"), ("-1500", "−$2K", "−$1,500")],
)  # fmt: skip
def test_rounded_money_keeps_the_exact_figure_in_its_title(amount, short, exact):
    html = shown("{% money x 'USD' short=True %}", x=Decimal(amount))
    assert f">{short}</data>" in html
    assert f'title="{exact} USD"' in html


@pytest.mark.parametrize(
    ("count", "words"), [(1, "1 byte"), (18_204, "18.2 KB"), (2_000_000_000, "2 GB"), (999, "999 bytes")]
)
def test_sizes(count, words):
    assert formats.size(count) == words


def test_people_are_shown_by_initials_and_name_whoever_asks():
    account = SimpleNamespace(person=SimpleNamespace(name="Dana Whitfield"))
    for one in ("Dana Whitfield", SimpleNamespace(name="Dana Whitfield", person=None), account):
        html = shown("{% who x %}", x=one)
        assert ">DW</span>" in html
        assert "Dana Whitfield" in html
    assert "Nobody" in shown("{% who None %}")


def test_a_sorted_head_turns_round_and_forgets_the_page():
    def head(query: dict[str, str]) -> str:
        request = RequestFactory().get("/o/x/findings", query)
        return Template("{% load ui %}{% sort_head 'due' 'Due' %}").render(Context({"request": request}))

    assert 'href="?sort=due"' in head({"after": "x"})
    assert 'aria-sort="ascending"' in head({"sort": "due"})
    assert 'href="?sort=-due"' in head({"sort": "due"})
    assert 'aria-sort="descending"' in head({"sort": "-due"})


def test_a_refused_field_names_its_error_and_hint():
    html = shown("{% field f.title %}", f=Form({"title": ""}))
    assert 'aria-invalid="true"' in html
    assert 'id="id_title-error"' in html
    assert "id_title-hint" in html
    assert "id_title-error" in html.split("aria-describedby=")[1].split(">")[0]


def test_safe_text_never_answers_for_the_same_text_that_is_not():
    from django.utils.safestring import mark_safe

    from portal.web.templatetags import ui

    hostile = "<script>x</script>"
    assert hostile in ui.badge("ok", "check", mark_safe(hostile))
    assert hostile not in ui.badge("ok", "check", hostile)
    assert hostile in ui.icon("check", "", mark_safe(hostile))
    assert hostile not in ui.icon("check", "", hostile)
    assert hostile not in ui.who(hostile)
