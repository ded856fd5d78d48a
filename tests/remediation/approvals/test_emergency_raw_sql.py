"""Emergency access by raw SQL as the app's role: the database refuses what the B rules forbid."""

from datetime import timedelta

import pytest

from evidence import clock
from evidence.errors import NotAllowed
from evidence.identifiers import uuid7
from remediation.approvals import services as approvals
from remediation.approvals.delegations import services as delegations
from remediation.approvals.emergencies import services as emergencies
from remediation.approvals.models import Emergency
from tests.remediation.approvals.test_delegation_raw_sql import FOR, for_another
from tests.remediation.approvals.test_emergency import ask, away, running
from tests.remediation.approvals.test_raw_sql import VOTE, refused, run, vote

ASK = (
    "INSERT INTO approvals_emergency (id, organization_id, ref, number, person_id, account_id, role, reason, ticket, hours,"
    " asked_at, authenticated_at, activated_at, alarmed, ends_at, verdict, review, finding_ref)"
    " VALUES (%(id)s, %(organization)s, 'EM-900', 900, %(person)s, %(account)s, %(role)s, %(reason)s, %(ticket)s,"
    " %(hours)s, %(asked)s, %(proved)s, %(activated)s, '[]', %(ends)s, '', '', '')"
)
ACTIVATE = (
    "UPDATE approvals_emergency SET activated_at = %(at)s, activated_by_id = %(person)s, activated_through_id = %(account)s,"
    " activator_proved_at = %(proved)s, alarmed = %(alarmed)s, ends_at = %(ends)s, review_due_at = %(due)s"
)
REVIEW = (
    "UPDATE approvals_emergency SET reviewed_at = now(), reviewed_by_id = %s, reviewed_through_id = %s,"
    " verdict = 'fitting', review = %s"
)
WORDS = "It all looks fine."


def asking(who, **other):
    now = clock.now()
    return {
        "id": uuid7(),
        "organization": who.organization_id,
        "person": who.person_id,
        "account": who.account_id,
        "role": "administrator",
        "reason": "Everybody is locked out.",
        "ticket": "INC-1",
        "hours": 2,
        "asked": now,
        "proved": now,
        "activated": None,
        "ends": None,
        **other,
    }


def activation(who, **other):
    now = clock.now()
    return {
        "at": now,
        "person": who.person_id,
        "account": who.account_id,
        "proved": now,
        "alarmed": "[]",
        "ends": now + timedelta(hours=2),
        "due": now + timedelta(days=2),
        **other,
    }


def test_a_raw_asking_and_its_raw_activation_run(people):
    run(ASK, asking(people.ines))
    run(ACTIVATE, activation(people.edda))
    assert Emergency.objects.get().state == Emergency.State.RUNNING


@pytest.mark.rule("B-01", by="database")
def test_asking_for_another_or_without_a_fresh_proof(people):
    assert refused(ASK, asking(people.ines, account=people.ivan.account_id)) == ("CH004", "B-01")
    old = clock.now() - timedelta(minutes=6)
    assert refused(ASK, asking(people.ines, proved=old)) == ("CH004", "B-01")


@pytest.mark.rule("B-02", by="database")
def test_asking_without_words_or_ticket(people):
    assert refused(ASK, asking(people.ines, reason="Fire.")) == ("CH004", "B-02")
    assert refused(ASK, asking(people.ines, ticket=" ")) == ("CH004", "B-02")


@pytest.mark.rule("B-03", by="database")
def test_a_role_that_is_held_unknown_or_the_auditors(people):
    for role in ("engineer", "auditor", "king"):
        assert refused(ASK, asking(people.ines, role=role)) == ("CH004", "B-03")
    assert refused(ASK, asking(people.otto)) == ("CH004", "B-03")


