"""What was typed into a long form outlives a session that ended, for its writer alone."""

import pytest
from django.contrib.sessions.models import Session
from django.db import transaction

from evidence import tenancy
from tests.portal.web.test_evidence_in_a_browser import sign_in, until
from tests.remediation.story import Story

pytestmark = pytest.mark.browser
TEXT = "The plan removes the cause, as the retest of March shows."
REASON = "#decision-reason"


@pytest.fixture
def form(page, served):
    """The address of a page with a long form, and Arun in front of it."""
    with transaction.atomic(), tenancy.entered(served.organization.pk):
        asked = Story(served.people, severity="high").until("planned").request("finding.approve_plan")
    page.set_default_timeout(30_000)
    address = sign_in(page, served, "arun").replace("/evidence/", f"/approvals/{asked.pk}/decide")
    opened(page, address)
    return address


def opened(page, address):
    page.goto(address)
    page.wait_for_selector("html[data-ready]", state="attached")


def kept(page):
    return page.evaluate(
        "Object.keys(sessionStorage).filter((key) => key.startsWith('draft:') && key !== 'draft:away')"
    )


def typed(page):
    """Text that the page has kept: what keeps it is loaded with the first key."""
    page.fill(REASON, TEXT)
    until(page, lambda: kept(page))


def test_a_draft_is_back_after_the_session_ended_and_gone_after_it_was_sent(page, served, form):
    typed(page)
    Session.objects.all().delete()
    opened(page, form)
    assert "/signin" in page.url
    sign_in(page, served, "arun")
    opened(page, form)
    assert page.input_value(REASON) == TEXT
    page.fill("#decision-password", "a long sample password")
    page.click("button[value=approve]")
    page.wait_for_url("**receipt=**")
    page.wait_for_selector("html[data-ready]", state="attached")
    assert kept(page) == []


def test_nothing_of_a_draft_is_left_for_another_account_or_after_signing_out(page, served, form):
    typed(page)
    Session.objects.all().delete()
    sign_in(page, served, "alba")
    opened(page, form)
    assert page.input_value(REASON) == "" and kept(page) == []
    typed(page)
    assert len(kept(page)) == 1
    page.evaluate("document.querySelector(\"form[action$='/signout']\").requestSubmit()")
    page.wait_for_url("**/signin")
    assert kept(page) == []
