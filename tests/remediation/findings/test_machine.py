"""Any order of acts by anybody leaves a finding where a small model says it is; what the model refuses is refused."""

import io
from collections import Counter
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from evidence import clock, tenancy
from evidence.artifacts import services as artifacts
from evidence.errors import Refused
from evidence.intake import services as intake
from evidence.ledger.models import Event
from evidence.organizations.models import Organization
from remediation.approvals import services as approvals
from remediation.approvals.models import Decision, Request
from remediation.findings import services as findings
from remediation.findings.models import Finding
from remediation.findings.states import State
from remediation.findings.transitions import legal_pairs
from remediation.risk import services as risk
from remediation.sod.models import Hand
from remediation.tasks import checklist
from remediation.tasks import services as tasks
from remediation.tasks.models import Task
from tests.people import hire

ALL_YES = dict.fromkeys(checklist.KEYS, "yes")
WORKERS = ("maya", "ines", "ivan")
ANYONE = st.sampled_from(["maya", "ines", "ivan", "vera", "arun", "alba", "edda"])
NEEDED = {"critical": 2, "high": 2, "medium": 1, "low": 1}
REACHED: Counter[str] = Counter()
WHY = "It holds as it is described."


class Life(RuleBasedStateMachine):
    """One finding, everybody's hands on it, and a model of its state, who holds what and who decided."""

    def __init__(self) -> None:
        super().__init__()
        self.block = transaction.atomic()
        self.block.__enter__()
        organization = Organization.objects.create(slug="machine", name="Machine")
        self.tenancy = tenancy.entered(organization.pk)
        self.tenancy.__enter__()
        self.people = hire(organization)
        self.severity = "medium"
        self.finding = None
        self.state = None
        self.seen: list[tuple[str, str]] = []

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.tenancy.__exit__(None, None, None)
        self.block.__exit__(None, None, None)

    def actor(self, name):
        return getattr(self.people, name)

    def attempt(self, act):
        """Do it; True when it was done, False when it was refused, and then nothing at all was written."""
        before = (Event.objects.count(), Hand.objects.count(), Decision.objects.count(), self.now())
        try:
            with transaction.atomic():
                act()
        except Refused:
            assert (Event.objects.count(), Hand.objects.count(), Decision.objects.count(), self.now()) == before
            return False
        self.seen.append((before[3], self.now()))
        self.state = self.now()
        return True

    def now(self):
        return Finding.objects.values_list("state", flat=True).get(pk=self.finding) if self.finding else None

    def row(self):
        return Finding.objects.get(pk=self.finding)

    @precondition(lambda self: self.finding is None)
    @rule(who=st.sampled_from(["maya", "ines", "ivan"]), severity=st.sampled_from(["critical", "high", "medium"]))
    def report(self, who, severity):
        self.severity = severity
        self.finding = findings.report(
            actor=self.actor(who), title="Leavers keep logins", source="internal", asset="CRM", severity=severity,
            detected_at=clock.now() - timedelta(days=1), criteria=["CC6.2"],
        ).pk  # fmt: skip
        self.state = State.REPORTED

    @precondition(lambda self: self.finding)
    @rule(who=ANYONE, owner=st.sampled_from(["maya", "vera"]), assignee=st.sampled_from(["ines", "ivan"]))
    def triage(self, who, owner, assignee):
        was = self.state
        done = self.attempt(lambda: findings.triage(
            self.finding, actor=self.actor(who), severity=self.severity, rationale="Student data.",
            owner_id=self.actor(owner).person_id, assignee_id=self.actor(assignee).person_id, duplicates_searched=True,
        ))  # fmt: skip
        assert done == (was == State.REPORTED and who == "maya")

    @precondition(lambda self: self.state == State.TRIAGED)
    @rule(who=ANYONE)
    def analyse(self, who):
        row = self.row()
        done = self.attempt(lambda: findings.analyse(
            self.finding, actor=self.actor(who), root_cause_class="process", root_cause="r", scope_check="s"))  # fmt: skip
        if done:
            assert self.actor(who).person_id in (row.owner_id, row.assignee_id)

    @precondition(lambda self: self.state == State.ANALYSED)
    @rule(who=st.sampled_from(WORKERS))
    def plan(self, who):
        def act():
            row = self.row()
            tasks.draft_plan(self.finding, actor=self.actor(who), text="t", success_test="s")
            if row.assignee_id is None:
                findings.reassign(self.finding, actor=self.actor(who), assignee_id=self.people.ines.person_id)
            tasks.add(self.finding, actor=self.actor(who), title="T", due_on=row.current_due_at.date() - timedelta(days=1),
                      assignee_id=self.row().assignee_id)  # fmt: skip
            tasks.submit_plan(self.finding, actor=self.actor(who))

        done = self.attempt(act)
        assert not done or who == "maya"
        if done:
            expected = State.PLANNED if self.severity in ("critical", "high") else State.IN_REMEDIATION
            assert self.state == expected

    @precondition(lambda self: self.state == State.IN_REMEDIATION)
    @rule(uploader=st.sampled_from(["ines", "ivan", "maya"]))
    def work(self, uploader):
        def act():
            for task in Task.objects.filter(finding_id=self.finding, cycle=self.row().cycle).exclude(state="done"):
                worker = next(one for one in (self.people.ines, self.people.ivan) if one.person_id == task.assignee_id)
                tasks.start(task.pk, actor=worker)
                received = intake.take(
                    io.BytesIO(b"a,b\n1,2\n"),
                    filename="a.csv",
                    organization_id=worker.organization_id,
                    limit_bytes=10**6,
                )
                artifact = artifacts.add(received, title="A", kind="report", actor=self.actor(uploader))
                tasks.attach_evidence(artifact.pk, actor=self.actor(uploader), task_id=task.pk)
                tasks.submit(task.pk, actor=worker)
                tasks.accept(task.pk, actor=self.people.maya)

        self.attempt(act)

    @precondition(lambda self: self.state == State.IN_REMEDIATION)
    @rule(who=ANYONE)
    def ready(self, who):
        self.attempt(lambda: tasks.ready(self.finding, actor=self.actor(who)))

    @precondition(lambda self: self.finding)
    @rule(who=ANYONE, returns=st.booleans())
    def judge(self, who, returns):
        was, cycle = self.state, self.row().cycle
        hands = set(
            Hand.objects.filter(person_id=self.actor(who).person_id, cycle=cycle).values_list("duty", flat=True)
        )
        if returns:
            done = self.attempt(lambda: tasks.return_to_work(self.finding, actor=self.actor(who), reason="Not yet."))
        else:
            done = self.attempt(
                lambda: tasks.verify(self.finding, actor=self.actor(who), test_result="Fine", answers=ALL_YES)
            )
        independent = not hands & {"owner", "implementer", "uploader", "approver", "acceptor", "finder"}
        assert done == (was == State.READY_FOR_VERIFICATION and who == "vera" and independent)

    @precondition(lambda self: self.finding)
    @rule(who=ANYONE)
    def ask_closure(self, who):
        was = self.state
        done = self.attempt(lambda: tasks.request_closure(self.finding, actor=self.actor(who), design_only=True))
        assert not done or (was == State.VERIFIED and who == "maya")

    @precondition(lambda self: self.finding)
    @rule(who=ANYONE, verdict=st.sampled_from(["approve", "approve", "approve", "reject"]))
    def decide(self, who, verdict):
        request = Request.objects.filter(subject_id=self.finding, state="open").order_by("requested_at").first()
        if request is None:
            return
        hands = set(Hand.objects.filter(
            person_id=self.actor(who).person_id, cycle=request.cycle).values_list("duty", flat=True))  # fmt: skip
        done = self.attempt(lambda: approvals.decide(request.pk, verdict=verdict, reason=WHY, actor=self.actor(who)))
        if done:
            assert request.requested_by_id != self.actor(who).person_id
            assert not hands & {"owner", "implementer", "uploader", "verifier", "finder"}

    @precondition(lambda self: self.state in (State.TRIAGED, State.ANALYSED, State.IN_REMEDIATION))
    @rule(who=ANYONE, days=st.sampled_from([30, 999]))
    def ask_acceptance(self, who, days):
        done = self.attempt(lambda: risk.ask_acceptance(
            self.finding, actor=self.actor(who), reason="r", residual_risk="r", compensating="c",
            expires_on=clock.today() + timedelta(days=days)))  # fmt: skip
        assert not done or (who == "maya" and days == 30)

    @precondition(lambda self: self.state == State.RISK_ACCEPTED)
    @rule()
    def end_acceptance(self):
        self.attempt(lambda: risk.end_acceptance(self.finding, actor=self.people.edda, reason="Over."))

    @precondition(lambda self: self.state in (State.CLOSED, State.REJECTED))
    @rule(who=ANYONE)
    def reopen(self, who):
        before = self.row().cycle
        if self.attempt(lambda: findings.reopen(self.finding, actor=self.actor(who), reason="Again.")):
            assert self.row().cycle == before + 1
            assert self.state == State.TRIAGED

    @precondition(lambda self: self.state in (State.REPORTED, State.TRIAGED))
    @rule()
    def propose_rejection(self):
        self.attempt(lambda: findings.propose_rejection(
            self.finding, actor=self.people.maya, kind="out_of_scope", reason="r", proof="p"))  # fmt: skip

    @precondition(lambda self: self.state == State.TRIAGED)
    @rule()
    def out_of_scope_with_approval(self):
        self.propose_rejection()
        self.everybody_approves()

    @precondition(lambda self: self.state in (State.TRIAGED, State.ANALYSED, State.IN_REMEDIATION))
    @rule()
    def accepted_with_approval(self):
        self.ask_acceptance("maya", 30)
        self.everybody_approves()

    def everybody_approves(self):
        for who in ("edda", "arun", "alba"):
            self.decide(who, "approve")

    @precondition(lambda self: self.finding)
    @rule()
    def onward(self):
        """The ordinary next step by the right person, so that lives get far before somebody interferes."""
        row, people = self.row(), self.people
        assignee = next((one for one in (people.ines, people.ivan) if one.person_id == row.assignee_id), people.ines)
        steps = {
            State.REPORTED: lambda: self.triage("maya", "maya", "ines"),
            State.TRIAGED: lambda: self.analyse("maya" if row.owner_id == people.maya.person_id else "vera"),
            State.ANALYSED: lambda: self.plan("maya"),
            State.PLANNED: lambda: [self.decide(who, "approve") for who in ("arun", "alba")],
            State.IN_REMEDIATION: lambda: [
                self.work("ines"),
                self.attempt(lambda: tasks.ready(self.finding, actor=assignee)),
            ],
            State.READY_FOR_VERIFICATION: lambda: self.judge("vera", False),
            State.VERIFIED: lambda: [
                self.ask_closure("maya"),
                self.decide("arun", "approve"),
                self.decide("alba", "approve"),
            ],
        }
        if self.state in steps:
            steps[self.state]()

    @precondition(lambda self: self.finding)
    @rule()
    def onward_to_the_end(self):
        for _ in State:
            self.onward()

    @invariant()
    def moves_are_of_the_table(self):
        steps = {(State(a), State(b)) for a, b in self.seen if a and b and a != b}
        # A plan that needs no approval opens the work in the same act.
        REACHED.update(target for _, target in steps)
        assert steps <= legal_pairs() | {(State.ANALYSED, State.IN_REMEDIATION)}

    @invariant()
    def closed_means_approved_by_enough_uninvolved_people(self):
        if self.state != State.CLOSED:
            return
        row = self.row()
        request = Request.objects.get(subject_id=row.pk, action="finding.close", cycle=row.cycle, state="granted")
        votes = Decision.objects.filter(request=request, verdict="approve")
        assert votes.values("person_id").distinct().count() >= NEEDED[row.severity]
        for vote in votes:
            held = Hand.objects.filter(person_id=vote.person_id, cycle=row.cycle).values_list("duty", flat=True)
            assert not set(held) & {"owner", "implementer", "uploader", "verifier"}
        verifiers = Hand.objects.filter(cycle=row.cycle, duty="verifier").values_list("person_id", flat=True)
        worked = Hand.objects.filter(cycle=row.cycle, duty__in=["implementer", "uploader", "owner"])
        assert verifiers and not set(verifiers) & set(worked.values_list("person_id", flat=True))

    @invariant()
    def what_is_accepted_or_waiting_is_still_open(self):
        if self.state and self.state not in (State.CLOSED, State.REJECTED):
            from remediation.findings import queries

            assert queries.totals(self.people.maya.organization_id).open == 1


def run(examples: int, steps: int) -> None:
    run_state_machine_as_test(
        Life,
        settings=hypothesis_settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, print_blob=True, database=None,
            suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate, Phase.shrink],
        ),
    )  # fmt: skip


@pytest.fixture
def store(settings, tmp_path):
    settings.CLEARHOLD_BLOBS_DIR = tmp_path / "blobs"
    settings.CLEARHOLD_KEYS_DIR = tmp_path / "keys"


def test_a_few_lives_follow_the_model(db, store):
    run(examples=8, steps=25)


@pytest.mark.slow
def test_many_lives_follow_the_model(db, store):
    run(examples=50, steps=40)
    far = {State.CLOSED, State.REJECTED, State.RISK_ACCEPTED, State.VERIFIED}
    assert far <= set(REACHED), REACHED