@pytest.mark.rule("B-04", by="database")
def test_longer_than_asked_or_than_four_hours(people):
    assert refused(ASK, asking(people.ines, hours=5)) == ("CH004", "B-04")
    ask(people.ines)
    long = activation(people.edda, ends=clock.now() + timedelta(hours=3))
    assert refused(ACTIVATE, long) == ("CH004", "B-04")


@pytest.mark.rule("B-05", by="database")
def test_activated_by_somebody_who_may_not_or_without_a_proof(people):
    ask(people.ines)
    assert refused(ACTIVATE, activation(people.arun)) == ("CH003", "B-05")
    assert refused(ACTIVATE, activation(people.edda, account=people.adam.account_id)) == ("CH003", "B-05")
    old = clock.now() - timedelta(minutes=6)
    assert refused(ACTIVATE, activation(people.edda, proved=old)) == ("CH003", "B-05")
    assert refused(ACTIVATE, activation(people.edda, at=old)) == ("CH003", "B-05")


@pytest.mark.rule("B-06", by="database")
def test_activated_alone_while_others_are_here_or_without_an_alarm(people):
    ask(people.ines)
    both = f'["{people.edda.person_id}", "{people.adam.person_id}"]'
    assert refused(ACTIVATE, activation(people.ines, alarmed=both)) == ("CH003", "B-06")
    away(people.adam, people.edda, people.maya)
    for alarmed in ("[]", f'["{people.edda.person_id}"]', f'["{people.edda.person_id}", "{people.ines.person_id}"]'):
        assert refused(ACTIVATE, activation(people.ines, alarmed=alarmed)) == ("CH003", "B-06")
    run(ACTIVATE, activation(people.ines, alarmed=both))


@pytest.mark.rule("B-07", by="database")
def test_a_second_one_at_a_time(people):
    ask(people.ines)
    assert refused(ASK, asking(people.ines)) == ("CH002", "B-07")
    run(ACTIVATE, activation(people.edda))
    assert refused(ASK, asking(people.ines)) == ("CH002", "B-07")


@pytest.mark.rule("B-08", by="database")
def test_nothing_of_it_is_written_twice(people):
    running(people.ines, people.edda)
    for change in (
        "ends_at = ends_at + interval '1 hour'",
        "activated_by_id = person_id",
        "review_due_at = review_due_at + interval '9 days'",
        "ended_at = now() - interval '1 hour'",
    ):
        assert refused(f"UPDATE approvals_emergency SET {change}") == ("CH001", "B-08"), change
    emergencies.end(Emergency.objects.get().pk, actor=people.ines)
    assert refused("UPDATE approvals_emergency SET ended_at = NULL") == ("CH001", "B-08")
    assert refused("UPDATE approvals_emergency SET role = 'approver'")[0] == "42501"


@pytest.mark.rule("B-09", by="database")
def test_a_decision_meanwhile(people, thing):
    running(people.arun, people.edda)
    assert refused(VOTE, vote(thing.ask(people.maya), people.arun)) == ("CH003", "B-09")


@pytest.mark.rule("B-09", by="database")
def test_a_deputy_decides_for_nobody_whose_emergency_access_runs(people, thing):
    now = clock.now()
    terms = delegations.Terms("approver", now, now + timedelta(days=5))
    loan = delegations.offer(
        deputy_id=people.vera.person_id, terms=terms, reason="Leave in the mountains.", actor=people.arun
    )
    delegations.accept(loan.pk, actor=people.vera)
    request = thing.ask(people.maya)
    running(people.arun, people.edda)
    assert refused(FOR, for_another(request, people.vera, loan)) == ("CH003", "B-09")
    with pytest.raises(NotAllowed) as refusal:
        approvals.decide(
            request.pk, verdict="approve", reason="Looked at it myself.", actor=people.vera, delegation_id=loan.pk
        )
    assert refusal.value.rule == "B-09"


