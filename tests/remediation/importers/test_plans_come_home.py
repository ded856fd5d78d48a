"""An exported plan of action, imported into an empty organization, gives the same findings, all of them to triage."""

import io
from dataclasses import replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest

from evidence import clock
from evidence.controls import services as controls
from evidence.ledger.models import Event
from portal.packages import plan
from remediation.findings.models import Finding, FindingControl, FindingCriterion, Occurrence
from remediation.findings.services import reporting
from remediation.importers import services
from remediation.poam.items import Item
from tests.portal.packages import sample
from tests.portal.web.test_signing_in_and_people import signed_in
from tests.remediation.importers.test_import import look, outcomes, upload
from tests.remediation.importers.test_plans import WAYS

pytestmark = pytest.mark.django_db
SAMPLE = plan.plan(sample.snapshot())
ways = pytest.mark.parametrize("name", WAYS)


@pytest.fixture
def maya(people):
    """Maya after the invented vendor's year, so that nothing was detected in the future."""
    later = max(clock.now(), sample.snapshot().identity.as_of + timedelta(days=1))
    with clock.at(later):
        yield replace(people.maya, authenticated_at=later)


@ways
def test_the_same_findings_come_home(maya, org, name):
    counts = upload(WAYS[name](SAMPLE), maya)
    assert (counts.format, outcomes(counts), counts.proposed_fixed) == (name, {"created": len(SAMPLE.items)}, 0)
    zone = ZoneInfo(org.timezone)
    for one in SAMPLE.items:
        found = Finding.objects.get(source_ref=one.ref)
        assert (found.title, found.description, found.asset) == (one.title, one.description, one.asset)
        assert (found.severity, found.original_severity) == (one.severity, one.original_severity)
        assert found.source == one.source
        assert found.detected_at.astimezone(zone).date() == one.detected_on
        assert found.due_at.astimezone(zone).date() == one.scheduled_on
        assert found.current_due_at.astimezone(zone).date() == one.current_on
        assert (found.state, found.cycle) == ("reported", 1)
        assert (found.proposed_fixed_at is not None) == (not one.is_open)
        assert set(found.criterion_rows.values_list("criterion_id", flat=True)) == set(one.criteria)


@ways
def test_what_stood_there_stays_with_the_sighting(maya, name):
    upload(WAYS[name](SAMPLE), maya)
    raw = Occurrence.objects.get(finding__source_ref="F-001").raw
    assert raw["own id"] == "F-001"
    assert raw["controls not known here"] == ["AC-04"]
    assert [
        line for line in raw["milestones"] if line.startswith("2026-02-20 T-001 Move the export to a server job, done")
    ]
    assert raw["note"].startswith("In the file it is “Closed” since 2026-03-11.")
    raw = Occurrence.objects.get(finding__source_ref="F-009").raw
    assert "Risk accepted" in raw["note"] or "risk_accepted" in raw["why it begins at triage"]


@ways
def test_known_controls_are_mapped(maya, org, name):
    controls.adopt_starter_set(actor=maya)
    upload(WAYS[name](SAMPLE), maya)
    known = FindingControl.objects.filter(finding__source_ref="F-001").values_list("control__ref", flat=True)
    assert list(known) == ["AC-04"]
    assert FindingCriterion.objects.filter(finding__source_ref="F-001").count() == 2


def test_the_other_form_of_the_same_plan_creates_nothing(maya):
    upload(WAYS["oscal_poam"](SAMPLE), maya)
    counts = upload(WAYS["poam_xlsx"](SAMPLE), maya)
    assert counts.outcomes["created"] == 0
    assert Finding.objects.count() == len(SAMPLE.items)


@ways
def test_a_preview_says_row_by_row_why_it_begins_at_triage_and_saves_nothing(maya, name):
    seen = look(WAYS[name](SAMPLE), maya)
    by_title = {row.title: row.reason for row in seen.rows}
    closed = next(one for one in SAMPLE.items if one.ref == "F-001")
    assert by_title[closed.title].startswith("New. In the file it is “Closed”")
    assert not Finding.objects.exists()
    assert not Event.objects.filter(kind="finding.imported").exists()


def test_one_bad_row_saves_nothing(maya):
    from tests.remediation.importers.test_plans import LINE, OPEN, template

    data = template((OPEN, LINE), (OPEN, LINE | {"POAM ID": "V-9", "Original Risk Rating": "Purple"}))
    with pytest.raises(services.RowsInError, match="Purple"):
        services.run_import(io.BytesIO(data), actor=maya)
    assert not Finding.objects.exists()


def test_the_page_of_a_finding_shows_what_the_plan_said(people, org):
    upload(WAYS["oscal_poam"](SAMPLE), people.maya)
    closed = Finding.objects.get(source_ref="F-001")
    page = signed_in(people.maya).get(f"/o/{org.slug}/findings/{closed.ref}").content.decode()
    assert "The imported plan calls it settled" in page
    assert "2026-02-20 T-001 Move the export to a server job, done" in page
    assert "A newer file no longer shows it" not in page


@ways
def test_a_plan_that_comes_back_to_where_it_was_exported_makes_no_twins(maya, name):
    for title in ("Log gap", "Late review"):
        reporting.report(
            actor=maya, title=title, source="internal", detected_at=clock.now(), asset="CRM", severity="high"
        )
    ours = tuple(
        Item(found.ref, found.title, "", "reported", found.severity, found.severity, scheduled_on=date(2026, 12, 1))
        for found in Finding.objects.order_by("number")
    )
    counts = upload(WAYS[name](replace(SAMPLE, items=ours)), maya)
    assert outcomes(counts) == {"unchanged": len(ours)}
    assert Finding.objects.count() == len(ours)
    assert "F-001 of this organization" in look(WAYS[name](replace(SAMPLE, items=ours)), maya).rows[0].reason
