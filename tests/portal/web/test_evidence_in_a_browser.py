"""Evidence in a real Chromium: uploaded with the page's script, previewed, accepted; axe finds nothing."""

import os
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db import transaction
from PIL import Image

from evidence import tenancy
from evidence.controls import services as controls
from tests.people import PASSWORD
from tests.serving import Portal

pytestmark = pytest.mark.browser
SHOTS = os.environ.get("SHOTS", "")


def sign_in(page, served: Portal, name: str) -> str:
    base = f"http://127.0.0.1:{served.port}"
    page.context.clear_cookies()
    page.goto(f"{base}/signin")
    page.fill("input[name=email]", f"{name}@lumenroll.example")
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_url("**/o/**")
    return f"{base}/o/lumenroll/evidence/"


def looked_at(page, name: str) -> None:
    found = Axe().run(page).response["violations"]
    assert not [f"{name} {one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]
    for width in (390, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        assert not wide, f"{name} scrolls sideways at {width}"
        if SHOTS:
            page.screenshot(path=f"{SHOTS}/{name}-{width}.png", full_page=True)


def test_a_file_is_dropped_in_described_previewed_and_accepted_by_another(page, served, tmp_path):
    with transaction.atomic(), tenancy.entered(served.organization.pk):
        facts = controls.ControlFacts(title="Leavers lose access", frequency="weekly")
        controls.create(facts, actor=served.people.maya)
    report, shot = tmp_path / "leavers.csv", tmp_path / "clock.png"
    report.write_text("week,hris_id,result\n" + "".join(f"W{n:02d},E-05{n:02d},OK\n" for n in range(12)))
    Image.new("RGB", (600, 300), "teal").save(shot)

    home = sign_in(page, served, "ines")
    page.goto(home)
    looked_at(page, "evidence-empty")
    page.goto(f"{home}upload")
    page.wait_for_selector("html[data-ready]", state="attached")
    page.set_input_files("input[type=file]", [str(report)])
    page.wait_for_selector("li.file")
    page.fill("input[name=title]", "Leaver reconciliation, weeks 1 to 12")
    page.fill("input[name=period_from]", "2026-09-01")
    page.fill("input[name=period_to]", "2026-11-22")
    page.fill("input[name=source_system]", "Salesforce production")
    page.fill("textarea[name=query]", "SELECT Id FROM User WHERE IsActive = true")
    page.fill("input[name=control]", "AC-01")
    looked_at(page, "evidence-upload")
    page.click("button:has-text('Submit for review')")
    page.wait_for_url("**/evidence/E-001")
    page.wait_for_selector("table td:has-text('W11')")
    assert page.locator("text=AC-01").count()
    looked_at(page, "evidence-artifact")

    page.goto(f"{home}upload")
    page.wait_for_selector("html[data-ready]", state="attached")
    page.set_input_files("input[type=file]", [str(shot)])
    page.click("button:has-text('Submit for review')")
    page.wait_for_url("**/evidence/E-002")
    page.wait_for_selector("img.shot")
    looked_at(page, "evidence-picture")

    home = sign_in(page, served, "vera")
    page.goto(f"{home}E-001")
    page.fill("textarea[name=reason]", "Totals tie to the source.")
    page.click("button:has-text('Accept')")
    page.wait_for_selector("text=accepted")
    page.goto(home)
    looked_at(page, "evidence-list")
    with page.expect_download() as download:
        page.goto(f"{home}E-001")
        page.click("text=Download original")
    assert Path(download.value.path()).read_bytes() == report.read_bytes()
