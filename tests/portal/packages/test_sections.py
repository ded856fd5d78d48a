"""One contract for every section, and what no section may say."""

import re

import pytest

from portal.packages import book, outlines, sections, snapshot
from portal.packages.edition import Edition
from tests.portal.packages import sample


def edition(**changes) -> Edition:
    rows = sample.snapshot(**changes)
    return Edition(rows, "0" * 64, snapshot.digest(snapshot.canonical(rows)))


def text_of(whole: Edition) -> str:
    return "".join(unit.html for unit in book.units(whole, lambda *_: None))


@pytest.mark.parametrize("section", sections.found(), ids=lambda section: section.subject)
def test_every_section_has_sheets_with_anchors_and_a_template(section):
    template = next(one.key for one in outlines.OUTLINES if section.subject in one.sections)
    whole = Edition(sample.templated(template), "0" * 64, "1" * 64)
    assert section in sections.chosen(whole)
    sheets = list(section.sheets(whole))
    assert sheets
    assert len({sheet.anchor for sheet in sheets}) == len(sheets)
    template = book.engine().get_template(section.template)
    assert 'id="{{ sheet.anchor }}"' in template.source
    assert "data-run" in template.source
    assert "|safe" not in template.source


@pytest.mark.parametrize("section", sections.found(), ids=lambda section: section.subject)
def test_every_section_can_be_set_when_nothing_is_in_scope(section):
    empty = edition(findings=(), controls=(), criteria=(), exhibits=(), acceptances=(), deferrals=(), checkpoint=None)
    text = text_of(empty)
    assert text
    list(section.sheets(empty))


def test_sections_come_in_the_order_of_their_numbers():
    orders = [section.order for section in sections.found()]
    assert orders == sorted(set(orders))


def test_no_section_judges():
    text = text_of(edition()).lower()
    assert not re.search(r"\bcomplian(t|ce)\b|\bcertif|\bopinion", text)


def test_text_of_users_is_escaped_everywhere():
    evil = '<script>alert(1)</script><img src="http://evil.example/x"><style>*{}</style>&'
    finding = sample.closed_finding()
    fields = ("title", "condition", "cause", "extent", "plan", "success_test", "severity_rationale", "owner", "asset")
    import dataclasses

    hostile = dataclasses.replace(finding, **dict.fromkeys(fields, evil))
    text = text_of(edition(findings=(hostile,)))
    assert "<script" not in text
    assert "<img" not in text
    assert "<style" not in text
    assert "&lt;script&gt;" in text


def test_a_failing_row_is_named():
    rows = sample.snapshot(findings=(sample.closed_finding(), object()))
    with pytest.raises((book.SectionFailed, AttributeError)) as failure:
        text_of(Edition(rows, "0" * 64, "0" * 64))
    assert failure.value


def test_a_long_text_is_cut_with_a_note():
    from portal.packages.templatetags.package import prose

    said = prose("word " * 200_000)
    assert len(said) < 20_000
    assert "snapshot.json" in said
