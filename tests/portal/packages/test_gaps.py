"""Gaps in a package: which make one row, that rows count all of them, and what is said when they are cut."""

import re
from dataclasses import replace
from datetime import date, timedelta

from portal.packages import book
from portal.packages.edition import Edition
from portal.packages.sections import s14_monitoring as monitoring
from portal.packages.snapshot import Control, Gap
from tests.portal.packages import sample

FIRST = date(2026, 3, 1)


def gap(place: int, explanation: str = "", state: str = "missed") -> Gap:
    """The gap of a daily control at this place of its due sequence."""
    return Gap(FIRST + timedelta(days=place - 1), state, explanation, place)


def control(*gaps: Gap, ref: str = "AC-02", due: int = 61) -> Control:
    missed = sum(each.state == "missed" for each in gaps)
    partial = len(gaps) - missed
    return Control(
        ref, "Leavers lose access", "", (), "daily", due - len(gaps), due, missed=missed, partial=partial, gaps=gaps
    )


def told(*controls: Control) -> list[tuple[str, int]]:
    rows = (row for each in controls for row in monitoring.stretches(each))
    return [(book.wording.days(row.first, row.last), row.runs) for row in rows]


def edition(*controls: Control) -> Edition:
    return Edition(sample.snapshot(controls=controls), "0" * 64, "1" * 64)


def page(*controls: Control) -> str:
    return "".join(
        unit.html for unit in book.units(edition(*controls), lambda *_: None) if unit.section == monitoring.TITLE
    )


def test_gaps_that_follow_each_other_are_one_row_with_first_and_last_day_and_number():
    assert told(control(*map(gap, range(1, 29)))) == [("1 Mar – 28 Mar 2026", 28)]


def test_a_range_over_the_turn_of_the_year_names_both_years():
    gaps = (Gap(date(2025, 12, 31), "missed", "", 4), Gap(date(2026, 1, 1), "missed", "", 5))
    assert told(control(*gaps)) == [("31 Dec 2025 – 1 Jan 2026", 2)]


def test_a_run_between_two_gaps_parts_them():
    assert told(control(gap(1), gap(2), gap(4))) == [("1 Mar – 2 Mar 2026", 2), ("4 Mar 2026", 1)]


def test_gaps_of_a_weekly_control_follow_each_other_though_days_lie_between():
    weekly = tuple(Gap(FIRST + timedelta(weeks=n), "missed", "", n + 1) for n in range(3))
    assert told(control(*weekly)) == [("1 Mar – 15 Mar 2026", 3)]


def test_another_explanation_or_state_starts_a_row():
    rows = told(control(gap(1, "Leave"), gap(2, "Leave"), gap(3), gap(4, state="partial")))
    assert rows == [("1 Mar – 2 Mar 2026", 2), ("3 Mar 2026", 1), ("4 Mar 2026", 1)]


def test_gaps_whose_place_was_not_recorded_stay_rows_of_their_own():
    old = tuple(replace(gap(place), place=0) for place in (1, 2))
    assert told(control(*old)) == [("1 Mar 2026", 1), ("2 Mar 2026", 1)]


def test_gaps_of_two_controls_never_share_a_row_and_rows_are_sorted_by_control_and_day():
    rows = told(control(gap(3), gap(1), ref="AC-01"), control(gap(2), ref="AC-02"))
    assert rows == [("1 Mar 2026", 1), ("3 Mar 2026", 1), ("2 Mar 2026", 1)]


def test_the_rows_of_gaps_add_up_to_what_the_table_of_runs_says_is_missing():
    controls = (control(*map(gap, range(1, 13))), control(gap(2, state="partial"), gap(9, "Leave"), ref="AC-03"))
    sums = next(monitoring.sheets(edition(*controls))).data["sums"]
    whole = page(*controls)
    rows = re.findall(r'<td class="num">([\d,]+)</td><td class="gap">(?:Missed|Partial)', whole)
    assert sum(int(runs.replace(",", "")) for runs in rows) == sums["missed"] + sums["partial"] == 14
    assert '<tr class="sum"><td>All</td><td></td><td></td><td class="num">14</td><td></td><td></td></tr>' in whole


def test_a_table_that_was_cut_says_how_many_rows_and_gaps_it_holds():
    # Pairs of gaps with a run between each: twice as many gaps as rows.
    rows = monitoring.MOST + 50
    gaps = [gap(place) for row in range(rows) for place in (3 * row + 1, 3 * row + 2)]
    whole = page(control(*gaps, due=3 * rows))
    assert "Rows 1 to 400 of 450, with 800 of 900 gaps; every gap is in the attached snapshot.json." in whole
    assert whole.count("<td>All</td>") == 1, "only the table of runs, which is whole, has a sum"
