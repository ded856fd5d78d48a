"""What Python refuses, PostgreSQL refuses too: the app's own role, with SQL typed by hand."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError

from evidence import clock, tenancy
from evidence.actors import Actor
from remediation.approvals import services as approvals
from remediation.findings import services as findings
from remediation.findings.states import State
from remediation.findings.transitions import legal_pairs
from remediation.risk import services as risk
from tests.remediation.story import WHY

MOVE = (
    "UPDATE findings_finding SET state = %s, version = version + 1, state_since = %s, returns_to = %s,"
    " cycle = cycle + %s, closed_at = %s, verified_at = coalesce(verified_at, now()),"
    " triaged_at = coalesce(triaged_at, now()), owner_id = coalesce(owner_id, finder_id),"
    " severity_rationale = 'x', root_cause_class = 'people', scope_check = 'x' WHERE id = %s"
)
ASIDE = ("risk_acceptance_pending", "risk_accepted", "deferral_pending", "deferred")
FREE = {  # legal by hand in SQL: what needs no request and no other row
    ("draft", "reported"), ("reported", "triaged"), ("triaged", "analysed"), ("analysed", "planned"),
    ("ready_for_verification", "in_remediation"), ("risk_accepted", "triaged"),
    ("closed", "triaged"), ("rejected", "triaged"),
}  # fmt: skip


def refusal(sql, values=()):
    """The SQLSTATE and message of the refusal, or None when the database let it through. Nothing stays changed."""
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT current_user")
                assert cursor.fetchone()[0] == "clearhold_app"
                cursor.execute(sql, values)
            transaction.set_rollback(True)
    except DatabaseError as error:
        return error.__cause__.sqlstate, str(error)
    return None


def reach(story, state):
    """The story's finding, in this state by the ordinary way."""
    people = story.people
    steps = {
        State.REPORTED: "reported", State.TRIAGED: "triaged", State.ANALYSED: "analysed", State.PLANNED: "planned",
        State.IN_REMEDIATION: "in_remediation", State.READY_FOR_VERIFICATION: "ready", State.VERIFIED: "verified",
        State.CLOSED: "closed",
    }  # fmt: skip
    if state in steps:
        story.severity = "high"
        return story.until(steps[state]).finding
    if state == State.DRAFT:
        story.finding = findings.draft(actor=people.ivan, title="Guest user reads records")
        return story.finding
    if state == State.REJECTED:
        story.until("triaged")
        findings.propose_rejection(
            story.finding.pk, actor=people.maya, kind="out_of_scope", reason="Not ours.", proof="The contract."
        )
        return story.grant("finding.reject").finding
    story.until("analysed")
    if state in (State.RISK_ACCEPTANCE_PENDING, State.RISK_ACCEPTED):
        risk.ask_acceptance(
            story.finding.pk, actor=people.maya, reason="r", residual_risk="r", compensating="c",
            expires_on=clock.today() + timedelta(days=9),
        )  # fmt: skip
        if state == State.RISK_ACCEPTED:
            approvals.decide(story.request("risk.accept").pk, verdict="approve", reason=WHY, actor=people.edda)
        return story.again().finding
    day = story.finding.current_due_at.date() + timedelta(days=30)
    risk.ask_deferral(story.finding.pk, actor=people.maya, reason="Waiting", new_due_on=day)
    if state == State.DEFERRED:
        story.grant("finding.defer")
    return story.again().finding


@pytest.mark.parametrize("source", list(State))
def test_every_illegal_move_and_every_move_without_its_grant_is_refused(story, source):
    finding = reach(story, source)
    assert finding.state == source
    for target in State:
        if target == source:
            continue
        goes_back = source in ASIDE and target == finding.returns_to
        returns_to = finding.state if target in ("risk_acceptance_pending", "deferral_pending") else ""
        if target in ("risk_accepted", "deferred"):
            returns_to = finding.returns_to
        answer = refusal(
            MOVE,
            [
                target, clock.now(), returns_to, int(source in (State.CLOSED, State.REJECTED)),
                clock.now() if target == State.CLOSED else None, finding.pk,
            ],
        )  # fmt: skip
        if (source, target) not in legal_pairs():
            assert answer is not None and answer[0] == "CH002" and "[F-05]" in answer[1], (source, target, answer)
        elif (source, target) in FREE or goes_back or target in ("risk_acceptance_pending", "deferral_pending"):
            assert answer is None, (source, target, answer)
        else:
            assert answer is not None and answer[0] == "CH002", (source, target, answer)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("ref = 'F-999'", "F-02"),
        ("number = 999", "F-02"),
        ("organization_id = gen_random_uuid()", "F-02"),
        ("original_severity = 'low'", "F-02"),
        ("version = version - 1", "F-03"),
        ("detected_at = detected_at - interval '1 day'", "F-04"),
        ("state_since = state_since - interval '1 day'", "F-09"),
        ("returns_to = 'analysed'", "F-09"),
        ("cycle = cycle + 1", "F-10"),
        ("severity = 'low', severity_since = clock_timestamp()", "F-11"),
        ("severity_since = clock_timestamp()", "F-09"),
        ("current_due_at = current_due_at + interval '1 day'", "F-12"),
        ("due_at = due_at + interval '1 day'", "F-12"),
    ],
)
def test_what_the_rules_keep_cannot_be_edited(story, change, rule):
    story.until("triaged")
    answer = refusal(f"UPDATE findings_finding SET {change} WHERE id = %s", [story.finding.pk])
    assert answer is not None and answer[0] == "CH002" and f"[{rule}]" in answer[1]


