"""Two accounts of one person, in the database: what a link joins, what it refuses, and what it forbids afterwards."""

import pytest
from django.db import connection, transaction

from evidence.identifiers import uuid7
from portal.accounts.models import Membership, PersonLink, SamePerson
from remediation.approvals import services as approvals
from remediation.findings import services as findings
from remediation.sod import queries as sod_queries
from remediation.sod import services as sod
from tests.people import actor, join
from tests.remediation.approvals.test_raw_sql import VOTE, vote
from tests.remediation.story import Story
from tests.remediation.subjects import refusal_of

LINK = (
    "INSERT INTO accounts_personlink (id, organization_id, person_id, same_as_id, evidence, reason, made_by_id,"
    " confirmed_by_id, confirmed_as, at) VALUES (%(id)s, %(organization)s, %(person)s, %(same_as)s, %(evidence)s,"
    " %(reason)s, %(made_by)s, %(confirmed_by)s, %(confirmed_as)s, now())"
)


def link(people, one, other, **more):
    return {
        "id": uuid7(),
        "organization": people.adam.organization_id,
        "person": one.person_id,
        "same_as": other.person_id,
        "evidence": ["name"],
        "reason": "Both are hers, she says.",
        "made_by": people.adam.person_id,
        "confirmed_by": other.person_id,
        "confirmed_as": "person",
        **more,
    }


def run(statement, parameters=None):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def rule_of(statement, parameters=()):
    state, message = refusal_of(statement, parameters)
    return state, message.split("]")[0].lstrip("[")


def same(someone):
    return sod_queries.same_people(someone.person_id)


@pytest.fixture
def nina(org, people):
    """Ines again, through another account."""
    return actor(org, join(org, "Ines Duarte", "approver", "Finance", email="nina@lumenroll.example"))


def test_nobody_is_anybody_else_before_a_link(people, nina):
    assert same(people.ines) == {people.ines.person_id}
    assert SamePerson.objects.count() == 0


def test_a_link_holds_both_ways_and_through_others(org, people, nina):
    third = actor(org, join(org, "Third", "engineer", "Engineering"))
    run(LINK, link(people, people.ines, nina))
    run(LINK, link(people, nina, third))
    group = {people.ines.person_id, nina.person_id, third.person_id}
    for one in (people.ines, nina, third):
        assert same(one) == group
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT accounts_first_of(p) FROM unnest(%s::uuid[]) AS p", [list(group)])
        assert cursor.fetchall() == [(min(group),)]
        cursor.execute("SELECT accounts_is_same(%s, %s)", [people.ines.person_id, third.person_id])
        assert cursor.fetchone() == (True,)
    assert set(sod_queries.voices().values()) == {min(group)}


def test_a_link_of_one_organization_says_nothing_to_another(org, other_org, people, nina):
    from evidence import tenancy

    run(LINK, link(people, people.ines, nina))
    with tenancy.entered(other_org.pk):
        assert same(people.ines) == {people.ines.person_id}
        assert PersonLink.objects.count() == 0


def test_after_a_link_the_hands_of_both_count_together(people, nina, thing):
    request = thing.ask(people.maya)
    sod.take_duty("implementer", actor=people.ines, **thing.on())
    assert [held.duty for held in sod_queries.held_by(nina.person_id, **thing.on())] == []
    run(LINK, link(people, people.ines, nina))
    assert [held.duty for held in sod_queries.held_by(nina.person_id, **thing.on())] == ["implementer"]
    assert rule_of(VOTE, vote(request, nina, department="Finance")) == ("CH003", "S-05")


def test_after_a_link_who_asked_through_one_account_does_not_decide_through_the_other(people, nina, thing):
    request = thing.ask(people.ines)
    run(LINK, link(people, people.ines, nina))
    assert rule_of(VOTE, vote(request, nina, department="Finance")) == ("CH003", "S-01")


@pytest.mark.rule("I-09", by="database")
def test_after_a_link_the_second_account_has_no_second_voice(org, people, nina, thing):
    thing.severity = "high"
    request = thing.ask(people.maya)
    run(LINK, link(people, people.arun, nina, confirmed_by=people.arun.person_id))
    run(VOTE, vote(request, people.arun))
    assert rule_of(VOTE, vote(request, nina, department="Finance")) == ("CH003", "I-09")


@pytest.mark.rule("I-01", "I-03", "I-04", "I-07", "I-08", by="database")
@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda p, n: {"same_as": p.ines.person_id}, "I-01"),
        (lambda p, n: {"same_as": uuid7()}, "I-08"),
        (lambda p, n: {"reason": "too short"}, "I-03"),
        (lambda p, n: {"evidence": []}, "I-03"),
        (lambda p, n: {"confirmed_by": p.adam.person_id, "confirmed_as": "administrator"}, "I-04"),
        (lambda p, n: {"confirmed_by": p.maya.person_id, "confirmed_as": "administrator"}, "I-04"),
        (lambda p, n: {"confirmed_by": p.maya.person_id, "confirmed_as": "executive"}, "I-04"),
        (lambda p, n: {"confirmed_by": p.maya.person_id}, "I-04"),
        (lambda p, n: {"made_by": p.maya.person_id}, "I-04"),
        (lambda p, n: {"same_as": p.otto.person_id, "confirmed_by": p.otto.person_id}, "I-07"),
    ],
)
def test_a_link_that_is_refused(people, nina, change, rule):
    assert rule_of(LINK, link(people, people.ines, nina, **change(people, nina)))[1] == rule
    assert not PersonLink.objects.exists() and not SamePerson.objects.exists()


