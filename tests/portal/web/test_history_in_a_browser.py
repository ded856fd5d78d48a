"""The history's pages in a real browser: light and dark, on a desk and on a phone; axe finds nothing.

CLEARHOLD_SHOTS names a folder for pictures of them.
"""

import itertools
import os
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db import transaction

from evidence import clock, tenancy
from evidence.actors import Actor
from evidence.ledger import keys, sequencer, services
from evidence.ledger.models import TimeStamp
from portal.celery import app
from portal.jobs.models import Job
from tests.people import PASSWORD, account_of
from tests.portal.web.test_event_history import BOX_FILLED, BOX_RETURNED, box

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SHOTS = os.environ.get("CLEARHOLD_SHOTS", "")
WIDTHS = {"desk": (1440, 900), "phone": (390, 844)}


@pytest.fixture
def told(served, settings):
    """A served portal whose history has a few events, a time-stamp, and one that waits."""
    settings.CLEARHOLD_SIGNER_DIR = served.var / "signer"
    keys.ensure_key()
    organization, people = served.organization, served.people

    def record(event, ref, actor, **facts):
        with transaction.atomic(), tenancy.entered(organization.pk):
            return services.record(event, subject=box(ref), actor=actor, **facts)

    served.first = record(BOX_FILLED, "BX-001", people.ines, after={"state": "full"}, reason="The week's boxes came.")
    sequencer.run_once(organization.pk)
    record(BOX_RETURNED, "BX-002", Actor.system(organization.pk, "sweep"))
    sequencer.run_once(organization.pk)
    with transaction.atomic(), tenancy.entered(organization.pk):
        TimeStamp.objects.create(
            organization=organization, size=2, token=b"token", authority="Common Name: Example Clock",
            stamped_at=clock.now() - timedelta(minutes=1),
        )  # fmt: skip
    record(BOX_FILLED, "BX-003", people.ivan)
    return served


def looked_at(page, name, scheme):
    problems = Axe().run(page).response["violations"]
    assert not problems, [(each["id"], each["nodes"][0]["html"]) for each in problems]
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), name
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}-{scheme}.png"), full_page=True)


def test_the_pages_of_the_history(told, chromium):
    home = f"http://127.0.0.1:{told.port}"
    root = f"{home}/o/lumenroll/ledger"
    page = chromium.new_page()
    page.set_default_timeout(60_000)
    said = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.goto(f"{home}/signin")
    page.fill("[name=email]", account_of(told.people.adam).email)
    page.fill("[name=password]", PASSWORD)
    page.click("main button[type=submit]")
    page.goto(f"{root}/?by=system")
    assert page.locator(".tl li").count() == 1
    page.goto(f"{root}/")
    page.get_by_role("button", name="Verify now").click()
    page.wait_for_url("**/jobs/*")
    verified = page.url
    perform(told)
    page.reload()
    page.get_by_text("The history does not hold").wait_for()
    pages = {"list": f"{root}/", "event": f"{root}/{told.first.id}", "checkpoints": f"{root}/checkpoints"}
    for size, scheme in itertools.product(WIDTHS, ("light", "dark")):
        page.set_viewport_size(dict(zip(("width", "height"), WIDTHS[size], strict=True)))
        page.emulate_media(color_scheme=scheme)
        for name, address in {**pages, "verified": verified}.items():
            page.goto(address)
            looked_at(page, f"{name}-{size}", scheme)
    assert not said


def perform(told):
    """What a worker would do. The time-stamp of this story is none, and the result says so."""
    with transaction.atomic(), tenancy.entered(told.organization.pk):
        job = Job.objects.get(kind="ledger.verify")
    app.tasks["ledger.verify"].perform(job.pk)