def test_nobody_is_put_in_late_by_hand(story, people):
    story.until("ready")
    answer = refusal("UPDATE findings_finding SET assignee_id = %s", [people.ivan.person_id])
    assert answer[0] == "CH002" and "[F-13]" in answer[1]


def test_findings_are_neither_deleted_nor_born_closed(story):
    story.until("triaged")
    assert refusal("DELETE FROM findings_finding")[0] in ("42501", "CH002")
    assert refusal("TRUNCATE findings_finding CASCADE")[0] == "42501"
    copy = (
        "INSERT INTO findings_finding SELECT (jsonb_populate_record(f, jsonb_build_object('id', gen_random_uuid(),"
        " 'number', 77, 'ref', 'F-077', 'state', %s::text))).* FROM findings_finding f"
    )
    answer = refusal(copy, ["triaged"])
    assert answer[0] == "CH002" and "[F-01]" in answer[1]
    assert refusal(copy, ["reported"]) is None


def test_the_scope_narrows_only_by_a_grant(story):
    story.until("triaged")
    answer = refusal("DELETE FROM findings_findingcriterion")
    assert answer[0] == "CH002" and "[F-15]" in answer[1]


@pytest.mark.parametrize("table", ["findings_comment", "findings_findinglink", "findings_occurrence"])
def test_what_was_said_and_seen_is_not_changed(org, table):
    assert refusal(f"DELETE FROM {table}")[0] == "42501"
    assert refusal(f"UPDATE {table} SET organization_id = organization_id")[0] == "42501"


def test_an_old_grant_closes_nothing_in_a_new_cycle(story, people):
    story.until("closed")
    findings.reopen(story.finding.pk, actor=people.vera, reason="It is back.")
    findings.reassign(story.finding.pk, actor=people.maya, assignee_id=people.ines.person_id)
    story.again().analysed().planned().in_remediation().worked().ready().verified()
    answer = refusal(MOVE, ["closed", clock.now(), "", 0, clock.now(), story.finding.pk])
    assert answer[0] == "CH002" and "[F-07]" in answer[1]


def test_a_grant_opens_the_gate_once_only(story, people):
    """A rejection was granted, the finding came back, and the old grant rejects nothing again."""
    story.until("analysed")
    since = story.finding.state_since
    deferral = (MOVE, ["deferred", since, "analysed", 0, None, story.finding.pk])
    for number in range(2):
        day = story.again().finding.current_due_at.date() + timedelta(days=30)
        risk.ask_deferral(story.finding.pk, actor=people.maya, reason="Waiting", new_due_on=day)
        answer = refusal(*deferral)
        assert answer[0] == "CH002" and "[F-" in answer[1], number
        story.grant("finding.defer")
        assert len(story.finding.passes) == number + 1
        with clock.at(story.finding.current_due_at - timedelta(hours=1)):
            risk.expire_due(actor=Actor.system(story.finding.organization_id, "expiry"))


def test_nobody_makes_a_finding_forget_which_grants_it_used(story):
    story.severity = "high"
    story.until("in_remediation")
    before = story.finding.passes
    with connection.cursor() as cursor:
        cursor.execute("UPDATE findings_finding SET passes = '{}', version = version + 1")
    assert story.again().finding.passes == before != []


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("UPDATE tasks_plan SET success_test = 'Anything goes'", "P-02"),
        ("UPDATE tasks_plan SET work_started_at = NULL", "P-02"),
        ("UPDATE tasks_task SET number = number + 100", "P-03"),
        ("UPDATE tasks_task SET state = 'done', done_at = now()", "P-04"),
        ("DELETE FROM tasks_task", "permission denied"),
        ("DELETE FROM tasks_plan", "permission denied"),
    ],
)
def test_plans_and_tasks_hold_below_python(story, sql, rule):
    story.until("in_remediation")
    answer = refusal(sql)
    assert answer is not None and rule in answer[1]


def test_a_fix_is_not_handed_over_without_tasks_done_and_evidence(story):
    story.until("in_remediation")
    answer = refusal(MOVE, ["ready_for_verification", clock.now(), "", 0, None, story.finding.pk])
    assert answer[0] == "CH002" and "[P-06]" in answer[1]


def test_a_verification_needs_a_verifier_with_a_hand(story, people):
    story.until("ready")
    answer = refusal(
        "INSERT INTO tasks_verification (id, organization_id, finding_id, cycle, plan_id, verifier_id, result,"
        " test_result, checklist, sample, at) SELECT gen_random_uuid(), organization_id, finding_id, cycle, id,"
        " %s, 'passed', 'x', '{}', '', now() FROM tasks_plan",
        [people.ines.person_id],
    )
    assert answer[0] == "CH003" and "[P-09]" in answer[1]


def test_another_organization_sees_and_touches_nothing(story, other_org):
    story.until("triaged")
    with tenancy.entered(other_org.pk), connection.cursor() as cursor:
        for table in ("findings_finding", "findings_findingcriterion", "tasks_plan", "risk_acceptance"):
            cursor.execute(f"SELECT count(*) FROM {table}")
            assert cursor.fetchone()[0] == 0
        cursor.execute("UPDATE findings_finding SET title = 'x'")
        assert cursor.rowcount == 0
