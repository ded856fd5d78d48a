"""Delegation, emergency access and the diff of a request in a real Chromium, on a desk and on a phone; axe finds nothing."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db import transaction

from evidence import tenancy
from portal.jobs import services as jobs
from portal.watch.jobs import CHECK
from remediation.approvals.models import Request
from tests.portal.web.test_evidence_in_a_browser import sign_in
from tests.remediation.approvals.test_delegation import lend
from tests.remediation.approvals.test_emergency import ask, during, running
from tests.remediation.story import Story
from tests.serving import Portal

pytestmark = [pytest.mark.browser, pytest.mark.slow]
WIDTHS = {"desk": 1440, "phone": 390}
SCHEMES = ("light", "dark")


def looked_at(page, url: str, name: str, shots: Path) -> None:
    """axe, no sideways scroll, and a picture, at both widths and in both schemes."""
    for width in WIDTHS.values():
        page.set_viewport_size({"width": width, "height": 900})
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            page.goto(url)
            found = Axe().run(page)
            assert found.violations_count == 0, f"{name}: {found.generate_report()}"
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{name} at {width}"
            page.screenshot(path=shots / f"{name}-{width}-{scheme}.png", full_page=True)


def test_the_pages_of_standing_in(page, served: Portal, tmp_path):
    with transaction.atomic(), tenancy.entered(served.organization.pk):
        people = served.people
        loan = lend(people.arun, people.vera, accepted=False)
        asked = ask(people.ivan)
        used = running(people.ines, people.edda)
        story = Story(people).until("triaged", severity="high")
        story.analysed().planned()
        request = Request.objects.get(subject_id=story.finding.pk)
    home = sign_in(page, served, "arun").removesuffix("evidence/")
    page.set_default_timeout(30_000)
    looked_at(page, f"{home}approvals/delegations", "delegations", tmp_path)
    looked_at(page, f"{home}approvals/delegations/new", "delegation-new", tmp_path)
    looked_at(page, f"{home}approvals/delegations/{loan.pk}", "delegation", tmp_path)
    looked_at(page, f"{home}approvals/{request.pk}/decide", "decide", tmp_path)
    looked_at(page, f"{home}emergency/new", "emergency-new", tmp_path)
    looked_at(page, f"{home}emergency", "emergency", tmp_path)
    looked_at(page, f"{home}emergency/{asked.pk}", "emergency-asked", tmp_path)
    looked_at(page, f"{home}emergency/{used.pk}", "emergency-used", tmp_path)


def test_the_pages_of_a_job_that_was_started_in_an_emergency(page, served: Portal, tmp_path):
    with transaction.atomic(), tenancy.entered(served.organization.pk):
        people = served.people
        used = running(people.ines, people.edda, role="manager")
        job = jobs.enqueue(CHECK, actor=during(people.ines, used), args={}, title="Check on duties")
    home = sign_in(page, served, "maya").removesuffix("evidence/")
    page.set_default_timeout(30_000)
    looked_at(page, f"{home}jobs/", "jobs", tmp_path)
    looked_at(page, f"{home}jobs/{job.pk}", "job", tmp_path)
    looked_at(page, f"{home}emergency/{used.pk}", "emergency-with-job", tmp_path)
