"""What the services refuse, tried again by raw SQL as the app's role: the database refuses it too."""

import json
from datetime import timedelta

import pytest
from django.db import connection, transaction

from evidence import clock
from evidence.canonical import sha256_hex
from evidence.identifiers import uuid7
from portal.accounts.models import Account, Membership, Person
from remediation.approvals import queries, services
from remediation.approvals.models import Decision, Request
from remediation.sod import services as sod
from remediation.sod.matrix import VERSION
from remediation.sod.models import Hand
from tests.people import give
from tests.remediation.policy import in_force
from tests.remediation.subjects import TYPE, refusal_of

VOTE = (
    "INSERT INTO approvals_decision (id, organization_id, request_id, person_id, account_id, verdict, reason,"
    " content_sha256, authenticated_at, department, matrix_version, at)"
    " VALUES (%(id)s, %(organization)s, %(request)s, %(person)s, %(account)s, %(verdict)s, %(reason)s, %(sha)s,"
    " %(authenticated)s, %(department)s, %(matrix)s, %(at)s)"
)
ASK = (
    "INSERT INTO approvals_request (id, organization_id, subject_type, subject_id, subject_ref, cycle, action, content,"
    " content_sha256, severity, needed, distinct_departments, matrix_version, reason, requested_by_id,"
    " requested_through_id, requested_at, expires_at, state, ended_at, ended_why)"
    " VALUES (%(id)s, %(organization)s, %(type)s, %(subject)s, 'X-001', 1, %(action)s, %(content)s, %(sha)s,"
    " %(severity)s, %(needed)s, %(distinct)s, %(matrix)s, '', %(person)s, %(account)s, now(), %(expires)s, %(state)s,"
    " NULL, '')"
)
# What a request made now is bound to, in an organization without a policy of its own.
RULES = {"matrix_version": VERSION, "policy_version": 0, "quorum_version": 0}
GRANT = "UPDATE approvals_request SET state = 'granted', ended_at = now()"


def vote(request, who, **other):
    return {
        "id": uuid7(),
        "organization": who.organization_id,
        "request": request.pk,
        "person": who.person_id,
        "account": who.account_id,
        "verdict": "approve",
        "reason": "Looked at it myself.",
        "sha": request.content_sha256,
        "authenticated": clock.now(),
        "department": "Security",
        "matrix": VERSION,
        "at": clock.now(),
        **other,
    }


def asked(thing, who, **other):
    action = other.get("action", "finding.close")
    about = {"type": TYPE, "id": str(thing.id), "cycle": 1, "severity": thing.severity}
    content = json.dumps({"action": action, "subject": about, "rules": RULES, "content": {}}).encode()
    return {
        "id": uuid7(),
        "organization": who.organization_id,
        "type": TYPE,
        "subject": thing.id,
        "action": action,
        "content": content,
        "sha": sha256_hex(other.get("content", content)),
        "severity": "medium",
        "needed": 1,
        "distinct": False,
        "matrix": VERSION,
        "person": who.person_id,
        "account": who.account_id,
        "expires": clock.now() + timedelta(days=14),
        "state": "open",
        **other,
    }


def run(statement, parameters=None):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def refused(statement, parameters=()):
    state, message = refusal_of(statement, parameters)
    return state, message.split("]")[0].lstrip("[")


