"""Whatever is wrong with a package or a file beside it: the page /verify names the same first thing as verify.py."""

from contextlib import contextmanager

import pytest
from django.db import transaction
from django.test import override_settings

from evidence import tenancy
from evidence.ledger import keys
from tests.evidence.ledger import authority
from tests.portal.packages import mutations, proven
from tests.portal.packages.signers import Signers
from tests.portal.packages.test_mutations import laid, signing
from tests.portal.web.test_packages_in_a_browser import WAIT, checked
from tests.tools import program

pytestmark = pytest.mark.browser


@pytest.fixture
def kept(served, tmp_path):
    program("openssl")

    @contextmanager
    def within():
        with transaction.atomic(), tenancy.entered(served.organization.pk):
            yield

    keys.ensure_key()
    tsa, folder = authority.Authority(tmp_path / "tsa"), tmp_path / "kept"
    folder.mkdir()
    with (
        Signers(tmp_path / "signers") as signers,
        authority.Served(tsa.reply) as stamps,
        override_settings(**signing(signers, stamps.url, tsa)),
    ):
        return proven.make(served.people, served.organization, folder, within)


def test_the_page_names_the_same_first_thing(page, served, kept, tmp_path):
    page.set_default_timeout(WAIT)
    page.context.clear_cookies()
    page.goto(f"http://127.0.0.1:{served.port}/verify")
    page.wait_for_selector("html[data-ready]", state="attached")
    wrong = []
    for number, case in enumerate(mutations.cases(kept)):
        folder = tmp_path / str(number)
        folder.mkdir()
        _, earlier = laid(case, folder)
        page.fill("#verify-key", kept.key if case.key else "")
        page.set_input_files("#verify-earlier", [str(each) for each in earlier])
        verdict, words = checked(page, *(folder / name for name in case.files))
        said = (
            page.get_attribute("[data-verify]", "data-wrong") == case.wrong and case.words in words
            if case.wrong
            else "Package is intact" in words or not case.key
        )
        if verdict != case.verdict or not said:
            wrong.append(f"{case.title}: {verdict}, {words}")
    assert not wrong, "\n".join(wrong)


def test_what_no_browser_can_hold_is_left_to_the_program(page, served, tmp_path):
    page.set_default_timeout(WAIT)
    page.goto(f"http://127.0.0.1:{served.port}/verify")
    page.wait_for_selector("html[data-ready]", state="attached")
    large = tmp_path / "PKG-0001-issue-1.pdf"
    with large.open("wb") as file:
        file.truncate(2**31 + 1)
    verdict, words = checked(page, large)
    assert (verdict, "more than 2 GiB" in words, "Use verify.py" in words) == ("unreadable", True, True)
