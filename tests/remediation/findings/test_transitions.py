"""The life-cycle is one table, and the database holds the same one."""

import pytest
from django.db import connection

from evidence.errors import WrongState
from remediation.findings import guards, transitions
from remediation.findings.events import BY_KIND
from remediation.findings.states import State
from remediation.sod.duties import Duty


def test_all_seventeen_rows_are_there_and_nobody_may_cancel():
    assert {move.row for move in transitions.MOVES} == set(range(1, 17))


def test_each_move_names_an_event_and_a_duty_that_exist():
    for move in transitions.MOVES:
        assert move.event in BY_KIND, move.verb
        assert move.duty is None or move.duty in Duty.values, move.verb


def test_nothing_leaves_a_closed_finding_but_reopening():
    assert {target for source, target in transitions.legal_pairs() if source == State.CLOSED} == {State.TRIAGED}


def test_a_refused_move_says_where_the_finding_is_and_what_comes_next():
    with pytest.raises(WrongState) as refusal:
        transitions.BY_VERB["verify"].check(State.TRIAGED, "F-007")
    assert refusal.value.message == "F-007 is “Triaged”; this step exists only from “Evidence in”."
    assert "root cause" in refusal.value.help


@pytest.mark.django_db
def test_the_database_knows_exactly_the_legal_moves():
    with connection.cursor() as cursor:
        cursor.execute("SELECT findings_legal_pairs()")
        assert set(cursor.fetchone()[0]) == {f"{source}>{target}" for source, target in transitions.legal_pairs()}


@pytest.mark.django_db
@pytest.mark.parametrize("severity", ["critical", "high", "medium", "low"])
def test_the_database_asks_for_the_same_approvals(severity):
    wanted = transitions.approvals_by_pair()
    with connection.cursor() as cursor:
        for source, target in transitions.legal_pairs():
            cursor.execute("SELECT findings_gate(%s, %s)", [f"{source}>{target}", severity])
            action, severities = wanted.get((source, target), (None, ()))
            expected = action if not severities or severity in severities else None
            assert cursor.fetchone()[0] == expected, (source, target)


def test_the_guards_are_generated_from_the_table():
    assert {f"{source}>{target}" for source, target in transitions.legal_pairs()} == guards.PAIRS