def test_the_suite_runs_as_the_apps_role(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, session_user")
        assert cursor.fetchone() == ("clearhold_app", "clearhold_app")


def test_a_raw_vote_that_breaks_no_rule_counts_and_leaves_its_hand(people, thing):
    request = thing.ask(people.maya)
    run(VOTE, vote(request, people.arun))
    run(GRANT)
    assert Request.objects.get().state == "granted"
    assert Hand.objects.get().duty == "approver"
    with connection.cursor() as cursor:
        cursor.execute("SELECT approvals_granted(%s, %s, 1, 'finding.close')", [TYPE, thing.id])
        assert cursor.fetchone() == (True,)
        cursor.execute("SELECT approvals_granted_content(%s, %s, 1, 'finding.close')->>'title'", [TYPE, thing.id])
        assert cursor.fetchone() == (thing.content["title"],)


@pytest.mark.rule("S-01", by="database")
def test_self_approval(people, thing):
    give(people.arun.organization_id, people.arun.person_id, "manager")
    request = thing.ask(people.arun)
    assert refused(VOTE, vote(request, people.arun)) == ("CH003", "S-01")


def test_approval_through_a_second_account_of_the_requester(people, thing):
    request = thing.ask(people.arun)
    second = Account.objects.create_account(
        "second@lumenroll.example", None, person=Person.objects.get(pk=people.arun.person_id)
    )
    assert refused(VOTE, vote(request, people.arun, account=second.pk)) == ("CH003", "S-01")


@pytest.mark.rule("A-04", by="database")
def test_approval_with_the_account_of_another_person(people, thing):
    request = thing.ask(people.maya)
    assert refused(VOTE, vote(request, people.arun, account=people.ines.account_id)) == ("CH004", "A-04")
    assert refused(VOTE, vote(request, people.arun, person=people.alba.person_id)) == ("CH004", "A-04")


def test_an_account_does_not_change_hands(people, thing):
    thing.ask(people.maya)
    move = "UPDATE accounts_account SET person_id = %s WHERE id = %s"
    assert refused(move, [people.arun.person_id, people.maya.account_id])[0] == "CH001"


def test_approval_by_an_account_that_was_switched_off(people, thing):
    request = thing.ask(people.maya)
    Account.objects.filter(pk=people.arun.account_id).update(is_active=False)
    assert refused(VOTE, vote(request, people.arun)) == ("CH004", "A-04")


@pytest.mark.parametrize(
    ("duty", "rule"), [("owner", "S-03"), ("implementer", "S-05"), ("uploader", "S-07"), ("verifier", "S-08")]
)
def test_approval_by_any_earlier_hand(people, thing, duty, rule):
    sod.take_duty(duty, actor=people.arun, **thing.on())
    request = thing.ask(people.maya)
    assert refused(VOTE, vote(request, people.arun)) == ("CH003", rule)
    assert refused(VOTE, vote(request, people.arun, verdict="reject")) == ("CH003", rule)


def about_a_request(thing, who, severity):
    """A request whose subject is a row of a table with a severity: another request."""
    thing.severity = severity
    subject = thing.ask(who, "finding.defer").pk
    about = {"type": "approvals.request", "id": str(subject), "cycle": 1, "severity": severity}
    rules = queries.rules_in_force(who.organization_id)
    content = json.dumps({"action": "finding.close", "subject": about, "rules": rules, "content": {}}).encode()
    row = asked(thing, who, content=content, severity=severity, needed=2, distinct=True)
    run(ASK, row | {"type": "approvals.request", "subject": subject})
    services.withdraw(subject, actor=who)
    return Request.objects.get(subject_id=subject)


@pytest.mark.parametrize("severity", ["low", "medium", "high", "critical"])
def test_a_finder_approves_only_medium_and_low_and_only_by_policy(org, people, thing, severity):
    request = about_a_request(thing, people.maya, severity)
    sod.take_duty("finder", actor=people.arun, **on(request))
    assert refused(VOTE, vote(request, people.arun)) == ("CH003", "S-10")
    in_force(org, people, sod={"allow": ["S-10"]})
    thing.id = uuid7()
    request = about_a_request(thing, people.maya, severity)
    sod.take_duty("finder", actor=people.arun, **on(request))
    if severity in ("high", "critical"):
        assert refused(VOTE, vote(request, people.arun)) == ("CH003", "S-10")
    else:
        run(VOTE, vote(request, people.arun))


@pytest.mark.rule("A-08", by="database")
def test_a_request_and_a_vote_under_rules_that_were_replaced(org, people, thing):
    request = thing.ask(people.maya)
    in_force(org, people, sod={"forbid": ["S-37"]})
    request.refresh_from_db()
    assert request.state == "void" and "The rules changed by CR-001" in request.ended_why
    assert refused(ASK, asked(thing, people.maya)) == ("CH004", "A-08")


def on(request):
    return {"subject_type": request.subject_type, "subject_id": request.subject_id, "cycle": 1}


def test_a_preparer_may_not_approve_the_package(people, thing):
    sod.take_duty("preparer", actor=people.arun, **thing.on())
    request = thing.ask(people.maya, "package.seal")
    assert refused(VOTE, vote(request, people.arun)) == ("CH003", "S-38")


@pytest.mark.rule("A-07", by="database")
def test_approval_without_a_deciding_role_or_after_it_ended(people, thing):
    request = thing.ask(people.maya)
    assert refused(VOTE, vote(request, people.ivan, department="Engineering")) == ("CH004", "A-07")
    assert refused(VOTE, vote(request, people.edda, department="Executive")) == ("CH004", "A-07")
    Membership.objects.filter(person_id=people.arun.person_id).update(ended_at=clock.now())
    assert refused(VOTE, vote(request, people.arun)) == ("CH004", "A-07")


def test_a_vote_cannot_lie_about_its_department(people, thing):
    assert refused(VOTE, vote(thing.ask(people.maya), people.arun, department="Finance")) == ("CH004", "A-07")


@pytest.mark.rule("A-03", by="database")
def test_a_vote_on_other_content(people, thing):
    assert refused(VOTE, vote(thing.ask(people.maya), people.arun, sha="0" * 64)) == ("CH004", "A-03")


@pytest.mark.rule("A-05", by="database")
@pytest.mark.parametrize("field", ["authenticated", "at"])
@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_vote_without_a_fresh_proof_or_with_a_false_time(people, thing, field, minutes):
    row = vote(thing.ask(people.maya), people.arun, **{field: clock.now() + timedelta(minutes=minutes)})
    assert refused(VOTE, row) == ("CH004", "A-05")


@pytest.mark.rule("A-06", "A-08", by="database")
@pytest.mark.parametrize(
    ("change", "rule"),
    [({"reason": "ok"}, "A-06"), ({"reason": "x" * 40}, "A-06"), ({"verdict": "abstain"}, "A-06"),
     ({"matrix": 0}, "A-08")],
    ids=["no reason", "one long word", "abstain", "old rules"],
)  # fmt: skip
def test_a_malformed_vote(people, thing, change, rule):
    assert refused(VOTE, vote(thing.ask(people.maya), people.arun, **change)) == ("CH004", rule)


@pytest.mark.rule("A-01", by="database")
def test_a_vote_on_nothing(people, thing):
    assert refused(VOTE, vote(thing.ask(people.maya), people.arun) | {"request": uuid7()}) == ("CH004", "A-01")


@pytest.mark.parametrize("field", ["person", "account", "authenticated", "at", "sha", "verdict", "reason"])
def test_a_vote_with_a_hole(people, thing, field):
    state, _ = refused(VOTE, vote(thing.ask(people.maya), people.arun, **{field: None}))
    assert state in ("CH003", "CH004", "23502")
    assert not Decision.objects.exists()


def test_a_second_vote_of_one_person(people, thing):
    thing.severity = "high"
    request = thing.ask(people.maya)
    run(VOTE, vote(request, people.arun))
    assert refused(VOTE, vote(request, people.arun))[0] == "23505"


@pytest.mark.rule("A-02", by="database")
def test_a_vote_on_a_request_that_ended(people, thing):
    request = thing.ask(people.maya)
    services.withdraw(request.pk, actor=people.maya)
    assert refused(VOTE, vote(request, people.arun)) == ("CH002", "A-02")


@pytest.mark.rule("A-09", by="database")
def test_a_vote_after_time_ran_out(people, thing):
    run(ASK, asked(thing, people.maya, expires=clock.now() - timedelta(seconds=1)))
    request = Request.objects.get()
    assert refused(VOTE, vote(request, people.arun)) == ("CH002", "A-09")


@pytest.mark.rule("A-11", by="database")
def test_a_request_inserted_as_already_granted(people, thing):
    assert refused(ASK, asked(thing, people.maya, state="granted")) == ("CH004", "A-11")


@pytest.mark.rule("A-13", "A-14", "A-15", by="database")
@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"severity": "critical", "needed": 1}, "A-13"),
        ({"severity": "critical", "needed": 2, "distinct": False}, "A-13"),
        ({"severity": "high", "needed": 1}, "A-13"),
        ({"severity": "", "needed": 1}, "A-13"),
        ({"needed": 0}, "A-13"),
        ({"sha": "0" * 64}, "A-15"),
        ({"content": b"no json"}, "A-15"),
        ({"action": "finding.bless"}, "A-14"),
        ({"subject": uuid7()}, "A-15"),
        ({"matrix": 7}, "A-08"),
        ({"expires": clock.now() + timedelta(days=15)}, "A-13"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_a_request_that_asks_for_less_than_the_policy_or_about_something_else(people, thing, change, rule):
    assert refused(ASK, asked(thing, people.maya, **change)) == ("CH004", rule)


def test_a_request_in_the_name_of_another(people, thing):
    assert refused(ASK, asked(thing, people.maya, account=people.ines.account_id)) == ("CH004", "A-04")


def test_a_request_about_a_milder_severity_than_its_subject_has(people, thing):
    thing.severity = "high"
    subject = thing.ask(people.maya)
    content = {
        "action": "finding.close",
        "subject": {"type": "approvals.request", "id": str(subject.pk), "cycle": 1},
        "rules": RULES,
        "content": {},
    }
    row = asked(thing, people.maya, content=json.dumps(content).encode())
    row |= {"type": "approvals.request", "subject": subject.pk, "severity": "low"}
    assert refused(ASK, row) == ("CH004", "A-13")


@pytest.mark.rule("A-10", by="database")
def test_a_grant_without_its_quorum(people, thing):
    thing.severity = "critical"
    request = thing.ask(people.maya)
    assert refused(GRANT) == ("CH002", "A-10")
    run(VOTE, vote(request, people.arun))
    assert refused(GRANT) == ("CH002", "A-10")
    run(VOTE, vote(request, people.alba, department="Finance", verdict="reject"))
    assert refused(GRANT) == ("CH002", "A-10")


def test_a_refusal_without_a_rejection(people, thing):
    thing.ask(people.maya)
    assert refused("UPDATE approvals_request SET state = 'refused'") == ("CH002", "A-10")


@pytest.mark.parametrize("state", ["open", "granted", "void"])
def test_an_ended_request_does_not_come_back(people, thing, state):
    services.withdraw(thing.ask(people.maya).pk, actor=people.maya)
    assert refused("UPDATE approvals_request SET state = %s", [state]) == ("CH002", "A-02")


@pytest.mark.rule("A-12", by="database")
@pytest.mark.parametrize(
    "change",
    ["content = '\\x00'", "content_sha256 = repeat('0', 64)", "needed = 0", "severity = 'low'", "cycle = 2",
     "requested_by_id = gen_random_uuid()", "expires_at = now() + interval '1 year'"],
)  # fmt: skip
def test_what_a_request_is_about_never_changes(people, thing, change):
    thing.ask(people.maya)
    assert refused(f"UPDATE approvals_request SET {change}")[0] in ("42501", "CH001")


@pytest.mark.parametrize(
    "statement",
    ["UPDATE approvals_decision SET verdict = 'approve'", "DELETE FROM approvals_decision", "TRUNCATE approvals_decision",
     "DELETE FROM approvals_request", "TRUNCATE approvals_request CASCADE", "DELETE FROM approvals_nudge",
     "UPDATE approvals_action SET duty = 'finder'", "DELETE FROM sod_rule",
     "ALTER TABLE approvals_decision DISABLE TRIGGER ALL", "DROP TRIGGER approvals_decision_refuse ON approvals_decision",
     "CREATE TEMP TABLE sod_hand (id uuid)", "SET session_replication_role = replica"],
)  # fmt: skip
def test_decisions_cannot_be_edited_deleted_or_unguarded(people, thing, statement):
    run(VOTE, vote(thing.ask(people.maya), people.arun))
    assert refused(statement)[0] in ("42501", "CH001")


def test_whoever_approved_cannot_lay_another_hand(people, thing):
    run(VOTE, vote(thing.ask(people.maya), people.arun))
    lay = (
        "INSERT INTO sod_hand (id, organization_id, subject_type, subject_id, cycle, person_id, account_id, duty, about,"
        " at) VALUES (%s, %s, %s, %s, 1, %s, %s, 'uploader', '', now())"
    )
    who = people.arun
    row = [uuid7(), who.organization_id, TYPE, thing.id, who.person_id, who.account_id]
    assert refused(lay, row) == ("CH003", "S-07")


def test_a_vote_into_another_organization(people, thing, other_org):
    from evidence import tenancy

    request = thing.ask(people.maya)
    with tenancy.entered(other_org.pk):
        assert refused(VOTE, vote(request, people.arun, organization=other_org.pk))[0] in ("CH004", "42501")
        assert refused(VOTE, vote(request, people.arun))[0] in ("CH004", "42501")
