"""The page Vault in a real Chromium, light and dark, wide and narrow: axe finds nothing, nothing scrolls sideways."""

import io

import pytest
from django.db import transaction

from evidence import tenancy
from evidence.artifacts import services as artifacts
from evidence.intake import services as intake
from evidence.vault import keys
from tests.portal.web.test_evidence_in_a_browser import looked_at, sign_in

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    "page",
    [{"width": 1440, "scheme": "light"}, {"width": 1440, "scheme": "dark"}],
    ids=["light", "dark"],
    indirect=True,
)
def test_the_vault_with_a_damaged_file(page, served, settings, request):
    with transaction.atomic(), tenancy.entered(served.organization.pk):
        people = served.people
        for number in range(3):
            received = intake.take(
                io.BytesIO(b"week,leavers\n" * (number + 1)), filename="weeks.csv",
                organization_id=served.organization.pk, limit_bytes=10**6,
            )  # fmt: skip
            made = artifacts.add(received, title=f"Leavers {number}", kind="report", actor=people.ines)
        path = settings.CLEARHOLD_BLOBS_DIR / made.latest.blob.location
        path.write_bytes(path.read_bytes()[:-1] + b"!")
        assert not artifacts.verify(made.latest.pk, actor=people.maya)
    keys.create(settings.CLEARHOLD_KEYS_DIR)
    scheme = "dark" if "dark" in request.node.name else "light"
    sign_in(page, served, "adam")
    vault = f"http://127.0.0.1:{served.port}/o/{served.organization.slug}/settings/vault"
    page.goto(vault)
    page.wait_for_selector("#faults", timeout=30_000)
    looked_at(page, f"vault-{scheme}")
    assert page.get_by_text("1 stored file is not what was stored").is_visible()
    page.click("text=Verify all now")
    page.wait_for_url("**/jobs/*", timeout=30_000)
    looked_at(page, f"vault-job-{scheme}")
    page.goto(vault)
    page.wait_for_selector("#faults", timeout=30_000)
    assert page.get_by_text("Check of all stored files").is_visible()