@pytest.mark.rule("I-10", by="database")
def test_a_pair_is_linked_once_whichever_way_round(people, nina):
    run(LINK, link(people, people.ines, nina))
    assert rule_of(LINK, link(people, nina, people.ines))[1] == "I-10"


def test_a_link_is_kept_for_ever(people, nina):
    run(LINK, link(people, people.ines, nina))
    for table in ("accounts_personlink", "accounts_sameperson"):
        for statement in (f"UPDATE {table} SET organization_id = organization_id", f"DELETE FROM {table}"):
            state, _ = refusal_of(statement)
            assert state in ("CH001", "42501"), statement
    made_up = "INSERT INTO accounts_sameperson (id, organization_id, person_id, other_id) VALUES (%s, %s, %s, %s)"
    state, _ = refusal_of(made_up, [uuid7(), people.adam.organization_id, people.maya.person_id, nina.person_id])
    assert state == "42501"


@pytest.mark.rule("I-05", by="database")
def test_a_link_that_would_hide_who_worked_and_approved_is_refused(people, nina, thing):
    request = thing.ask(people.maya)
    sod.take_duty("implementer", actor=people.ines, **thing.on())
    run(VOTE, vote(request, nina, department="Finance"))
    state, message = refusal_of(LINK, link(people, people.ines, nina))
    assert state == "CH003"
    assert message.startswith("[I-05] together they broke rule S-05 on tests.thing")
    assert not SamePerson.objects.exists()


def test_a_link_of_who_asked_and_who_approved_is_refused(people, nina, thing):
    request = thing.ask(people.ines)
    run(VOTE, vote(request, nina, department="Finance"))
    _, message = refusal_of(LINK, link(people, people.ines, nina))
    assert message.startswith("[I-05] together they broke rule S-01")


def test_a_link_of_two_who_voted_on_one_request_is_refused(people, nina, thing):
    thing.severity = "high"
    request = thing.ask(people.maya)
    run(VOTE, vote(request, people.arun))
    run(VOTE, vote(request, nina, department="Finance"))
    _, message = refusal_of(LINK, link(people, people.arun, nina))
    assert message.startswith("[I-05] together they broke rule I-09")


@pytest.mark.rule("I-07", "I-12", by="database")
def test_a_role_that_may_not_meet_is_refused_to_the_second_account_too(org, people, nina):
    run(LINK, link(people, people.ines, nina))
    grant = (
        "INSERT INTO accounts_membership (id, organization_id, person_id, role, department, starts_at, granted_by_id)"
        " VALUES (%s, %s, %s, %s, '', now(), %s)"
    )
    adam = people.adam.person_id
    assert rule_of(grant, [uuid7(), org.pk, nina.person_id, "administrator", adam])[1] in ("I-07", "N-01")
    Membership.objects.filter(person_id=nina.person_id).update(ended_at="2026-01-01T00:00Z")
    assert rule_of(grant, [uuid7(), org.pk, nina.person_id, "administrator", adam]) == ("CH005", "I-07")
    assert rule_of(grant, [uuid7(), org.pk, nina.person_id, "reviewer", people.ines.person_id]) == ("CH005", "I-12")


@pytest.mark.rule("I-06", by="database")
def test_a_conflict_of_an_earlier_cycle_is_linked_by_an_executive_only(people, nina):
    story = Story(people).until("closure_asked")
    approvals.decide(story.request("finding.close").pk, verdict="approve", reason="The retest shows it.", actor=nina)
    findings.reopen(story.finding.pk, actor=people.vera, reason="Judged by one of those who did it.")
    assert rule_of(LINK, link(people, people.ines, nina)) == ("CH003", "I-06")
    edda = {"confirmed_by": people.edda.person_id, "confirmed_as": "executive"}
    run(LINK, link(people, people.ines, nina, **edda))


@pytest.mark.rule("I-11", by="database")
def test_a_claim_ends_once_and_as_linked_by_its_link_alone(people, nina):
    first, second = sorted((people.ines.person_id, nina.person_id))
    say = (
        "INSERT INTO accounts_identityclaim (id, organization_id, first_id, second_id, evidence, reason, made_by_id,"
        " made_at, state, ended_reason) VALUES (%s, %s, %s, %s, ARRAY['name'], 'One in the records.', %s, now(), %s, '')"
    )
    given = [uuid7(), people.adam.organization_id, first, second, people.adam.person_id]
    assert rule_of(say, [*given, "linked"]) == ("CH002", "I-11")
    run(say, [*given, "open"])
    assert rule_of("UPDATE accounts_identityclaim SET state = 'linked', ended_at = now()") == ("CH002", "I-11")
    run("UPDATE accounts_identityclaim SET state = 'dismissed', ended_reason = 'Two people they are.'")
    assert rule_of("UPDATE accounts_identityclaim SET state = 'open'") == ("CH002", "I-11")
    assert refusal_of("DELETE FROM accounts_identityclaim")[0] in ("CH001", "42501")
