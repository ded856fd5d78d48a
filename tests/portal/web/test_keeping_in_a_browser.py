"""Redaction and retention in a real Chromium: every page is clean for axe and fits a phone, in light and dark."""

import io
from datetime import date

import pytest
from django.db import transaction
from PIL import Image, ImageDraw

from evidence import clock, tenancy
from evidence.artifacts import redaction
from evidence.artifacts import services as artifacts
from evidence.artifacts.facts import VersionFacts
from evidence.intake import services as intake
from evidence.ledger.services import Subject
from evidence.retention import services as retention
from evidence.retention.models import Scope
from tests.portal.web.test_evidence_in_a_browser import looked_at, sign_in
from tests.serving import Portal

pytestmark = pytest.mark.browser
WHY = {"reason": "Kept long enough, and nobody asked for it.", "authority": "Retention policy, section 4"}


def filled(served: Portal) -> None:
    """Evidence of 2018: one file of each fate."""
    people, here = served.people, served.organization
    with transaction.atomic(), tenancy.entered(here.pk):
        made = [_evidence(served, number) for number in range(5)]
        done = retention.ask(made[0].pk, actor=_now(people.maya), **WHY)
        retention.approve(done.pk, actor=_now(people.arun), reason="The period is long over.")
        retention.execute(done.pk, actor=_now(people.arun))
        retention.ask(made[1].pk, actor=people.maya, **WHY)
        target = Subject("artifacts.artifact", made[2].pk, made[2].ref)
        matter = {"matter": "Doe v. Lumenroll, 24-cv-118", "reason": "Counsel asked to keep it."}
        retention.set_hold(actor=people.edda, scope=Scope.ARTIFACT, target=target, **matter)
        retention.classify(made[3].pk, retention_class="student_data", actor=people.maya, reason="It names students.")
        copy = _taken(served, b"name,mail,week\n[masked],[masked],W12\n", "copy.csv")
        redaction.propose(made[4].latest.pk, copy, actor=people.maya, method="mask", reason="It names students.",
                          recipe={"counts": {"columns": 1, "email": 1}})  # fmt: skip
        _picture(served)


def _now(actor):
    from dataclasses import replace

    return replace(actor, authenticated_at=clock.now())


def _taken(served: Portal, data: bytes, name: str):
    return intake.take(io.BytesIO(data), filename=name, organization_id=served.organization.pk, limit_bytes=10**7)


def _evidence(served: Portal, number: int):
    data = f"name,mail,week\nAnn Lee {number},ann@x.example,W12\n".encode()
    about = VersionFacts(period_from=date(2017, 1, 1), period_to=date(2017, 12, 31))
    made = artifacts.add(
        _taken(served, data, f"leavers-{number}.csv"), title=f"Leaver reconciliation {number + 1}", kind="report",
        about=about, actor=served.people.ines,
    )  # fmt: skip
    return artifacts.accept(made.pk, number=1, actor=served.people.vera)


def _picture(served: Portal) -> None:
    sheet = Image.new("RGB", (900, 600), "white")
    ImageDraw.Draw(sheet).text((120, 90), "Ann Lee, student 20261234", fill="black")
    data = io.BytesIO()
    sheet.save(data, "PNG")
    artifacts.add(_taken(served, data.getvalue(), "screen.png"), title="Screen of the CRM", kind="screenshot",
                  actor=served.people.ines)  # fmt: skip


def test_every_page_of_keeping_reads_well(page, served):
    filled(served)
    home = sign_in(page, served, "maya").removesuffix("evidence/")
    for name, path in (
        ("retention-due", "retention"),
        ("retention-undated", "retention?view=undated"),
        ("retention-requests", "retention?view=requests"),
        ("retention-holds", "retention?view=holds"),
        ("retention-certificates", "retention?view=certificates"),
        ("retention-own-request", "retention/disposals/D-002"),
        ("retention-certificate", "retention/certificates/D-001"),
        ("retention-hold", "retention/holds/H-001"),
        ("retention-hold-new", "retention/holds/new"),
        ("retention-classify", "evidence/E-004/retention"),
        ("retention-dispose", "evidence/E-004/dispose"),
        ("retention-artifact-gone", "evidence/E-001"),
        ("retention-artifact-held", "evidence/E-003"),
        ("redaction-own", f"evidence/E-005/redactions/{_redaction(served)}"),
    ):
        page.goto(home + path)
        looked_at(page, name)
    sign_in(page, served, "vera")
    page.goto(f"{home}evidence/E-005/redactions/{_redaction(served)}")
    page.wait_for_selector("del:has-text('Ann Lee')")
    looked_at(page, "redaction-decide")
    page.emulate_media(color_scheme="dark")
    looked_at(page, "redaction-decide-dark")
    sign_in(page, served, "arun")
    page.goto(f"{home}retention/disposals/D-002")
    page.wait_for_selector("button:has-text('Approve the disposal')")
    looked_at(page, "retention-decide-dark")
    page.goto(f"{home}retention")
    looked_at(page, "retention-due-dark")


def _redaction(served: Portal):
    with transaction.atomic(), tenancy.entered(served.organization.pk):
        return redaction.Redaction.objects.get().pk


def test_columns_and_areas_are_masked_by_hand(page, served):
    filled(served)
    home = sign_in(page, served, "maya")
    page.goto(f"{home}E-004/redact")
    page.check("label:has-text('name')")
    page.check("label:has-text('E-mail addresses')")
    looked_at(page, "redact-choose")
    page.click("button:has-text('Look at the copy')")
    page.wait_for_selector("td:has-text('[masked]')")
    looked_at(page, "redact-look")
    page.fill("textarea[name=reason] >> nth=0", "It names students.")
    page.click("button:has-text('Send for approval')")
    page.wait_for_url("**/redactions/**")
    page.goto(f"{home}E-006/redact")
    page.wait_for_selector("img.shot")
    for name, value in (("page", "1"), ("x", "10"), ("y", "12"), ("width", "30"), ("height", "8")):
        page.fill(f"input[name=b0-{name}]", value)
    page.click("button:has-text('Look at the areas')")
    page.wait_for_selector("button:has-text('Send for approval')")
    looked_at(page, "redact-areas")
    page.fill("textarea[name=reason] >> nth=0", "It shows a student.")
    page.click("button:has-text('Send for approval')")
    page.wait_for_url("**/redactions/**")
    page.wait_for_selector("img.shot >> nth=1")
