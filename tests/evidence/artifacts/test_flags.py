"""What weakens a piece of evidence is said in words, and what is fine is left alone."""

from datetime import UTC, date, datetime, timedelta

import pytest

from evidence import clock
from evidence.artifacts import services as artifacts
from evidence.artifacts.facts import VersionFacts
from evidence.artifacts.flags import Period, flags_of
from evidence.artifacts.models import Artifact
from evidence.controls import services as controls
from tests.people import People

WHOLE = {"period_from": date(2026, 9, 1), "period_to": date(2026, 9, 30), "row_count": 61, "query": "SELECT Id"}


def codes(artifact: Artifact, **given) -> list[str]:
    artifact = Artifact.objects.select_related("latest").get(pk=artifact.pk)
    return [flag.code for flag in flags_of(artifact, artifact.latest, **given)]


def test_whole_evidence_is_only_said_to_be_unscanned(uploaded):
    assert codes(uploaded(**WHOLE)) == ["not_scanned"]


def test_an_export_without_period_query_and_totals_is_weak(uploaded):
    assert codes(uploaded()) == ["no_period", "no_totals", "no_query", "not_scanned"]
    assert "no_totals" not in codes(uploaded(b"2", ipe={"control_total": "61 leavers"}))


def test_dates_to_come_are_said(uploaded):
    tomorrow = clock.now() + timedelta(days=2)
    assert "future_period" in codes(uploaded(**{**WHOLE, "period_to": tomorrow.date()}))
    assert "future_date" in codes(uploaded(b"2", **{**WHOLE, "as_of": tomorrow}))
    assert "future_date" in codes(uploaded(b"3", **{**WHOLE, "collected_at": tomorrow}))


@pytest.mark.parametrize(
    ("first", "last", "code"),
    [
        (date(2026, 10, 1), date(2027, 3, 31), "period_not_overlapping"),
        (date(2025, 1, 1), date(2026, 8, 31), "period_not_overlapping"),
        (date(2026, 9, 30), date(2027, 3, 31), None),
        (date(2025, 1, 1), date(2026, 9, 1), None),
    ],
)
def test_a_period_outside_the_examination_is_said_to_the_day(uploaded, first, last, code):
    found = codes(uploaded(**WHOLE), period=Period(first, last))
    assert (code in found) if code else "period_not_overlapping" not in found


def test_a_moment_outside_the_examination_is_said(uploaded):
    artifact = uploaded(as_of=datetime(2026, 9, 1, tzinfo=UTC))
    assert "as_of_outside_period" in codes(artifact, period=Period(date(2026, 10, 1), date(2026, 12, 31)))
    assert "as_of_outside_period" not in codes(artifact, period=Period(date(2026, 9, 1), date(2026, 12, 31)))


def test_the_same_bytes_for_another_period_are_said_once_not_for_the_same(uploaded):
    first = uploaded(**WHOLE)
    assert "reused" not in codes(uploaded(**WHOLE))
    other = uploaded(**{**WHOLE, "period_from": date(2026, 8, 1), "period_to": date(2026, 8, 31)})
    assert "reused" in codes(other)
    assert "reused" in codes(first)


def test_test_systems_and_bare_screenshots_are_said(uploaded):
    assert "not_production" in codes(uploaded(**{**WHOLE, "is_production": False}))
    shot = {"method": "screenshot", "as_of": datetime(2026, 9, 1, tzinfo=UTC)}
    assert "screenshot_facts" in codes(uploaded(b"2", kind="screenshot", **shot))
    seen = {"screenshot_url": True, "screenshot_user": True, "screenshot_clock": True}
    assert "screenshot_facts" not in codes(uploaded(b"3", kind="screenshot", ipe=seen, **shot))


def test_a_collector_who_operates_the_control_needs_another_pair_of_eyes(uploaded, people: People):
    facts = controls.ControlFacts(title="Leavers", frequency="weekly")
    controls.create(facts, actor=people.maya, owner_id=people.ines.person_id)
    artifact = uploaded(**WHOLE)
    artifacts.link_control(artifact.pk, "AC-01", actor=people.ines)
    assert "collector_operates_control" in codes(artifact)
    artifacts.accept(artifact.pk, number=1, actor=people.vera)
    assert "collector_operates_control" not in codes(artifact)


def test_evidence_past_its_freshness_is_stale(uploaded, people: People):
    facts = controls.ControlFacts(title="Leavers", frequency="weekly", owed=(controls.Owed("List", "report", 10),))
    controls.create(facts, actor=people.maya)
    artifact = uploaded(**WHOLE)
    artifacts.link_control(artifact.pk, "AC-01", actor=people.ines)
    with clock.at(datetime(2026, 10, 10, tzinfo=UTC)):
        assert "stale" not in codes(artifact)
    with clock.at(datetime(2026, 10, 11, tzinfo=UTC)):
        assert "stale" in codes(artifact)


def test_a_control_without_a_matching_debt_lends_its_frequencys_freshness(take, people: People):
    controls.create(controls.ControlFacts(title="Leavers", frequency="monthly"), actor=people.maya)
    about = VersionFacts(period_from=date(2026, 9, 1), period_to=date(2026, 9, 30))
    artifact = artifacts.add(take(), title="x", kind="log", about=about, actor=people.ines)
    artifacts.link_control(artifact.pk, "AC-01", actor=people.ines)
    artifact.refresh_from_db()
    assert artifact.fresh_until == date(2026, 11, 9)


def test_what_intake_noted_stands_among_the_flags(take, people: People):
    artifact = artifacts.add(take(b"%PDF-1.7", filename="a.csv"), title="x", kind="log", actor=people.ines)
    assert "name_contradicts_content" in codes(artifact)
