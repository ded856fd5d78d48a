import dataclasses
from datetime import date

from portal.packages import register, snapshot, wording
from portal.packages.sections.s02_summary import sentence
from tests.portal.packages import sample


def test_a_snapshot_comes_back_from_its_canonical_text_unchanged():
    whole = sample.snapshot()
    assert snapshot.load(snapshot.canonical(whole)) == whole


def test_the_same_rows_give_the_same_bytes():
    assert snapshot.canonical(sample.snapshot()) == snapshot.canonical(sample.snapshot())


def test_counts_of_each_severity_add_up_to_the_totals():
    totals = snapshot.totals(sample.snapshot())
    columns = list(zip(*(row[1:] for row in totals.by_severity), strict=True))
    assert [sum(column) for column in columns] == [
        totals.findings,
        totals.open,
        totals.overdue,
        totals.closed,
        totals.rejected,
    ]
    assert totals.findings == totals.open + totals.closed + totals.rejected


def test_accepted_risks_and_deferrals_count_as_open():
    finding = dataclasses.replace(sample.closed_finding(), state="risk_accepted", closed_on=None)
    assert snapshot.totals(sample.snapshot(findings=(finding,))).open == 1
    assert dataclasses.replace(finding, state="deferred").is_open


def test_a_control_without_runs_has_shown_nothing():
    control = next(c for c in sample.controls() if c.ref == "AC-01")
    assert control.result == "not_shown"


def test_the_summary_says_in_words_what_the_totals_count():
    assert sentence(snapshot.totals(sample.snapshot())) == (
        "Five of twelve findings are closed; six are open, three past their dates"
    )
    one = sample.snapshot(findings=(sample.closed_finding(),))
    assert sentence(snapshot.totals(one)) == "The finding is closed"
    assert sentence(snapshot.totals(sample.snapshot(findings=()))) == "No finding is in scope of this package"


def test_numbers_are_words_below_a_hundred():
    assert [wording.number(n) for n in (0, 1, 20, 31, 99, 1204)] == [
        "no", "one", "twenty", "thirty-one", "ninety-nine", "1,204",
    ]  # fmt: skip


def test_a_formula_in_a_cell_stays_text():
    assert register.safe("=1+1") == "'=1+1"
    assert register.safe("\t=1") == "'=1"
    assert register.safe("plain") == "plain"
    evil = dataclasses.replace(sample.closed_finding(), title="@SUM(A1)")
    assert b"'@SUM(A1)" in register.rows(sample.snapshot(findings=(evil,)))


def test_a_finding_is_overdue_only_while_it_is_open():
    finding = sample.closed_finding()
    assert not finding.is_overdue(date(2027, 1, 1))
    assert dataclasses.replace(finding, state="triaged", closed_on=None).is_overdue(date(2027, 1, 1))


def test_a_file_name_loses_what_could_name_a_folder():
    assert snapshot.safe_name("../../etc/pass\x00wd") == "_.._etc_pass_wd"
    assert snapshot.safe_name("...") == "file"
