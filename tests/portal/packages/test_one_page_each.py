"""What a reader in a hurry opens fits on one page, on the shorter paper too: the summary, the figures behind it."""

import dataclasses
import re

import pypdfium2
import pytest

from portal.packages.sections.s02_summary import LISTED
from tests.portal.packages import sample
from tests.portal.packages.conftest import set_package

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("paper", ["A4", "letter"])
def test_a_summary_with_a_title_of_three_lines_and_long_rows_stands_on_one_page_too(tmp_path, paper):
    long = "Two people hold deployment and log administration together, and nobody has reviewed what they did"
    findings = [dataclasses.replace(row, title=long) for row in sample.many(31).findings]
    rows = sample.templated("board", findings=tuple(findings))
    set_package(rows, tmp_path / "board.pdf", paper=paper)
    with pypdfium2.PdfDocument(tmp_path / "board.pdf") as document:
        pages = [page.get_textpage().get_text_bounded() for page in document]
    assert len(re.findall("Two people hold deployment", pages[1])) == 2 * LISTED[paper]
    assert "Executive summary" not in pages[2]


@pytest.mark.parametrize("paper", ["A4", "letter"])
def test_summary_and_figures_stand_on_one_page_each(tmp_path, paper):
    target = tmp_path / "board.pdf"
    set_package(sample.templated("board"), target, paper=paper)
    with pypdfium2.PdfDocument(target) as document:
        pages = [page.get_textpage().get_text_bounded() for page in document]
    for number, chapter in ((1, "Executive summary"), (2, "Standing of the findings"), (3, "Risk acceptances")):
        assert [place for place, text in enumerate(pages) if chapter in text] == [number]
