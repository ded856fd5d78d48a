"""Every page of the sample organization as each role sees it: light and dark, on a desk and on a phone.

axe finds nothing, the console is silent (the content policy holds), and no page scrolls sideways.
"""

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.serving import ROOT, Portal

pytestmark = [pytest.mark.browser, pytest.mark.slow]

READ = ["findings", "findings/F-001", "findings/F-002", "controls", "controls/AC-01", "coverage", "evidence/", "evidence/E-001", "evidence/E-001/custody"]  # fmt: skip
PAGES = {
    "priya": [
        "", "triage", "triage?view=all", "me", "findings?q=zzzz", "findings/new", *READ, "approvals", "import",
        "evidence/upload", "evidence/E-001/redact", "evidence/E-001/retention", "packages", "packages/new", "engagements",
        "engagements/ENG-1", "engagements/new", "ledger/", "ledger/1", "ledger/checkpoints", "retention",
        "retention?view=holds", "retention?view=requests",
        "retention/holds/new", "jobs/", "settings/people", "settings/policies", "profile",
        "duties", "duties/conflicts",
    ],
    "marcus": ["me", *READ, "tasks/T-001", "evidence/upload"],
    "tomas": ["me", *READ, "profile/same"],
    "dana": ["", "approvals", "findings/F-001"],
    "ruth": ["", "approvals", "packages", "engagements"],
    "jonas": ["settings/people", "settings/people/same", "settings/people/same?view=linked", "settings/policies", "settings/vault", "ledger/", "jobs/", "profile"],
    "helen": [
        f"audit/ENG-1/{page}"
        for page in (
            "", "controls", "findings", "findings/F-001", "evidence", "evidence/E-001", "evidence/E-001/custody", "packages",
            "history", "opened",
        )
    ],
}  # fmt: skip
# Lists whose first row is opened too.
FIRST = {"approvals": "approvals/", "packages": "packages/", "jobs/": "jobs/"}
SIZES = (1440, 390)
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}$")


@pytest.fixture
def sample(served: Portal) -> str:
    """The word that signs its people in."""
    words = [sys.executable, "manage.py", "load_sample"]
    subprocess.run(words, cwd=ROOT, env=served.environment, check=True)
    return (served.var / "keys" / "sample-password").read_text().strip()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_of_every_role_can_be_read_by_everybody(served: Portal, sample: str, chromium: Browser, scheme: str):
    base = f"http://127.0.0.1:{served.port}"
    found = [line for name in PAGES for line in troubles(chromium, base, sample, name, scheme)]
    assert not found, "\n".join(found)


def troubles(chromium: Browser, base: str, word: str, name: str, scheme: str) -> Iterator[str]:
    """What is wrong with the pages of one person, a line each."""
    context = chromium.new_context(color_scheme=scheme, reduced_motion="reduce")
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(f"{base}/signin")
    page.fill("[name=email]", f"{name}@sample.example")
    page.fill("[name=password]", word)
    page.click("button[type=submit]")
    page.wait_for_load_state()
    opened = [f"{base}/o/sample/{path}" for path in PAGES[name]]
    for address in opened:
        answer = page.goto(address)
        opened += _first(page, address, opened)
        if answer is None or not answer.ok:
            yield f"{name} {address}: {answer and answer.status}"
        for width in SIZES:
            page.set_viewport_size({"width": width, "height": 900})
            yield from (f"{name} {scheme} {width} {address}: {line}" for line in _seen(page, width))
        yield from (f"{name} {scheme} {address}: {line}" for line in said)
        said.clear()
    context.close()


def _first(page: Page, address: str, known: list[str]) -> list[str]:
    start = next((part for end, part in FIRST.items() if address.endswith(f"/o/sample/{end}")), "")
    if not start:
        return []
    links = page.eval_on_selector_all("main a[href]", "all => all.map(one => one.href)")
    return [link for link in links if f"/{start}" in link and UUID.search(link) and link not in known][:1]


def _seen(page: Page, width: int) -> Iterator[str]:
    wide = page.evaluate("document.documentElement.scrollWidth")
    if wide > width:
        yield f"scrolls sideways, {wide} px"
    for broken in Axe().run(page).response["violations"]:
        yield f"{broken['id']}: {broken['nodes'][0]['html'][:200]}"
