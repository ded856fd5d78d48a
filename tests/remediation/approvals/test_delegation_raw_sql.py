"""Delegations and decisions in another's place by raw SQL as the app's role: the database refuses by the same numbers."""

from datetime import timedelta

import pytest

from evidence import clock, tenancy
from evidence.identifiers import uuid7
from portal.accounts.models import Account, Membership, Person
from remediation.approvals.delegations import services as delegations
from remediation.approvals.models import Delegation, Request
from remediation.sod import services as sod
from remediation.sod.models import Hand
from tests.people import give
from tests.remediation.approvals.test_delegation import lend, terms
from tests.remediation.approvals.test_raw_sql import GRANT, refused, run, vote
from tests.remediation.policy import in_force

LEND = (
    "INSERT INTO approvals_delegation (id, organization_id, giver_id, given_through_id, deputy_id, duty, actions, scope,"
    " ceiling, engagement, items, names, starts_at, ends_at, reason, made_at, accepted_at, accepted_through_id,"
    " ended_at, ended_by_id, ended_why)"
    " VALUES (%(id)s, %(organization)s, %(giver)s, %(through)s, %(deputy)s, %(duty)s, %(actions)s, %(scope)s,"
    " %(ceiling)s, %(engagement)s, %(items)s, '', %(starts)s, %(ends)s, %(reason)s, %(made)s, %(accepted)s,"
    " %(accepted_through)s, NULL, NULL, '')"
)
FOR = (
    "INSERT INTO approvals_decision (id, organization_id, request_id, person_id, account_id, verdict, reason,"
    " content_sha256, authenticated_at, department, matrix_version, at, for_person_id, delegation_id)"
    " VALUES (%(id)s, %(organization)s, %(request)s, %(person)s, %(account)s, %(verdict)s, %(reason)s, %(sha)s,"
    " %(authenticated)s, %(department)s, %(matrix)s, %(at)s, %(for)s, %(delegation)s)"
)
ACCEPT = "UPDATE approvals_delegation SET accepted_at = %s, accepted_through_id = %s WHERE id = %s"


def loan(lender, bearer, **other):
    now = clock.now()
    return {
        "id": uuid7(),
        "organization": lender.organization_id,
        "giver": lender.person_id,
        "through": lender.account_id,
        "deputy": bearer.person_id,
        "duty": "approver",
        "actions": "[]",
        "scope": "all",
        "ceiling": "",
        "engagement": None,
        "items": "[]",
        "starts": now,
        "ends": now + timedelta(days=14),
        "reason": "Two weeks of leave.",
        "made": now,
        "accepted": None,
        "accepted_through": None,
        **other,
    }


def for_another(request, who, row, **other):
    return {**vote(request, who), "for": row.giver_id, "delegation": row.pk, **other}


def test_a_raw_delegation_and_its_raw_decision_count(people, thing):
    row = loan(people.arun, people.ivan)
    run(LEND, row)
    run(ACCEPT, [clock.now(), people.ivan.account_id, row["id"]])
    request = thing.ask(people.maya)
    run(FOR, for_another(request, people.ivan, Delegation.objects.get()))
    run(GRANT)
    assert Request.objects.get().state == "granted"
    assert set(Hand.objects.values_list("person_id", flat=True)) == {people.ivan.person_id, people.arun.person_id}


@pytest.mark.rule("D-01", by="database")
def test_through_the_account_of_another(people):
    assert refused(LEND, loan(people.arun, people.ivan, through=people.ivan.account_id)) == ("CH004", "D-01")
    Account.objects.filter(pk=people.arun.account_id).update(is_active=False)
    assert refused(LEND, loan(people.arun, people.ivan)) == ("CH004", "D-01")


@pytest.mark.rule("D-02", by="database")
def test_to_oneself_also_from_a_second_account(people):
    second = Account.objects.create_account(
        "arun.second@lumenroll.example", None, person=Person.objects.get(pk=people.arun.person_id)
    )
    for through in (people.arun.account_id, second.pk):
        assert refused(LEND, loan(people.arun, people.arun, through=through)) == ("CH003", "D-02")


@pytest.mark.rule("D-03", by="database")
def test_a_duty_that_is_not_the_givers(people):
    assert refused(LEND, loan(people.ines, people.ivan)) == ("CH004", "D-03")
    assert refused(LEND, loan(people.arun, people.ivan, duty="acceptor")) == ("CH004", "D-03")


