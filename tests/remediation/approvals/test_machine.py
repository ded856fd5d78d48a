"""Random lives of one item, against a small model of the rules; the database judges each vote a second time.

The model knows only the nine words of PRACTICE.md's matrix, not our code: what both refuse must be the same.
"""

from itertools import count

import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from evidence.errors import DutyConflict, NotAllowed, WrongState
from remediation.approvals import services as approvals
from remediation.approvals.models import Decision, Request
from remediation.sod import services as sod
from remediation.sod.models import Hand
from tests.remediation.approvals.test_raw_sql import VOTE, vote
from tests.remediation.subjects import Thing, registered

pytestmark = pytest.mark.slow
ACTORS = ("maya", "ines", "vera", "arun", "alba")
APPROVERS = {"arun": "Security", "alba": "Finance"}
DUTIES = ("finder", "owner", "implementer", "uploader", "verifier")
# Who did one of these may not do the other on the same cycle, while the policy allows no exception.
NEVER = {
    frozenset(pair.split())
    for pair in (
        "finder verifier", "finder approver", "owner verifier", "owner approver", "implementer verifier",
        "implementer approver", "uploader verifier", "uploader approver", "verifier approver",
    )
}  # fmt: skip
NEEDED = {"low": 1, "medium": 1, "high": 2, "critical": 2}


class Life(RuleBasedStateMachine):
    people = None

    def __init__(self):
        super().__init__()
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        self.thing = Thing(content={"title": "One", "revision": 0})
        registered(self.thing, "finding.close")
        self.hands = {name: set() for name in ACTORS}
        self.request, self.requester, self.votes, self.asked_revision = None, "", {}, 0
        self.revisions = count(1)

    def teardown(self):
        transaction.set_rollback(True)
        self.transaction.__exit__(None, None, None)

    def who(self, name):
        return getattr(self.people, name)

    def forbids(self, name, wanted):
        return any(frozenset({held, wanted}) in NEVER for held in self.hands[name] if held != wanted)

    @rule(name=st.sampled_from(ACTORS), duty=st.sampled_from(DUTIES))
    def take(self, name, duty):
        def act():
            with transaction.atomic():
                sod.take_duty(duty, actor=self.who(name), **self.thing.on())

        if self.forbids(name, duty):
            with pytest.raises(DutyConflict):
                act()
        else:
            act()
            self.hands[name].add(duty)

    @precondition(lambda self: self.request is None)
    @rule(name=st.sampled_from(ACTORS), severity=st.sampled_from(sorted(NEEDED)))
    def ask(self, name, severity):
        self.thing.severity = severity
        self.request = self.thing.ask(self.who(name))
        self.requester, self.votes = name, {}
        self.asked_revision = self.thing.content["revision"]
        assert self.request.needed == NEEDED[severity]

    @rule()
    def change(self):
        self.thing.content = {**self.thing.content, "revision": next(self.revisions)}

    @precondition(lambda self: self.request is not None)
    @rule()
    def withdraw(self):
        approvals.withdraw(self.request.pk, actor=self.who(self.requester))
        self.request = None

    @precondition(lambda self: self.request is not None)
    @rule(name=st.sampled_from(ACTORS), approve=st.booleans())
    def decide(self, name, approve):
        verdict = "approve" if approve else "reject"
        is_changed = self.thing.content["revision"] != self.asked_revision
        refusal = self._refusal(name)
        assert self._database_accepts(name, verdict) == (refusal is None)
        if is_changed and refusal in (None, DutyConflict):
            with pytest.raises(approvals.ContentChanged):
                self._decide(name, verdict)
            self.request = None
            return
        if refusal is not None:
            with pytest.raises(refusal):
                self._decide(name, verdict)
            return
        outcome = self._decide(name, verdict)
        self.votes[name] = verdict
        self.hands[name].add("approver")
        approvals_given = [voter for voter, given in self.votes.items() if given == "approve"]
        if not approve:
            assert outcome.request.state == "refused"
        elif len(approvals_given) >= self.request.needed:
            assert outcome.request.state == "granted"
        else:
            assert outcome.request.state == "open"
            return
        self.request = None

    def _decide(self, name, verdict):
        return approvals.decide(self.request.pk, verdict=verdict, reason="Looked at it myself.", actor=self.who(name))

    def _refusal(self, name):
        if name not in APPROVERS:
            return NotAllowed
        if name in self.votes:
            return WrongState
        return DutyConflict if name == self.requester or self.forbids(name, "approver") else None

    def _database_accepts(self, name, verdict):
        row = vote(self.request, self.who(name), verdict=verdict, department=APPROVERS.get(name, ""))
        try:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute(VOTE, row)
                transaction.set_rollback(True)
        except DatabaseError:
            return False
        return True

    @invariant()
    def no_decision_meets_a_hand_that_forbids_it(self):
        names = {self.who(name).person_id: name for name in ACTORS}
        for person, duty in Hand.objects.values_list("person_id", "duty"):
            assert duty in self.hands[names[person]]
        for decision in Decision.objects.select_related("request"):
            assert decision.person_id != decision.request.requested_by_id
            assert not self.forbids(names[decision.person_id], "approver")

    @invariant()
    def a_grant_has_its_quorum(self):
        for granted in Request.objects.filter(state="granted").prefetch_related("decisions"):
            votes = list(granted.decisions.all())
            assert all(one.verdict == "approve" for one in votes)
            assert len({one.person_id for one in votes}) >= granted.needed
            if granted.distinct_departments:
                assert len({one.department for one in votes}) >= granted.needed


def test_random_lives_follow_the_model(people):
    Life.people = people
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
