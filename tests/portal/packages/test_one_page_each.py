"""What a reader in a hurry opens fits on one page, on the shorter paper too: the summary, the figures behind it."""

import pypdfium2
import pytest

from tests.portal.packages import sample
from tests.portal.packages.conftest import set_package

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("paper", ["A4", "letter"])
def test_summary_and_figures_stand_on_one_page_each(tmp_path, paper):
    target = tmp_path / "board.pdf"
    set_package(sample.templated("board"), target, paper=paper)
    with pypdfium2.PdfDocument(target) as document:
        pages = [page.get_textpage().get_text_bounded() for page in document]
    for number, chapter in ((1, "Executive summary"), (2, "Standing of the findings"), (3, "Risk acceptances")):
        assert [place for place, text in enumerate(pages) if chapter in text] == [number]