@pytest.mark.rule("D-04", by="database")
def test_to_an_administrator_an_auditor_or_a_stranger(people):
    stranger = Person.objects.create(name="Sven")
    for person in (people.adam.person_id, people.otto.person_id, stranger.pk):
        assert refused(LEND, loan(people.arun, people.ivan, deputy=person)) == ("CH003", "D-04")


@pytest.mark.rule("D-05", by="database")
def test_a_chain(people):
    lend(people.arun, people.alba, accepted=False)
    assert refused(LEND, loan(people.alba, people.ivan)) == ("CH003", "D-05")
    give(people.vera.organization_id, people.vera.person_id, "approver")
    assert refused(LEND, loan(people.vera, people.arun)) == ("CH003", "D-05")


@pytest.mark.rule("D-06", by="database")
def test_a_loop(people):
    lend(people.arun, people.alba)
    assert refused(LEND, loan(people.alba, people.arun)) == ("CH003", "D-06")


@pytest.mark.rule("D-07", by="database")
def test_more_than_thirty_days_or_none(people):
    now = clock.now()
    for ends in (now + timedelta(days=30, minutes=1), now, now - timedelta(days=1)):
        assert refused(LEND, loan(people.arun, people.ivan, starts=now, ends=ends)) == ("CH004", "D-07")


@pytest.mark.rule("D-08", by="database")
def test_backdated(people):
    early = clock.now() - timedelta(hours=1)
    assert refused(LEND, loan(people.arun, people.ivan, starts=early)) == ("CH004", "D-08")
    assert refused(LEND, loan(people.arun, people.ivan, made=early)) == ("CH004", "D-08")


@pytest.mark.rule("D-09", by="database")
def test_without_a_reason(people):
    for reason in ("", "Leave.", "          ", "a b"):
        assert refused(LEND, loan(people.arun, people.ivan, reason=reason)) == ("CH004", "D-09")


@pytest.mark.parametrize(
    "other",
    [
        {"duty": "owner"}, {"actions": '["risk.accept"]'}, {"actions": '"all"'}, {"scope": "moon"},
        {"scope": "severity"}, {"scope": "engagement"}, {"scope": "items"},
    ],
    ids=lambda other: "-".join(other),
)  # fmt: skip
@pytest.mark.rule("D-10", by="database")
def test_terms_that_say_nothing(people, other):
    assert refused(LEND, loan(people.arun, people.ivan, **other)) == ("CH004", "D-10")


@pytest.mark.rule("D-11", by="database")
def test_accepted_by_anybody_else_or_from_the_start(people):
    born = loan(people.arun, people.ivan, accepted=clock.now(), accepted_through=people.ivan.account_id)
    assert refused(LEND, born) == ("CH002", "D-11")
    row = lend(people.arun, people.ivan, accepted=False)
    for account in (people.arun.account_id, people.adam.account_id, None):
        assert refused(ACCEPT, [clock.now(), account, row.pk]) == ("CH002", "D-11")
    early = clock.now() - timedelta(hours=1)
    assert refused(ACCEPT, [early, people.ivan.account_id, row.pk]) == ("CH002", "D-11")


@pytest.mark.parametrize(
    "change",
    ["duty = 'acceptor'", "ends_at = ends_at + interval '1 day'", "scope = 'severity'", "deputy_id = giver_id"],
)
def test_the_app_may_not_write_the_terms_at_all(people, change):
    lend(people.arun, people.ivan)
    assert refused(f"UPDATE approvals_delegation SET {change}")[0] == "42501"


@pytest.mark.rule("D-12", by="database")
def test_an_end_is_neither_undone_nor_backdated(people):
    row = lend(people.arun, people.ivan)
    early = "UPDATE approvals_delegation SET ended_at = now() - interval '1 day'"
    assert refused(early) == ("CH001", "D-12")
    delegations.end(row.pk, actor=people.arun)
    for undo in ("ended_at = NULL", "ended_why = 'other'", "ended_at = now()"):
        assert refused(f"UPDATE approvals_delegation SET {undo}") == ("CH001", "D-12")
    assert refused("DELETE FROM approvals_delegation")[0] in ("CH001", "42501")


@pytest.mark.rule("D-13", by="database")
def test_a_decision_before_acceptance(people, thing):
    row = lend(people.arun, people.ivan, accepted=False)
    assert refused(FOR, for_another(thing.ask(people.maya), people.ivan, row)) == ("CH002", "D-13")


@pytest.mark.rule("D-14", by="database")
def test_a_decision_outside_its_dates(people, thing):
    row = lend(people.arun, people.ivan, terms(start=clock.now() + timedelta(days=1)))
    assert refused(FOR, for_another(thing.ask(people.maya), people.ivan, row)) == ("CH002", "D-14")


