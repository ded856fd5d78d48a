"""The exception of a small team: who may ask for and decide it, what it lets through, and where that stands."""

from dataclasses import replace
from datetime import timedelta

import pytest

from evidence import clock
from evidence.errors import DutyConflict, Invalid, WrongState
from evidence.identifiers import uuid7
from evidence.organizations.policies import DEFAULTS
from remediation.approvals import queries as approvals
from remediation.approvals import services as requests
from remediation.approvals.models import Request
from remediation.policies import services
from remediation.policies.guards import WAIVER_ACTION
from remediation.policies.models import Proposal
from remediation.sod import queries as sod_queries
from remediation.sod import services as sod
from remediation.sod.models import Waiver, WaiverUse
from tests.people import join
from tests.remediation.approvals.test_raw_sql import VOTE, run, vote
from tests.remediation.policy import WHY, decide, excepted, in_force, request_of
from tests.remediation.subjects import refusal_of

INSERT = (
    "INSERT INTO sod_waiver (id, organization_id, ref, number, person_id, rules, reason, reviewer, starts_at, ends_at,"
    " request_id, ended_why) VALUES (%(id)s, %(organization)s, 'EX-900', 900, %(person)s, %(rules)s, %(reason)s,"
    " %(reviewer)s, %(starts)s, %(ends)s, %(request)s, '')"
)
REVIEWER = "Nadia Brook, Brook Advisory"


def ask(people, who, rules=("S-07",), *, by=None, **other):
    given = {"rules": rules, "reviewer": REVIEWER, "days": 30, "reason": WHY, **other}
    return services.ask_exception(person_id=who.person_id, actor=by or people.maya, **given)


def row(people, request=None, **other):
    now = clock.now()
    return {
        "id": uuid7(), "organization": people.maya.organization_id, "person": people.arun.person_id, "rules": ["S-07"],
        "reason": WHY, "reviewer": REVIEWER, "starts": now, "ends": now + timedelta(days=30),
        "request": request.pk if request else uuid7(), **other,
    }  # fmt: skip


def refused(values):
    state, message = refusal_of(INSERT, values)
    return state, message.split("]")[0].lstrip("[")


def granted_by_raw_sql(people, *, by=None, department="Executive", carrier=None, asker=None):
    asker = asker or people.maya
    proposal = Proposal.objects.create(
        organization_id=asker.organization_id, ref="EX-900", number=900, kind="waiver", body={}, reason=WHY,
        proposed_by_id=asker.person_id,
    )  # fmt: skip
    content = {"person": str((carrier or people.arun).person_id), "rules": ["S-07"], "reviewer": REVIEWER, "days": 30,
               "reason": WHY}  # fmt: skip
    request = requests.request(
        WAIVER_ACTION, subject_type=services.SUBJECT, subject_id=proposal.pk, subject_ref="EX-900", cycle=1,
        content=content, severity="critical", actor=asker,
    )  # fmt: skip
    run(VOTE, vote(request, by or people.edda, department=department))
    run("UPDATE approvals_request SET state = 'granted', ended_at = now() WHERE id = %s", [request.pk])
    return request


def test_an_exception_carries_one_person_through_one_rule_and_every_use_is_kept(org, people, thing):
    sod.take_duty("uploader", actor=people.arun, **thing.on())
    sod.take_duty("verifier", actor=people.alba, **thing.on())
    request = thing.ask(people.maya)
    with pytest.raises(DutyConflict):
        requests.decide(request.pk, verdict="approve", reason=WHY, actor=people.arun)
    excepted(people, people.arun, "S-07")
    assert requests.decide(request.pk, verdict="approve", reason=WHY, actor=people.arun).is_granted
    use = WaiverUse.objects.get()
    assert (use.waiver.ref, use.rule, use.duty, use.person_id) == ("EX-001", "S-07", "approver", people.arun.person_id)
    # Of two rules that forbid, it lets through the one it names.
    assert sod_queries.conflicts(people.alba.person_id, "approver", **thing.on())[0].rule == "S-08"


def test_an_exception_ends_by_its_date_and_with_the_small_team(org, people, thing):
    sod.take_duty("uploader", actor=people.arun, **thing.on())
    request = thing.ask(people.maya)
    excepted(people, people.arun, "S-07")
    free = [one.person_id for one in approvals.who_may(request) if not one.conflicts]
    assert people.arun.person_id in free
    join(org, "Aiko Third", "approver", "Security")
    assert sod_queries.conflicts(people.arun.person_id, "approver", **thing.on())[0].rule == "S-07"
    blocked = [one for one in approvals.who_may(request) if one.person_id == people.arun.person_id]
    assert blocked[0].conflicts[0].rule == "S-07"
    assert refusal_of(VOTE, vote(request, people.arun))[1].startswith("[S-07]")


def test_an_exception_that_was_ended_carries_nothing(org, people, thing):
    sod.take_duty("uploader", actor=people.arun, **thing.on())
    excepted(people, people.arun, "S-07")
    waiver = Waiver.objects.get()
    services.end_exception(waiver.pk, actor=people.edda, reason="A third approver joined.")
    request = thing.ask(people.maya)
    assert refusal_of(VOTE, vote(request, people.arun))[1].startswith("[S-07]")
    with pytest.raises(WrongState, match="ended already"):
        services.end_exception(waiver.pk, actor=people.edda, reason="A third approver joined.")


@pytest.mark.rule("W-01", by="python")
@pytest.mark.parametrize("days", [0, 91])
def test_an_exception_without_a_near_end(org, people, days):
    with pytest.raises(Invalid) as refusal:
        ask(people, people.arun, days=days)
    assert refusal.value.rule == "W-01"


