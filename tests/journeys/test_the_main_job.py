"""The main job through pages alone, as five people and an auditor, in a real browser against a real installation.

A file becomes a finding, the finding a plan, the plan a task, the task evidence, the evidence a verification, two
approvals and a closure, and all of it a package that is opened and checked. Every page on the way is looked at:
axe finds nothing, the console is silent, the content policy holds, nothing leaves for another host, and a phone
scrolls in one direction only. CLEARHOLD_SHOTS names a folder for pictures of them.
"""

import hashlib
import io
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pikepdf
import pypdfium2
import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db import transaction
from playwright.sync_api import BrowserContext, Page

from evidence import tenancy
from evidence.artifacts.models import ArtifactVersion
from evidence.controls import services as controls
from remediation.findings.models import Finding
from remediation.tasks import checklist
from tests.people import PASSWORD, give
from tests.serving import Portal, wait

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SHOTS = os.environ.get("CLEARHOLD_SHOTS", "")
TITLE = "Leavers kept access for more than five days"
OTHER = "Backups were restored without comparing content"
SHEET = f"""Exception ID,Control ref,Criteria,Title,Condition,Cause,Severity,Audit rating,Date observed,Asset,Report,Report page
EX-01,,CC6.2; CC6.3,{TITLE},Access of two leavers was removed after 9 and 14 days.,No link to tickets.,High,Deviation,{date.today() - timedelta(days=9)},Salesforce CRM,SOC 2 2025,41
EX-02,,A1.2,{OTHER},File counts were compared only.,Time was short.,Medium,Deviation,{date.today() - timedelta(days=9)},Backup,SOC 2 2025,44
"""
REPORT = "week,leavers,active\n" + "".join(f"W{week:02d},3,0\n" for week in range(1, 13))
WHY = "The reconciliation shows twelve weeks without one."


class Someone:
    """A person at a browser of their own."""

    def __init__(self, context: BrowserContext, portal: Portal, name: str, troubles: list[str]) -> None:
        self.base = f"http://127.0.0.1:{portal.port}"
        self.root = f"{self.base}/o/{portal.organization.slug}"
        self.name = name
        self.page: Page = context.new_page()
        self.page.set_default_timeout(15_000)
        self.page.troubles = troubles
        self.page.on("console", lambda said: troubles.append(f"{name}: {said.text}") if said.type == "error" else None)
        self.page.on("pageerror", lambda error: troubles.append(f"{name}: {error}"))
        self.page.on("request", lambda request: self._stays(request.url, troubles))
        self._sign_in(f"{name}@{portal.organization.slug}.example")

    def _stays(self, url: str, troubles: list[str]) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and f"{parts.scheme}://{parts.netloc}" != self.base:
            troubles.append(f"{self.name}: asked another host, {url}")

    def _sign_in(self, email: str) -> None:
        self.page.goto(f"{self.base}/signin")
        self.page.fill("input[name=email]", email)
        self.page.fill("input[name=password]", PASSWORD)
        self.page.click("button:has-text('Sign in')")
        self.page.wait_for_url("**/o/**")

    def open(self, path: str, shot: str = "") -> Page:
        answer = self.page.goto(f"{self.root}/{path}")
        assert answer is not None and answer.ok, f"{self.name} at {path}: {answer and answer.status}"
        self.page.wait_for_selector("html[data-ready]", state="attached")
        if shot:
            looked_at(self.page, shot)
        return self.page

    def send(self, path: str, shot: str = "", **fields: str | bool) -> Page:
        """Fill the form of an act and send it; it must lead on."""
        page = self.open(path, shot)
        for name, value in fields.items():
            fill(page, name, value)
        page.locator("main form [data-submit]").first.click()
        page.wait_for_url(lambda url: urlsplit(url).path != f"{urlsplit(self.root).path}/{path}")
        return page

    def decide(self, ref: str, shot: str = "") -> None:
        """From the queue to the request about `ref`; approve it with a password."""
        page = self.open("approvals", f"{shot}-queue" if shot else "")
        page.locator(f"main a[href*='approvals']:has-text('{ref}'), main tr:has-text('{ref}') a").first.click()
        page.wait_for_selector("#decision-reason")
        if shot:
            looked_at(page, shot)
        page.fill("#decision-reason", WHY)
        if page.locator("#decision-password").count():
            page.fill("#decision-password", PASSWORD)
        page.click("button[value=approve]")
        page.wait_for_url("**receipt=**")
        if shot:
            looked_at(page, f"{shot}-receipt")