@pytest.mark.parametrize("duty", ["approver", "acceptor", "verifier", "preparer"])
@pytest.mark.rule("B-10", by="database")
def test_a_hand_of_judgement_meanwhile(people, thing, duty):
    running(people.ines, people.edda)
    lay = (
        "INSERT INTO sod_hand (id, organization_id, subject_type, subject_id, cycle, person_id, account_id, duty, about,"
        " at) VALUES (%s, %s, 'tests.thing', %s, 1, %s, %s, %s, '', now())"
    )
    row = [uuid7(), people.ines.organization_id, thing.id, people.ines.person_id, people.ines.account_id]
    assert refused(lay, [*row, duty]) == ("CH003", "B-10")
    run(lay, [*row, "uploader"])


@pytest.mark.rule("B-11", by="database")
def test_a_grant_or_an_invitation_meanwhile(people):
    running(people.adam, people.edda, role="manager")
    grant = (
        "INSERT INTO accounts_membership (id, organization_id, person_id, role, department, starts_at, granted_by_id)"
        " VALUES (%s, %s, %s, 'reviewer', '', now(), %s)"
    )
    row = [uuid7(), people.adam.organization_id, people.ivan.person_id, people.adam.person_id]
    assert refused(grant, row) == ("CH003", "B-11")
    invite = (
        "INSERT INTO accounts_invitation (id, organization_id, email, name, role, department, token_hash, invited_by_id,"
        " created_at, expires_at) VALUES (%s, %s, 'x@x.example', 'X', 'engineer', '', 'h', %s, now(), now())"
    )
    assert refused(invite, [uuid7(), people.adam.organization_id, people.adam.person_id]) == ("CH003", "B-11")


@pytest.mark.rule("B-12", by="database")
def test_the_release_of_a_hold_meanwhile(people):
    running(people.maya, people.edda)
    release = (
        "INSERT INTO retention_holdrelease (id, organization_id, hold_id, reason, person_id, at, authenticated_at)"
        " VALUES (%s, %s, %s, 'No longer needed here.', %s, now(), now())"
    )
    row = [uuid7(), people.maya.organization_id, uuid7(), people.maya.person_id]
    assert refused(release, row) == ("CH003", "B-12")


@pytest.mark.rule("B-13", by="database")
def test_a_review_by_the_user_the_activator_or_before_the_end(people):
    row = running(people.arun, people.maya)
    assert refused(REVIEW, [people.edda.person_id, people.edda.account_id, WORDS]) == ("CH003", "B-13")
    emergencies.end(row.pk, actor=people.arun)
    for who in (people.arun, people.maya, people.ines):
        assert refused(REVIEW, [who.person_id, who.account_id, WORDS]) == ("CH003", "B-13")
    assert refused(REVIEW, [people.edda.person_id, people.alba.account_id, WORDS]) == ("CH003", "B-13")
    assert refused(REVIEW, [people.edda.person_id, people.edda.account_id, "Fine."]) == ("CH003", "B-13")
    run(REVIEW, [people.edda.person_id, people.edda.account_id, WORDS])
    assert refused(REVIEW, [people.alba.person_id, people.alba.account_id, WORDS]) == ("CH003", "B-13")


@pytest.mark.rule("B-13", by="database")
def test_a_review_by_somebody_whose_own_emergency_access_runs(people):
    row = running(people.ines, people.maya)
    emergencies.end(row.pk, actor=people.ines)
    running(people.arun, people.maya)
    by_arun = REVIEW + " WHERE person_id = %s"
    given = [people.arun.person_id, people.arun.account_id, WORDS, people.ines.person_id]
    assert refused(by_arun, given) == ("CH003", "B-13")


@pytest.mark.rule("B-14", by="database")
def test_one_that_begins_activated_or_backdated(people):
    now = clock.now()
    assert refused(ASK, asking(people.ines, activated=now, ends=now)) == ("CH004", "B-14")
    assert refused(ASK, asking(people.ines, asked=now - timedelta(hours=1))) == ("CH004", "B-14")
    ask(people.ines)
    assert refused("UPDATE approvals_emergency SET ends_at = now() + interval '1 hour'") == ("CH004", "B-14")
