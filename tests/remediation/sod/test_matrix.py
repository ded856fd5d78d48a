"""The matrix is symmetric, complete, and the same in Python, in the table and in the database's judgement."""

from itertools import product

import pytest
from django.db import connection

from evidence.identifiers import uuid7
from portal.accounts import roles
from portal.accounts.models import Person
from remediation.approvals.models import Request
from remediation.sod import matrix, queries
from remediation.sod.duties import STANDING, TAKEN_BY, Duty
from remediation.sod.judgement import Held, Terms, judge
from remediation.sod.matrix import CELLS, PAIRS, TOXIC, VERSION, Verdict
from remediation.sod.models import Rule, ToxicPair
from remediation.sod.policy import ALLOWED, CONDITIONAL, Segregation
from tests.people import give, hire
from tests.remediation.policy import in_force

NINE = (
    Duty.FINDER,
    Duty.OWNER,
    Duty.IMPLEMENTER,
    Duty.UPLOADER,
    Duty.VERIFIER,
    Duty.APPROVER,
    Duty.ACCEPTOR,
    Duty.ADMINISTRATOR,
    Duty.AUDITOR,
)
# PRACTICE.md section 4, row by row.
PRACTICE = """
- Y Y Y C C N N N
Y - Y Y N N C N N
Y Y - Y N N N N N
Y Y Y - N N N N N
C N N N - N N N N
C N N N N - C N N
N C N N N C - N N
N N N N N N N - N
N N N N N N N N -
"""
HELD_BY_HAND = [duty for duty in Duty if duty not in STANDING]


def test_every_cell_is_that_of_the_practice():
    rows = [line.split() for line in PRACTICE.strip().splitlines()]
    for (row, held), (column, wanted) in product(enumerate(NINE), enumerate(NINE)):
        expected = rows[row][column]
        found = matrix.cell(held, wanted)
        assert (found.verdict if found else "-") == expected, (held, wanted)


def test_the_matrix_is_symmetric():
    for (held, wanted), cell in CELLS.items():
        other = CELLS[wanted, held]
        assert (cell.number, cell.verdict, cell.condition) == (other.number, other.verdict, other.condition)


def test_each_pair_has_one_rule_and_each_rule_a_sentence():
    pairs = [frozenset({pair.one, pair.other}) for pair in PAIRS]
    assert len(pairs) == len(set(pairs))
    assert all(cell.sentence.startswith("Whoever ") and cell.sentence.endswith(".") for cell in CELLS.values())


@pytest.mark.django_db
def test_administrators_and_auditors_hold_no_other_role_and_the_table_holds_the_pairs():
    pairs = {frozenset({pair.one, pair.other}): pair for pair in TOXIC}
    for alone in ("administrator", "auditor"):
        assert all(frozenset({alone, role}) in pairs for role in roles.ROLES if role != alone)
    assert [pair.number for pair in TOXIC] == [f"N-{number:02d}" for number in range(1, len(TOXIC) + 1)]
    table = ToxicPair.objects.filter(matrix_version=VERSION).values_list("number", "one", "other", "sentence")
    assert set(table) == {(pair.number, pair.one, pair.other, pair.sentence) for pair in TOXIC}


def test_the_roles_that_take_a_duty_are_those_with_the_right():
    rights = {"finder": "findings.report", "implementer": "tasks.work", "uploader": "evidence.upload",
              "verifier": "findings.verify", "approver": "approvals.decide", "acceptor": "risk.accept"}  # fmt: skip
    for duty, right in rights.items():
        assert set(TAKEN_BY[duty]) == {key for key, role in roles.ROLES.items() if right in role.permissions}, duty


@pytest.mark.django_db
def test_the_table_holds_exactly_the_matrix():
    table = {
        (row.held, row.wanted): (row.number, row.verdict, row.condition, row.sentence, row.note)
        for row in Rule.objects.filter(matrix_version=VERSION)
    }
    assert table == {
        key: (cell.number, cell.verdict, cell.condition, cell.sentence, cell.note) for key, cell in CELLS.items()
    }


def database_says(org, person, item, wanted, severity, requester=None):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT number FROM sod_conflicts(%s, 'tests.thing', %s, 1, %s, %s, %s, %s)",
            [org.pk, item, person, wanted, severity, requester],
        )
        return [row[0] for row in cursor.fetchall()]


def everybody_says(org, person, item, wanted, severity, requester=None):
    """The same from the question about everybody at once, when the person is a member."""
    found = queries.who_may(
        wanted,
        subject_type="tests.thing",
        subject_id=item,
        cycle=1,
        severity=severity,
        organization_id=org.pk,
        requester_id=requester,
    )
    return next([conflict.rule for conflict in one.conflicts] for one in found if one.person_id == person)