def fill(page: Page, name: str, value: str | bool) -> None:
    field = page.locator(f"main [name='{name}']")
    kind = field.first.evaluate("element => element.type || element.tagName")
    if kind == "radio":
        page.check(f"main [name='{name}'][value='{value}']")
    elif kind == "checkbox":
        field.first.set_checked(bool(value))
    elif kind == "select-one":
        field.first.select_option(label=value) if not re.fullmatch(
            r"[a-z_]+", str(value)
        ) else field.first.select_option(value)
    else:
        field.first.fill(str(value))


def looked_at(page: Page, name: str) -> None:
    """What must hold on every page; with CLEARHOLD_SHOTS also its pictures, wide and narrow, light and dark."""
    found = Axe().run(page).response["violations"]
    page.troubles += [f"{name} {one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]
    for width in (390, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        if wide:
            page.troubles.append(f"{name} scrolls sideways at {width}")
        for scheme in ("light", "dark") if SHOTS else ():
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=Path(SHOTS) / f"{name}-{width}-{scheme}.png", full_page=True)
        page.emulate_media(color_scheme="light")


@contextmanager
def in_database(portal: Portal) -> Iterator[None]:
    with transaction.atomic(), tenancy.entered(portal.organization.pk):
        yield


@pytest.fixture
def people(chromium, installation: Portal):
    troubles: list[str] = []
    contexts = []

    def come(name: str) -> Someone:
        context = chromium.new_context(
            viewport={"width": 1440, "height": 900}, reduced_motion="reduce", accept_downloads=True
        )
        contexts.append(context)
        return Someone(context, installation, name, troubles)

    yield come
    for context in contexts:
        context.close()
    assert not troubles, "\n".join(troubles)


def test_from_a_file_to_a_package_that_an_auditor_reads(people, installation: Portal, tmp_path):
    with in_database(installation):
        controls.adopt_starter_set(actor=installation.people.maya)
    maya = people("maya")
    maya.open("", "01-readiness-empty")
    ref, other = import_the_report(maya, installation, tmp_path)
    triage(maya, ref)
    ines = people("ines")
    ines.open(f"findings/{ref}", "06-finding-triaged")
    ines.send(f"findings/{ref}/do/analyse", "07-analyse", root_cause_class="process",
              root_cause="Nobody compares leavers with active users.", scope_check="61 leavers since January.")  # fmt: skip
    task = plan(maya, ref)
    arun, alba = people("arun"), people("alba")
    for someone in (arun, alba):
        if state_of(installation, ref) == "planned":
            someone.decide(ref, "10-approve-plan" if someone is arun else "")
    assert state_of(installation, ref) == "in_remediation"
    evidence = work(ines, task, tmp_path)
    maya.send(f"tasks/{task}/do/accept", "15-accept-task", words="The list is complete.")
    ines.send(f"findings/{ref}/do/ready", "16-ready")
    vera = people("vera")
    verify(vera, ref, evidence)
    maya.send(f"findings/{ref}/do/request-closure", "20-ask-closure", design_only=True)
    cannot_decide(maya, ines, installation, ref)
    arun.decide(ref, "23-approve-closure")
    assert state_of(installation, ref) == "verified"
    alba.decide(ref)
    assert state_of(installation, ref) == "closed"
    maya.open(f"findings/{ref}", "24-finding-closed")
    maya.open("", "25-readiness")
    engage(maya, ref)
    pdf = build(maya, tmp_path)
    the_rest(maya, people("adam"))
    audit(people("otto"), ref, other, evidence)
    holds(pdf, installation, ref)


def state_of(portal: Portal, ref: str) -> str:
    with in_database(portal):
        return Finding.objects.get(ref=ref).state


def import_the_report(maya: Someone, portal: Portal, folder: Path) -> tuple[str, str]:
    sheet = folder / "exceptions.csv"
    sheet.write_text(SHEET)
    page = maya.open("import", "02-import")
    page.set_input_files("input[type=file]", str(sheet))
    page.click("button:has-text('Show what it would do')")
    page.wait_for_url("**/review**")
    looked_at(page, "03-import-review")
    with in_database(portal):
        assert not Finding.objects.exists(), "a dry run saves nothing"
    page.click("button:has-text('Import 2 results')")
    page.wait_for_url("**/jobs/**")
    page.wait_for_selector("text=See these findings", timeout=60_000)
    looked_at(page, "04-import-done")
    with in_database(portal):
        refs = dict(Finding.objects.values_list("title", "ref"))
    return refs[TITLE], refs[OTHER]


def triage(maya: Someone, ref: str) -> None:
    page = maya.open(f"triage?ref={ref}", "05-triage")
    fill(page, "severity", "high")
    fill(page, "owner", "Maya Okafor")
    fill(page, "assignee", "Ines Duarte")
    fill(page, "rationale", "Two leavers could read student records for two weeks.")
    fill(page, "criteria", "CC6.2")
    fill(page, "duplicates_searched", True)
    page.click("button:has-text('Accept and assign')")
    page.wait_for_selector("text=is triaged and assigned")


def plan(maya: Someone, ref: str) -> str:
    due = (date.today() + timedelta(days=10)).isoformat()
    maya.send(f"findings/{ref}/do/plan", "08-plan", text="Leavers are removed by SCIM on the day they leave.",
              success_test="Twelve weeks in a row show no active leaver.")  # fmt: skip
    maya.send(f"findings/{ref}/do/add-task", "09-add-task", title="Switch on SCIM", due_on=due, assignee="Ines Duarte",
              owed="Reconciliation of leavers")  # fmt: skip
    page = maya.send(f"findings/{ref}/do/submit-plan")
    task = page.locator("text=/T-\\d+/").first.inner_text()
    return re.search(r"T-\d+", task).group()


def work(ines: Someone, task: str, folder: Path) -> str:
    ines.open("me", "11-my-work")
    ines.send(f"tasks/{task}/do/start")
    page = ines.open(f"tasks/{task}", "12-task")
    report = folder / "leavers.csv"
    report.write_text(REPORT)
    page.click("main a:has-text('Upload Reconciliation')")
    page.wait_for_selector("html[data-ready]", state="attached")
    with page.expect_file_chooser() as choosing:
        page.click("label[for=id_file]")
    choosing.value.set_files(str(report))
    page.wait_for_selector("li.file")
    fill(page, "source_system", "Salesforce production")
    fill(page, "query", "SELECT Id FROM User WHERE IsActive = true")
    fill(page, "period_from", (date.today() - timedelta(days=84)).isoformat())
    fill(page, "period_to", date.today().isoformat())
    looked_at(page, "13-upload")
    page.click("button:has-text('Submit 1 file for review')")
    page.wait_for_url(re.compile(r"/(evidence|tasks)/[ET]-\d+"))
    page = ines.open(f"tasks/{task}", "14-task-with-evidence")
    evidence = re.search(r"E-\d+", page.locator("main").inner_text()).group()
    ines.send(f"tasks/{task}/do/submit", words="All leavers are removed within a day.")
    return evidence


def verify(vera: Someone, ref: str, evidence: str) -> None:
    page = vera.open(f"evidence/{evidence}", "17-evidence")
    page.fill("textarea[name=reason]", "Totals tie to the source.")
    page.click("button[value=accepted]")
    page.wait_for_selector("text=version 1: accepted")
    vera.open(f"findings/{ref}", "18-finding-ready")
    vera.send(f"findings/{ref}/do/verify", "19-verify", test_result="Nobody who left could sign in.",
              **dict.fromkeys(checklist.KEYS, "yes"))  # fmt: skip


def cannot_decide(maya: Someone, ines: Someone, portal: Portal, ref: str) -> None:
    """Who owns it, and who did the work and is an approver as well, are told why somebody else must decide."""
    page = maya.open("approvals", "21-approvals-blocked")
    page.locator(f"main a[href*='approvals']:has-text('{ref}'), main tr:has-text('{ref}') a").first.click()
    page.wait_for_selector("#approval-block")
    assert not page.locator("#decision-reason").count()
    with in_database(portal):
        give(portal.organization, portal.people.ines.person_id, "approver", "Engineering")
    page = ines.open("approvals")
    page.locator(f"main a[href*='approvals']:has-text('{ref}'), main tr:has-text('{ref}') a").first.click()
    page.wait_for_selector("#approval-block")
    said = page.locator("#approval").inner_text()
    assert "You" in said and "Rule S-" in said, said
    assert not page.locator("#decision-reason").count()
    looked_at(page, "22-blocked-by-own-work")


def engage(maya: Someone, ref: str) -> None:
    page = maya.open("engagements/new", "26-engagement-new")
    fill(page, "title", "Re-examination")
    fill(page, "auditor_firm", "Haas & Partner")
    fill(page, "period_start", (date.today() - timedelta(days=180)).isoformat())
    fill(page, "period_end", (date.today() + timedelta(days=180)).isoformat())
    page.click("main form button.pri")
    page.wait_for_url("**/engagements/ENG-1")
    page.click("button:has-text('Add every control and finding')")
    page.wait_for_selector("text=came into the scope")
    page.check(f"input[aria-label={ref}]")
    page.click("button:has-text('Release the ticked rows')")
    page.wait_for_selector("text=released to the auditors")
    page.locator("main [name=account]").select_option(index=0)
    fill(page, "until", (date.today() + timedelta(days=60)).isoformat())
    page.click("button:has-text('Let them read')")
    page.wait_for_selector("text=given by Maya Okafor")
    looked_at(page, "27-engagement")


def build(maya: Someone, folder: Path) -> Path:
    page = maya.open("packages/new", "28-package-new")
    page.click("button:has-text('Build')")
    page.wait_for_url(re.compile(r"/packages/[0-9a-f-]{36}"))
    address = page.url
    try:
        wait(lambda: page.goto(address) is not None and page.locator("main a:has-text('PDF')").count() > 0, seconds=240)
    except AssertionError:
        pytest.fail(page.locator("main").inner_text())
    looked_at(page, "29-package")
    with page.expect_download() as downloading:
        page.click("main a:has-text('PDF')")
    target = folder / "package.pdf"
    downloading.value.save_as(target)
    return target


def the_rest(maya: Someone, adam: Someone) -> None:
    """Pages that the way itself doesn't pass."""
    for path, name in (
        ("findings", "30-findings"), ("controls", "31-controls"), ("controls/AC-01", "32-control"),
        ("coverage", "33-coverage"), ("evidence/", "34-evidence-list"), ("packages", "35-packages"),
        ("engagements", "36-engagements"), ("ledger/", "37-ledger"), ("jobs/", "38-jobs"), ("profile", "39-profile"),
        ("findings/new", "40-report"), ("approvals?view=decided", "41-approvals-decided"),
    ):  # fmt: skip
        maya.open(path, name)
    for path, name in (("settings/people", "42-people"), ("settings/policies", "43-policies"),
                       ("settings/policies/sla", "44-policy")):  # fmt: skip
        adam.open(path, name)


def audit(otto: Someone, ref: str, other: str, evidence: str) -> None:
    page = otto.page
    page.wait_for_url("**/audit/ENG-1/")
    looked_at(page, "50-auditor")
    for path, name in (("controls", "51-auditor-controls"), ("findings", "52-auditor-findings"),
                       (f"findings/{ref}", "53-auditor-finding"), ("evidence", "54-auditor-evidence")):  # fmt: skip
        page = otto.open(f"audit/ENG-1/{path}", name)
        assert OTHER not in page.content(), "what was not released stays unseen"
    page = otto.open(f"audit/ENG-1/evidence/{evidence}", "55-auditor-preview")
    assert "W07" in page.locator("main").inner_text()
    otto.open("audit/ENG-1/history", "56-auditor-history")
    page = otto.open("audit/ENG-1/opened", "57-auditor-opened")
    assert evidence in page.locator("main").inner_text()
    for path in (f"audit/ENG-1/findings/{other}", f"findings/{ref}", "findings", "evidence/"):
        answer = otto.page.request.get(f"{otto.root}/{path}")
        assert answer.status in (403, 404), f"{path}: {answer.status}"


def holds(pdf: Path, portal: Portal, ref: str) -> None:
    """The PDF says what was done, and carries the evidence whose hashes its manifest names."""
    data = pdf.read_bytes()
    with pypdfium2.PdfDocument(data) as document:
        words = " ".join(page.get_textpage().get_text_bounded() for page in document)
        assert len(document) > 8
    words = " ".join(words.split())
    for expected in (ref, TITLE, "Ines Duarte", "Arun Mehta", "Alba Ferrer", WHY):
        assert expected in words, expected
    with pikepdf.open(io.BytesIO(data)) as document:
        files = {name: document.attachments[name].get_file().read_bytes() for name in document.attachments}
    manifest = json.loads(next(content for name, content in files.items() if "manifest" in name))
    hashes = {hashlib.sha256(content).hexdigest() for content in files.values()}
    named = set(re.findall(r'"sha256": ?"([0-9a-f]{64})"', json.dumps(manifest)))
    with in_database(portal):
        exhibits = set(ArtifactVersion.objects.values_list("sha256", flat=True))
    assert exhibits <= hashes & named
    assert hashlib.sha256(REPORT.encode()).hexdigest() in exhibits
