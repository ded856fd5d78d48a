"""Due dates: calendar days to fix, business days to triage, in the organization's zone."""

from datetime import UTC, date, datetime

import pytest

from evidence.organizations.policies import DEFAULTS
from remediation.findings import sla
from remediation.findings.severity import effective, is_cvss_vector, suggested

RULES = sla.rules_from({**DEFAULTS["sla"], "holidays": ["2026-11-26"]}, "America/New_York")
TUESDAY = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(("severity", "day"), [("critical", 9), ("high", 24), ("medium", 22), ("low", 23)])
def test_a_finding_is_due_at_the_end_of_its_nth_calendar_day(severity, day):
    due = sla.due_for(severity, TUESDAY, RULES)
    assert due.astimezone(RULES.zone).day == day
    assert (due.astimezone(RULES.zone).hour, due.astimezone(RULES.zone).minute) == (23, 59)


def test_days_are_counted_where_the_organization_is_not_in_utc():
    late_evening_there = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)  # still the 24th in New York
    assert sla.due_for("critical", late_evening_there, RULES) == sla.due_for("critical", TUESDAY, RULES)


def test_triage_skips_weekends_and_holidays():
    due = sla.triage_due_for("high", TUESDAY, RULES)
    assert RULES.day_of(due) == date(2026, 11, 27)  # 25th, then the 26th is a holiday
    friday = datetime(2026, 11, 27, 15, tzinfo=UTC)
    assert RULES.day_of(sla.triage_due_for("critical", friday, RULES)) == date(2026, 11, 30)


def test_the_clock_restarts_only_when_a_reopening_comes_after_90_days():
    settled = datetime(2026, 3, 1, tzinfo=UTC)
    soon, late = datetime(2026, 5, 30, tzinfo=UTC), datetime(2026, 5, 31, tzinfo=UTC)
    assert sla.clock_start_after_reopening(TUESDAY, settled, soon) == TUESDAY
    assert sla.clock_start_after_reopening(TUESDAY, settled, late) == late


def test_a_known_exploited_weakness_is_critical():
    assert effective("low", kev=True) == "critical"
    assert effective("low", kev=False) == "low"


@pytest.mark.parametrize(
    ("likelihood", "impact", "severity"), [(5, 5, "critical"), (3, 4, "high"), (2, 3, "medium"), (1, 5, "low")]
)
def test_severity_follows_likelihood_times_impact(likelihood, impact, severity):
    assert suggested(likelihood, impact) == severity


def test_a_cvss_vector_is_told_from_other_text():
    assert is_cvss_vector("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H")
    assert is_cvss_vector("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N")
    assert not is_cvss_vector("9.8")
