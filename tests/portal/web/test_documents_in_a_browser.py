"""Planning a package and the look of documents in a real Chromium: accessible, and no page scrolls sideways."""

import pytest
from django.db import transaction

from evidence import tenancy
from portal.engagements import services as engagements
from portal.packages import letterheads
from tests.portal.packages.proven import FACTS
from tests.portal.packages.test_letterheads import picture
from tests.portal.web.test_packages_in_a_browser import looked_at, sign_in

pytestmark = pytest.mark.browser


@pytest.fixture
def firm(served):
    with transaction.atomic(), tenancy.entered(served.organization.pk):
        engagements.create(FACTS, actor=served.people.maya)
        letterheads.change(
            letterheads.Wanted("Lumenroll, Inc.", "1 Main Street", "#7a1f5c", logo=picture()), actor=served.people.adam
        )
    return served


def test_the_pages_that_plan_a_package_and_set_the_look_are_accessible(page, firm):
    home = sign_in(page, firm, "maya")
    for key in ("full", "bridge_letter", "sampling"):
        page.goto(f"{home}/packages/new?template={key}")
        page.wait_for_selector("html[data-ready]", state="attached")
        for summary in page.locator("summary:has-text('Sections')").all():
            summary.click()
        looked_at(page, f"new-{key}")
    home = sign_in(page, firm, "adam")
    page.goto(f"{home}/settings/documents")
    page.wait_for_selector("html[data-ready]", state="attached")
    assert page.evaluate("document.querySelector('img.letterlogo').naturalWidth") == 720
    looked_at(page, "documents")
