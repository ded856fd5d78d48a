"""Accepted and deferred findings: asked with an end, decided by authority, still open, ended by the clock."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError

from evidence import clock
from evidence.actors import Actor
from evidence.errors import DutyConflict, Invalid, NotAllowed, Refused
from remediation.approvals import services as approvals
from remediation.approvals.models import Request
from remediation.findings import queries as finding_queries
from remediation.findings import services as findings
from remediation.findings.states import State
from remediation.risk import services as risk
from remediation.risk.models import Acceptance, Deferral
from tests.remediation.story import WHY


def ask(story, days=30, actor=None, **given):
    return risk.ask_acceptance(
        story.finding.pk,
        actor=actor or story.people.maya,
        expires_on=clock.today() + timedelta(days=days),
        **{
            "reason": "The vendor ships in spring.", "residual_risk": "One admin could read.",
            "compensating": "Daily review.", **given,
        },
    )  # fmt: skip


def accept(story):
    approvals.decide(story.request("risk.accept").pk, verdict="approve", reason=WHY, actor=story.people.edda)
    return story.again()


@pytest.mark.parametrize(("severity", "days"), [("critical", 90), ("high", 180), ("medium", 365), ("low", 365)])
def test_an_acceptance_ends_within_its_limit(story, severity, days):
    story.severity = severity
    story.until("triaged")
    with pytest.raises(Invalid) as refusal:
        ask(story, days + 1)
    assert "expires_on" in refusal.value.fields
    ask(story, days)
    assert story.again().finding.state == State.RISK_ACCEPTANCE_PENDING


def test_an_accepted_risk_is_still_open(story, people):
    story.until("triaged")
    ask(story)
    accept(story)
    assert story.finding.state == State.RISK_ACCEPTED
    assert Acceptance.objects.get().state == "active"
    assert finding_queries.totals(story.finding.organization_id).open == 1
    assert finding_queries.count(people.maya, finding_queries.views(people.maya)["open"]).number == 1


def test_the_assignee_does_not_ask(story, people):
    story.until("triaged", assignee_id=people.maya.person_id)
    with pytest.raises(NotAllowed):
        ask(story)


def test_who_asked_cannot_accept(story, people, monkeypatch):
    story.until("triaged")
    ask(story)
    request = story.request("risk.accept")
    monkeypatch.setattr(Actor, "may", lambda self, permission, obj=None: True)
    with pytest.raises((DutyConflict, NotAllowed)):
        approvals.decide(request.pk, verdict="approve", reason=WHY, actor=people.maya)


def test_a_refusal_brings_the_finding_back_to_where_it_was(story, people):
    story.until("analysed")
    ask(story)
    approvals.decide(story.request("risk.accept").pk, verdict="reject", reason=WHY, actor=people.edda)
    assert story.again().finding.state == State.ANALYSED
    assert Acceptance.objects.get().state == "refused"


def test_a_withdrawal_brings_it_back_too(story, people):
    story.until("analysed")
    ask(story)
    approvals.withdraw(story.request("risk.accept").pk, actor=people.maya, reason="Not needed any more")
    assert story.again().finding.state == State.ANALYSED


def test_the_clock_ends_an_acceptance(story, org):
    story.until("triaged")
    ask(story, 10)
    accept(story)
    system = Actor.system(org.pk, "expiry")
    assert risk.expire_due(actor=system).acceptances == 0
    with clock.at(clock.now() + timedelta(days=11)):
        assert risk.expire_due(actor=system).acceptances == 1
        assert risk.expire_due(actor=system).acceptances == 0
    assert story.again().finding.state == State.TRIAGED
    assert Acceptance.objects.get().state == "expired"


def test_a_rise_of_severity_ends_an_acceptance(story, people):
    story.until("triaged")
    ask(story)
    accept(story)
    findings.change_severity(story.finding.pk, actor=people.maya, severity="high", rationale="It is worse.")
    assert story.again().finding.state == State.TRIAGED
    ask(story)
    assert story.again().finding.state == State.RISK_ACCEPTANCE_PENDING


def test_the_acceptor_ends_it_any_time(story, people):
    story.until("triaged")
    ask(story)
    accept(story)
    risk.end_acceptance(story.finding.pk, actor=people.edda, reason="The review stopped.")
    assert story.again().finding.state == State.TRIAGED


def test_after_two_renewals_authority_goes_one_level_up(story, people):
    story.until("triaged")
    for number in range(4):
        ask(story)
        assert story.request("risk.accept").severity == ("high" if number == 3 else "medium")
        if number < 3:
            accept(story)
            risk.end_acceptance(story.finding.pk, actor=people.edda, reason="To be renewed.")


def test_a_deferral_needs_a_later_date_and_a_check_in_with_the_vendor(story, people):
    story.until("triaged")
    due = story.finding.current_due_at.date()
    with pytest.raises(Invalid) as refusal:
        risk.ask_deferral(story.finding.pk, actor=people.maya, reason="Waiting", new_due_on=due, vendor="Okta")
    assert set(refusal.value.fields) == {"new_due_on", "check_in_on"}
    risk.ask_deferral(
        story.finding.pk, actor=people.maya, reason="Waiting", new_due_on=due + timedelta(days=30), vendor="Okta",
        check_in_on=clock.today() + timedelta(days=30),
    )  # fmt: skip
    original = story.again().finding.due_at
    story.grant("finding.defer")
    assert story.finding.state == State.DEFERRED
    assert story.finding.current_due_at.date() == due + timedelta(days=30)
    assert story.finding.due_at == original


def test_a_deferral_is_asked_before_the_date(story, people):
    story.until("triaged")
    with clock.at(story.finding.current_due_at + timedelta(seconds=1)), pytest.raises(Refused, match="before the date"):
        risk.ask_deferral(
            story.finding.pk, actor=people.maya, reason="Late",
            new_due_on=story.finding.current_due_at.date() + timedelta(days=60),
        )  # fmt: skip


def test_a_deferred_finding_comes_back_where_it_was(story, people, org):
    story.until("analysed")
    day = story.finding.current_due_at.date() + timedelta(days=30)
    risk.ask_deferral(story.finding.pk, actor=people.maya, reason="Waiting", new_due_on=day)
    story.grant("finding.defer")
    with clock.at(story.finding.current_due_at):
        assert risk.expire_due(actor=Actor.system(org.pk, "expiry")).deferrals == 1
    assert story.again().finding.state == State.ANALYSED
    assert Deferral.objects.get().state == "ended"


def test_raw_sql_cannot_accept_a_risk_or_move_its_end(story, people):
    story.until("triaged")
    ask(story)
    with connection.cursor() as cursor:
        for sql in (
            "UPDATE risk_acceptance SET state = 'active'",
            "UPDATE risk_acceptance SET expires_on = expires_on + 400",
            "UPDATE findings_finding SET state = 'risk_accepted', version = version + 1, state_since = now()",
        ):
            with pytest.raises(DatabaseError, match=r"\[[KF]-"), transaction.atomic():
                cursor.execute(sql)
    assert Request.objects.get(action="risk.accept").state == "open"
