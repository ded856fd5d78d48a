"""Evidence in a real Chromium: uploaded with the page's script, previewed, accepted; axe finds nothing."""

import hashlib
import os
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db import transaction
from PIL import Image

from evidence import tenancy
from evidence.artifacts.models import ArtifactVersion
from evidence.controls import services as controls
from evidence.uploads.models import Upload
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
    page.click("button[type=submit]:has-text('for review')")
    page.wait_for_url("**/evidence/E-001")
    page.wait_for_selector("table td:has-text('W11')")
    assert page.locator("text=AC-01").count()
    looked_at(page, "evidence-artifact")

    page.goto(f"{home}upload")
    page.wait_for_selector("html[data-ready]", state="attached")
    page.set_input_files("input[type=file]", [str(shot)])
    page.click("button[type=submit]:has-text('for review')")
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


MB = 1024 * 1024
PATIENCE = 60_000


def upload_page(page, served: Portal) -> None:
    page.goto(f"{sign_in(page, served, 'ines')}upload")
    page.wait_for_selector("html[data-ready]", state="attached")


def slowly(page, bytes_per_second: int) -> None:
    """As on a narrow line, so that there is something to pause."""
    conditions = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_second}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", conditions)


def until(page, true) -> None:
    """The page's CSP lets no string be evaluated again and again in it, so it is asked from here."""
    for _ in range(PATIENCE // 100):
        if true():
            return
        page.wait_for_timeout(100)
    raise AssertionError("it never came true")


def come(served: Portal) -> int:
    with transaction.atomic(), tenancy.entered(served.organization.pk):
        return max(Upload.objects.values_list("offset", flat=True), default=0)


def test_20_mb_are_paused_and_go_on_after_a_reload_and_a_restart_of_the_server(page, served, tmp_path):
    page.expected_troubles = ("ERR_CONNECTION_REFUSED",)
    video = tmp_path / "retest.bin"
    data = os.urandom(20 * MB)
    video.write_bytes(data)
    upload_page(page, served)
    slowly(page, 6 * MB)
    page.set_input_files("input[type=file]", [str(video)])
    page.wait_for_selector("li.file .d:has-text('Hashed')", timeout=PATIENCE)
    assert page.locator("[data-count]").inner_text() == "1 of 1 ready"
    page.fill("input[name=title]", "Retest of the endpoint")
    page.click("button:has-text('Submit 1 file for review')")
    page.wait_for_selector("li.file .n:has-text('Sending')", timeout=PATIENCE)
    until(page, lambda: page.evaluate("document.querySelector('li.file progress').value") > 8.5 * MB)
    page.click("button[aria-label='Pause retest.bin']")
    page.wait_for_selector("li.file .n:has-text('Paused at')", timeout=PATIENCE)
    looked_at(page, "evidence-upload-paused")
    assert come(served) == 8 * MB

    page.reload()
    page.wait_for_selector("html[data-ready]", state="attached")
    listed = page.locator("[data-unfinished]")
    assert "8.4 MB of 21 MB" in listed.inner_text()
    looked_at(page, "evidence-upload-unfinished")
    served.kill()
    page.set_input_files("input[type=file]", [str(video)])
    page.wait_for_selector("li.file .n:has-text('No connection. 0% is kept; it goes on by itself')", timeout=PATIENCE)
    served.start()
    page.wait_for_url("**/evidence/E-001", timeout=PATIENCE)
    assert page.locator("h1:has-text('Retest of the endpoint')").count()
    with transaction.atomic(), tenancy.entered(served.organization.pk):
        version = ArtifactVersion.objects.get()
    assert version.sha256 == hashlib.sha256(data).hexdigest()


def test_what_is_removed_is_removed_on_the_server_and_what_is_too_large_is_not_sent(page, served, tmp_path):
    one, large = tmp_path / "one.bin", tmp_path / "large.bin"
    one.write_bytes(os.urandom(12 * MB))
    with large.open("wb") as file:
        file.truncate(5 * 1024 * MB + 1)
    upload_page(page, served)
    slowly(page, 2 * MB)
    page.set_input_files("input[type=file]", [str(one), str(large)])
    page.wait_for_selector("li.file .err:has-text('Nothing was sent')", timeout=PATIENCE)
    page.wait_for_selector("li.file .d:has-text('Hashed')", timeout=PATIENCE)
    page.click("button:has-text('Submit 1 file for review')")
    page.wait_for_selector("button[aria-label='Pause one.bin']", timeout=PATIENCE)
    until(page, lambda: page.evaluate("document.querySelector('li.file progress').value") > 0)
    page.click("button[aria-label='Remove one.bin']")
    page.wait_for_selector("li.file:has-text('one.bin')", state="detached", timeout=PATIENCE)
    until(page, lambda: "removed" in page.locator("[data-say]").inner_text())
    with transaction.atomic(), tenancy.entered(served.organization.pk):
        assert Upload.objects.get().state == "stopped"
    assert served.rows() == (0, 0)


def test_files_too_large_for_webcrypto_are_hashed_in_a_worker(page, served):
    upload_page(page, served)
    script = r"""async () => {
      const address = document.querySelector("[data-hasher]").dataset.hasher;
      const app = document.querySelector("script[src*='js/app']").src;
      const trusted = (await (await fetch(app)).text()).match(/from "\.\/(trusted[\w.]*)"/)[1];
      const { startWorker } = await import(new URL(trusted, app).href);
      const worker = startWorker(address);
      const bytes = new Uint8Array(9 * 1024 * 1024 + 5).fill(7);
      return new Promise((resolve, reject) => {
        worker.onerror = () => reject(new Error("the worker failed"));
        worker.onmessage = ({ data }) => { if (data.hash || data.failed) resolve(data.hash || data.failed); };
        worker.postMessage({ file: new File([bytes], "seven") });
      });
    }"""
    assert page.evaluate(script) == hashlib.sha256(b"\7" * (9 * MB + 5)).hexdigest()
