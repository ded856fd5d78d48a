"""Runs of controls: when they are due, what their result may become, and what coverage says."""

from datetime import date, timedelta

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError

from evidence import clock
from evidence.actors import Actor
from evidence.controls import services as controls
from evidence.controls.services import ControlFacts
from evidence.errors import Invalid, NotAllowed, WrongState
from remediation.findings import services as findings
from remediation.monitoring import queries, services
from remediation.monitoring.calendar import due_dates, weeks
from remediation.monitoring.models import Run

MONDAY = date(2026, 9, 7)


@pytest.mark.parametrize(
    ("frequency", "number"),
    [("daily", 5 * 26), ("weekly", 26), ("continuous", 26), ("monthly", 6), ("quarterly", 2), ("half_yearly", 1),
     ("annual", 1), ("automated", 6), ("event", 0)],
)  # fmt: skip
def test_a_half_year_owes_as_many_runs_as_the_frequency_says(frequency, number):
    assert len(due_dates(frequency, MONDAY, MONDAY + timedelta(weeks=26) - timedelta(days=1))) in (number, number - 1)


def test_weeks_cover_the_period_to_its_last_day():
    assert weeks(date(2026, 9, 9), date(2026, 9, 21)) == [MONDAY, date(2026, 9, 14), date(2026, 9, 21)]


@pytest.fixture
def control(people):
    return controls.create(
        ControlFacts(title="Leavers are removed", frequency="weekly", criteria=("CC6.2",)), actor=people.maya,
        owner_id=people.ines.person_id,
    )  # fmt: skip


@pytest.fixture
def runs(people, control):
    today = clock.today()
    start = today - timedelta(days=today.weekday() + 28)
    services.schedule([control.pk], start=start, end=start + timedelta(days=55), actor=people.maya)
    return list(Run.objects.order_by("due_on"))


def test_scheduling_twice_adds_nothing(people, control, runs):
    assert len(runs) == 8
    assert services.schedule([control.pk], start=runs[0].due_on, end=runs[-1].due_on, actor=people.maya) == 0


def test_a_run_operated_needs_its_evidence(people, story, runs):
    with pytest.raises(Invalid) as refusal:
        services.record(runs[0].pk, state="operated", actor=people.ines)
    assert "artifact" in refusal.value.fields
    services.record(runs[0].pk, state="operated", artifact_id=story.evidence().pk, actor=people.ines)
    assert Run.objects.get(pk=runs[0].pk).state == "operated"


def test_a_missed_run_never_turns_green(people, story, runs):
    services.record(runs[0].pk, state="missed", note="The report failed.", actor=people.ines)
    with pytest.raises(WrongState, match="does not become"):
        services.record(runs[0].pk, state="operated", artifact_id=story.evidence().pk, actor=people.ines)
    services.explain(runs[0].pk, words="The session had expired; checked by hand on Monday.", actor=people.ines)
    assert Run.objects.get(pk=runs[0].pk).state == "missed"
    with pytest.raises(WrongState):
        services.explain(runs[0].pk, words="Another story.", actor=people.ines)


def test_raw_sql_cannot_turn_a_missed_run_green(people, runs):
    services.record(runs[0].pk, state="missed", note="The report failed.", actor=people.ines)
    with connection.cursor() as cursor:
        for sql in (
            "UPDATE monitoring_run SET state = 'operated' WHERE id = %s",
            "UPDATE monitoring_run SET state = 'scheduled' WHERE id = %s",
            "UPDATE monitoring_run SET due_on = due_on + 1 WHERE id = %s",
        ):
            with pytest.raises(DatabaseError, match=r"\[C-0"), transaction.atomic():
                cursor.execute(sql, [runs[0].pk])


def test_what_nobody_recorded_is_missed_after_its_day(org, people, control, runs):
    services.record(runs[3].pk, state="pending", actor=people.ines)
    assert services.miss_overdue(actor=Actor.system(org.pk, "sweep")) == 3
    assert [run.state for run in Run.objects.order_by("due_on")][:4] == ["missed", "missed", "missed", "pending"]


def test_a_reviewer_cannot_record_a_run(people, runs):
    with pytest.raises(NotAllowed):
        services.record(runs[0].pk, state="missed", note="No.", actor=people.vera)


def test_coverage_counts_half_for_partial_and_nothing_for_pending(
    org, people, story, control, runs, django_assert_num_queries
):
    services.record(runs[0].pk, state="operated", artifact_id=story.evidence().pk, actor=people.ines)
    services.record(runs[1].pk, state="partial", note="One of two lists.", actor=people.ines)
    services.record(runs[2].pk, state="missed", note="Forgotten.", actor=people.ines)
    services.record(runs[3].pk, state="pending", actor=people.ines)
    with django_assert_num_queries(1):
        found = queries.coverage(org.pk, [control], runs[0].due_on, runs[-1].due_on)
    assert found.lines[0].share == 50
    assert [cell.state for cell in found.lines[0].cells][:5] == [
        "operated",
        "partial",
        "missed",
        "pending",
        "scheduled",
    ]
    assert len(found.lines[0].cells) == len(found.weeks) == 8


def test_a_fixed_finding_counts_the_runs_since_its_fix(people, story, control):
    story.reported(controls=[control.pk]).triaged().analysed().planned().in_remediation().worked().ready().verified()
    assert (story.finding.operating_needed, story.finding.operating_seen) == (5, 0)
    start = story.finding.design_fixed_on + timedelta(days=1)
    services.schedule([control.pk], start=start, end=start + timedelta(days=45), actor=people.maya)
    artifact = story.evidence()
    with clock.at(clock.now() + timedelta(days=60)):
        for run in Run.objects.order_by("due_on")[:5]:
            services.record(run.pk, state="operated", artifact_id=artifact.pk, actor=people.ines)
    story.again()
    assert story.finding.operating_seen == 5
    story.closure_asked(design_only=False)
    assert story.closed().finding.design_only is False
    assert findings.reopen(story.finding.pk, actor=people.maya, reason="It is back.").operating_seen == 0
