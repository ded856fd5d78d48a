"""Sixteen at once, on real connections: two accounts of one person, giver and deputy, a link and a decision, a policy
edit and a decision. Exactly one outcome, and nobody waits for ever."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest
from django.db import DatabaseError, connections, transaction

from evidence import clock, tenancy
from evidence.errors import Refused
from evidence.organizations.models import Organization, Policy
from portal.accounts import linking
from portal.accounts.models import PersonLink
from remediation.approvals import services as approvals
from remediation.approvals.delegations import services as delegations
from remediation.approvals.emergencies import services as emergencies
from remediation.approvals.models import Decision, Request
from remediation.sod import services as sod
from tests.people import account_of, actor, hire, join
from tests.remediation.conftest import thing  # noqa: F401  a fixture

pytestmark = pytest.mark.slow
CLIENTS = 16


class Stage:
    def __init__(self, thing, severity: str = "medium") -> None:  # noqa: F811
        self.organization = Organization.objects.create(slug="racing", name="Racing")
        thing.severity = severity
        with self.inside():
            self.people = hire(self.organization)
            self.nina = actor(self.organization, join(self.organization, "Nina Twin", "approver", "Finance"))
            self.request = thing.ask(self.people.maya)

    def inside(self):
        return Inside(self.organization)

    def afresh(self, who):
        return actor(self.organization, account_of(who))

    def vote(self, who, delegation=None):
        def act():
            approvals.decide(
                self.request.pk, verdict="approve", reason="Looked at it myself.", actor=self.afresh(who),
                delegation_id=delegation,
            )  # fmt: skip

        return act

    def link(self, one, other):
        """A claim that stands, and the act that confirms it."""
        with self.inside():
            made = linking.claim(
                one.person_id, other.person_id, evidence=["name"], reason="One in payroll.", actor=self.people.adam
            )
        return lambda: linking.confirm(made.pk, actor=self.afresh(self.people.edda))

    def at_once(self, acts) -> list[str]:
        start = threading.Barrier(len(acts))

        def one(act):
            try:
                start.wait(60)
                with self.inside():
                    act()
                return "done"
            except Refused as refusal:
                return refusal.rule or type(refusal).__name__
            except DatabaseError as error:
                cause = error.__cause__
                assert not isinstance(cause, psycopg.errors.DeadlockDetected), "a deadlock"
                return str(cause).split("]")[0].lstrip("[")
            finally:
                connections.close_all()

        with ThreadPoolExecutor(len(acts)) as pool:
            return list(pool.map(one, acts))


class Inside:
    def __init__(self, organization) -> None:
        self.organization = organization

    def __enter__(self):
        self.atomic, self.entered = transaction.atomic(), tenancy.entered(self.organization.pk)
        self.atomic.__enter__()
        self.entered.__enter__()

    def __exit__(self, *exc):
        if exc[0] is None:
            self.entered.__exit__(None, None, None)
        self.atomic.__exit__(*exc)


def test_two_accounts_of_one_person_have_one_voice(own_database, thing):  # noqa: F811
    stage = Stage(thing, "high")
    confirm = stage.link(stage.people.arun, stage.nina)
    assert stage.at_once([confirm]) == ["done"]
    outcomes = stage.at_once([stage.vote(who) for who in (stage.people.arun, stage.nina)] * (CLIENTS // 2))
    assert outcomes.count("done") == 1
    with stage.inside():
        assert Decision.objects.count() == 1 and Request.objects.get().state == "open"


def test_giver_and_deputy_have_one_voice(own_database, thing):  # noqa: F811
    stage = Stage(thing, "high")
    with stage.inside():
        now = clock.now()
        terms = delegations.Terms("approver", now, now + timedelta(days=3))
        row = delegations.offer(
            deputy_id=stage.people.vera.person_id,
            terms=terms,
            reason="Leave in the mountains.",
            actor=stage.people.arun,
        )
        delegations.accept(row.pk, actor=stage.people.vera)
    acts = [stage.vote(stage.people.arun), stage.vote(stage.people.vera, row.pk)] * (CLIENTS // 2)
    assert stage.at_once(acts).count("done") == 1
    with stage.inside():
        assert Decision.objects.count() == 1


@pytest.mark.parametrize("attempt", range(3))
def test_a_link_and_a_decision_never_both_pass(own_database, thing, attempt):  # noqa: F811
    stage = Stage(thing)
    with stage.inside():
        sod.take_duty("implementer", actor=stage.people.ines, **thing.on())
    confirm = stage.link(stage.people.ines, stage.nina)
    outcomes = stage.at_once([stage.vote(stage.nina), confirm] * (CLIENTS // 2))
    assert outcomes.count("done") == 1
    with stage.inside():
        assert PersonLink.objects.count() + Decision.objects.count() == 1


@pytest.mark.parametrize("attempt", range(3))
def test_a_policy_edit_and_a_decision_leave_one_truth(own_database, thing, attempt):  # noqa: F811
    """A decision counts under the rules it was asked by, or not at all: the quorum of two is never met by one."""
    stage = Stage(thing)

    def edit():
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(1)")
        version = Policy.objects.filter(kind="quorum").count() + 1
        two = {
            severity: {"needed": 2, "distinct_departments": True} for severity in ("low", "medium", "high", "critical")
        }
        Policy.objects.create(
            organization=stage.organization, kind="quorum", version=version, body={"closure": two, "other": two},
            set_by_id=stage.people.adam.person_id,
        )  # fmt: skip

    outcomes = stage.at_once([stage.vote(who) for who in (stage.people.arun, stage.people.alba)] * 4 + [edit])
    with stage.inside():
        asked = Request.objects.get()
        assert Decision.objects.count() == outcomes[:-1].count("done") <= 1
        assert (asked.state == "granted") == (Decision.objects.count() == 1)


def test_nobody_decides_before_their_emergency_access_has_ended(own_database, thing):  # noqa: F811
    stage = Stage(thing)
    with stage.inside():
        arun = stage.people.arun
        row = emergencies.ask(
            role="engineer", hours=1, reason="The directory is locked.", ticket="INC-1", actor=stage.afresh(arun)
        )
        emergencies.activate(row.pk, actor=stage.afresh(stage.people.adam))
    acts = [stage.vote(arun), lambda: emergencies.end(row.pk, actor=stage.afresh(arun))] * (CLIENTS // 2)
    outcomes = stage.at_once(acts)
    with stage.inside():
        row.refresh_from_db()
        made = list(Decision.objects.all())
    assert row.ended_at is not None and len(made) == outcomes[::2].count("done") <= 1
    assert outcomes[1::2].count("done") == 1
    assert all(one.at >= row.ended_at for one in made)