def hold(org, account, item, held):
    if held in STANDING - {Duty.REQUESTER}:
        give(org, account.person_id, held)
    elif held != Duty.REQUESTER:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO sod_hand (id, organization_id, subject_type, subject_id, cycle, person_id, account_id,"
                " duty, about, at) VALUES (%s, %s, 'tests.thing', %s, 1, %s, %s, %s, '', now())",
                [uuid7(), org.pk, item, account.person_id, account.pk, held],
            )


@pytest.mark.rule("S-31", by="python")
@pytest.mark.rule("S-31", by="database")
@pytest.mark.parametrize(("held", "wanted"), [*sorted(CELLS), ("triager", "finder"), ("sampler", "approver")])
def test_python_and_the_database_judge_every_cell_alike(org, held, wanted):
    from portal.accounts.models import Account

    person = Person.objects.create(name="Somebody")
    account = Account.objects.create_account("somebody@example.com", None, person=person)
    item = uuid7()
    is_member = not {Duty.ADMINISTRATOR, Duty.AUDITOR} & {held, wanted}
    if is_member:
        give(org, person.pk, "observer")
    hold(org, account, item, held)
    requester = person.pk if held == Duty.REQUESTER else None
    standing = frozenset({str(held)}) if held in {Duty.ADMINISTRATOR, Duty.AUDITOR} else frozenset()
    hands = [] if standing else [Held(held)]
    everything = Segregation(CONDITIONAL, ALLOWED)
    for policy in (Segregation(), everything):
        if policy == everything:
            in_force(org, hire(org), sod=policy.body)
        for severity in ("low", "medium", "high", "critical", ""):
            python = judge(hands, wanted, roles=standing, terms=Terms(severity, policy))
            database = database_says(org, person.pk, item, wanted, severity, requester)
            assert [conflict.rule for conflict in python] == database, (held, wanted, severity, policy)
            if is_member or held in (Duty.ADMINISTRATOR, Duty.AUDITOR):
                assert everybody_says(org, person.pk, item, wanted, severity, requester) == database
            cell = matrix.cell(held, wanted)
            if cell and cell.verdict == Verdict.NEVER:
                assert database == [cell.number]
            if cell and cell.verdict == Verdict.YES:
                assert database == ([cell.number] if policy.forbid else [])
            if cell and cell.verdict == Verdict.CONDITIONAL and severity in ("high", "critical", ""):
                assert database == [cell.number]


def test_a_finder_who_also_managed_the_item_may_not_verify_even_where_the_policy_allows():
    terms = Terms("low", Segregation(CONDITIONAL))
    assert judge([Held(Duty.FINDER)], Duty.VERIFIER, roles=frozenset(), terms=terms) == []
    managed = judge([Held(Duty.FINDER), Held(Duty.TRIAGER)], Duty.VERIFIER, roles=frozenset(), terms=terms)
    assert [conflict.rule for conflict in managed] == ["S-09"]


def test_an_administrator_reports_only_through_a_second_role():
    assert judge([], Duty.FINDER, roles=frozenset({"administrator"}), terms=Terms())[0].rule == "S-17"
    assert judge([], Duty.FINDER, roles=frozenset({"administrator", "manager"}), terms=Terms()) == []


@pytest.mark.parametrize("severity", ["low", "medium", "high", "critical"])
def test_a_conditional_hand_follows_the_severity_that_the_subjects_table_has(org, people, thing, severity):
    from tests.remediation.subjects import refusal_of

    in_force(org, people, sod={"allow": ["S-09"]})
    thing.severity = severity
    subject = thing.ask(people.maya).pk
    lay = (
        "INSERT INTO sod_hand (id, organization_id, subject_type, subject_id, cycle, person_id, account_id, duty, about,"
        " at) VALUES (%s, %s, 'approvals.request', %s, 1, %s, %s, %s, '', now())"
    )

    def values(duty):
        return [uuid7(), org.pk, subject, people.vera.person_id, people.vera.account_id, duty]

    with connection.cursor() as cursor:
        cursor.execute(lay, values("finder"))
    if severity in ("low", "medium"):
        with connection.cursor() as cursor:
            cursor.execute(lay, values("verifier"))
    else:
        assert refusal_of(lay, values("verifier"))[1].startswith("[S-09]")
    assert Request.objects.filter(pk=subject).exists()


def test_the_documented_rules_are_those_in_force():
    from pathlib import Path

    from remediation.approvals.actions import ACTIONS

    text = (Path(__file__).resolve().parents[3] / "docs" / "separation-of-duties.md").read_text()
    words = {"N": "never", "C": "by policy, not for High or Critical", "Y": "yes"}
    for pair in PAIRS:
        line = f"| {pair.number} | {pair.one.label} and {pair.other.label} | {words[pair.verdict]} | {pair.note}"
        assert line.rstrip() in text
    for action in ACTIONS.values():
        assert f"| {action.word} (`{action.key}`) | {' or '.join(action.roles)} |" in text