@pytest.mark.rule("D-15", by="database")
def test_a_decision_after_its_end(people, thing):
    row = lend(people.arun, people.ivan)
    delegations.end(row.pk, actor=people.arun)
    assert refused(FOR, for_another(thing.ask(people.maya), people.ivan, row)) == ("CH002", "D-15")


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"actions": ("finding.reject",)}, id="another action"),
        pytest.param({"scope": "severity", "ceiling": "low"}, id="a lower severity"),
        pytest.param({"scope": "items", "items": ("0193a5b0-0000-7000-8000-000000000000",)}, id="another item"),
        pytest.param({"scope": "engagement", "engagement": "0193a5b0-0000-7000-8000-000000000000"}, id="another audit"),
    ],
)
@pytest.mark.rule("D-16", by="database")
def test_a_decision_out_of_scope(people, thing, other):
    row = lend(people.arun, people.ivan, terms(**other))
    assert refused(FOR, for_another(thing.ask(people.maya), people.ivan, row)) == ("CH004", "D-16")


@pytest.mark.rule("D-17", by="database")
def test_a_decision_under_no_or_anothers_delegation(people, thing):
    row = lend(people.arun, people.ivan)
    request = thing.ask(people.maya)
    for other in (
        {"delegation": None},
        {"for": None},
        {"delegation": uuid7()},
        {"for": people.alba.person_id},
        {"person": people.ines.person_id, "account": people.ines.account_id},
    ):
        assert refused(FOR, for_another(request, people.ivan, row, **other)) == ("CH004", "D-17"), other


@pytest.mark.parametrize(
    ("duty", "inner"), [("owner", "S-03"), ("implementer", "S-05"), ("uploader", "S-07"), ("verifier", "S-08")]
)
@pytest.mark.rule("D-18", by="database")
def test_a_decision_for_somebody_in_conflict(people, thing, duty, inner):
    row = lend(people.arun, people.ivan)
    sod.take_duty(duty, actor=people.arun, **thing.on())
    request = thing.ask(people.maya)
    assert refused(FOR, for_another(request, people.ivan, row)) == ("CH003", "D-18")


def test_a_decision_by_a_delegate_in_conflict(people, thing):
    row = lend(people.arun, people.ivan)
    sod.take_duty("implementer", actor=people.ivan, **thing.on())
    assert refused(FOR, for_another(thing.ask(people.maya), people.ivan, row)) == ("CH003", "S-05")


@pytest.mark.rule("D-19", by="database")
def test_a_second_vote_of_either(people, thing):
    thing.severity = "high"
    row = lend(people.arun, people.alba)
    request = thing.ask(people.maya)
    run(FOR, for_another(request, people.alba, row))
    own = {"for": None, "delegation": None}
    assert refused(FOR, for_another(request, people.arun, row, **own)) == ("CH003", "D-19")
    assert refused(FOR, for_another(request, people.alba, row, department="Finance", **own)) == ("CH003", "D-19")
    assert refused(FOR, for_another(request, people.alba, row)) == ("CH003", "D-19")
    assert refused(GRANT) == ("CH002", "A-10")


@pytest.mark.parametrize("who", ["arun", "ivan"])
@pytest.mark.rule("D-20", by="database")
def test_a_decision_after_one_lost_the_role(people, thing, who):
    row = lend(people.arun, people.ivan)
    Membership.objects.filter(person_id=getattr(people, who).person_id).update(ended_at=clock.now())
    assert refused(FOR, for_another(thing.ask(people.maya), people.ivan, row)) == ("CH004", "D-20")


def test_the_department_counted_is_the_delegators(people, thing):
    row = lend(people.arun, people.ivan)
    request = thing.ask(people.maya)
    assert refused(FOR, for_another(request, people.ivan, row, department="Engineering")) == ("CH004", "A-07")


def test_votes_under_a_policy_that_was_replaced_count_no_more(org, people, thing):
    request = thing.ask(people.maya)
    run(FOR, {**vote(request, people.arun), "for": None, "delegation": None})
    in_force(org, people, quorum={"votes_expire_days": 1})
    assert refused(f"{GRANT} WHERE id = %s", [request.pk]) == ("CH002", "A-02")


def test_another_organization_sees_no_delegation(people, other_org):
    lend(people.arun, people.ivan)
    with tenancy.entered(other_org.pk):
        assert not Delegation.objects.exists()
        assert refused(LEND, loan(people.arun, people.ivan)) == ("CH004", "D-03")