@pytest.mark.rule("W-01", by="database")
def test_an_exception_without_a_near_end_by_raw_sql(org, people):
    now = clock.now()
    request = granted_by_raw_sql(people)
    for change in (
        {"ends": now + timedelta(days=91)}, {"ends": now - timedelta(days=1)}, {"starts": now - timedelta(days=2)},
        {"starts": now + timedelta(days=2)},
    ):  # fmt: skip
        assert refused(row(people, request, **change)) == ("CH004", "W-01")


@pytest.mark.rule("W-02", by="python")
@pytest.mark.rule("W-02", by="database")
@pytest.mark.parametrize("number", ["S-01", "S-17", "S-22", "S-29", "S-31", "S-40", "S-45", "A-05", "Q-01"])
def test_no_exception_from_the_rules_that_keep_the_judges_honest(org, people, number):
    with pytest.raises(Invalid) as refusal:
        ask(people, people.arun, [number])
    assert refusal.value.rule == "W-02"
    assert refused(row(people, granted_by_raw_sql(people), rules=[number])) == ("CH004", "W-02")


@pytest.mark.rule("W-03", by="python")
@pytest.mark.rule("W-03", by="database")
def test_no_exception_while_three_people_could_do_it(org, people):
    request = granted_by_raw_sql(people)
    for name in ("Aiko Third", "Bela Fourth"):
        join(org, name, "approver", "Security")
    join(org, "Karl Uploader", "engineer", "Engineering")
    with pytest.raises(WrongState) as refusal:
        ask(people, people.arun)
    assert refusal.value.rule == "W-03"
    assert refused(row(people, request)) == ("CH002", "W-03")


@pytest.mark.rule("W-04", by="python")
def test_an_exception_that_nobody_granted_does_not_begin(org, people):
    proposal = ask(people, people.arun)
    with pytest.raises(WrongState) as refusal:
        services.begin(request_of(proposal), people.edda)
    assert refusal.value.rule == "W-04"
    assert not Waiver.objects.exists()


@pytest.mark.rule("W-04", by="database")
def test_an_exception_without_its_request_or_beyond_it(org, people):
    assert refused(row(people)) == ("CH002", "W-04")
    assert refused(row(people, request_of(ask(people, people.arun)))) == ("CH002", "W-04")
    request = granted_by_raw_sql(people)
    for change in ({"person": people.alba.person_id}, {"rules": ["S-08"]}, {"reviewer": "Somebody else"},
                   {"ends": clock.now() + timedelta(days=31)}):  # fmt: skip
        assert refused(row(people, request, **change)) == ("CH002", "W-04")
    run(INSERT, row(people, request))


@pytest.mark.rule("W-05", by="python")
@pytest.mark.rule("W-05", by="database")
@pytest.mark.parametrize("change", [{"reviewer": ""}, {"reason": "Because."}], ids=["reviewer", "reason"])
def test_an_exception_says_why_and_who_looks_at_it(org, people, change):
    with pytest.raises(Invalid) as refusal:
        ask(people, people.arun, **change)
    assert refusal.value.rule == "W-05"
    assert refused(row(people, granted_by_raw_sql(people), **change)) == ("CH004", "W-05")


@pytest.mark.rule("W-06", by="python")
def test_whoever_would_carry_it_neither_asks_nor_decides(org, people):
    with pytest.raises(DutyConflict) as refusal:
        ask(people, people.maya, ["S-03"])
    assert refusal.value.rule == "W-06"
    proposal = ask(people, people.edda, ["S-12"])
    with pytest.raises(DutyConflict) as refusal:
        decide(proposal, people.edda)
    assert refusal.value.rule == "S-48"


@pytest.mark.rule("W-06", by="database")
def test_an_exception_that_its_carrier_granted(org, people):
    request = granted_by_raw_sql(people, carrier=people.edda)
    assert refused(row(people, request, person=people.edda.person_id)) == ("CH003", "W-06")


@pytest.mark.rule("W-07", by="python")
@pytest.mark.rule("W-07", by="database")
def test_an_exception_is_ended_once_and_never_changed(org, people):
    excepted(people, people.arun, "S-07")
    waiver = Waiver.objects.get()
    services.end_exception(waiver.pk, actor=people.maya, reason="A third approver joined.")
    assert refusal_of("UPDATE sod_waiver SET ended_at = NULL")[1].startswith("[W-07]")
    assert refusal_of("UPDATE sod_waiver SET ends_at = now()")[0] == "42501"
    assert refusal_of("DELETE FROM sod_waiver")[0] in ("CH001", "42501")
    assert refusal_of("DELETE FROM sod_waiveruse")[0] in ("CH001", "42501")


def test_a_quorum_below_the_products_needs_an_exception_and_lasts_as_long(org, people, thing):
    body = {**DEFAULTS["quorum"], "closure": {**DEFAULTS["quorum"]["closure"],
            "high": {"needed": 1, "distinct_departments": False}}}  # fmt: skip
    excepted(people, None, "Q-03")
    in_force(org, people, quorum=body)
    thing.severity = "high"
    assert thing.ask(people.maya).needed == 1
    waiver = Waiver.objects.get()
    services.end_exception(waiver.pk, actor=people.maya, reason="The year is over.")
    assert thing.ask(people.maya, "finding.defer").needed == 1
    Request.objects.filter(action="finding.close").update(state="withdrawn")
    assert thing.ask(people.maya).needed == 2


def test_only_an_executive_decides_on_an_exception(org, people):
    proposal = ask(people, people.vera, ["S-09"])
    from evidence.errors import NotAllowed

    with pytest.raises(NotAllowed):
        decide(proposal, people.arun)
    assert decide(proposal, replace(people.edda)).is_granted
