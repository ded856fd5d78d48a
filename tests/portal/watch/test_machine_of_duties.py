"""Random lives of one request, with all that changes who may decide, against a model written apart.

Delegations, identity links, changing roles, absences, emergency access and the exceptions of a small team. The model
(model_of_duties.py) knows nothing of the product's code. Each decision, link, emergency and exception is tried by raw
SQL as the app's role as well: refused exactly when the model says so. The page's own word is a third judge.
"""

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from evidence import clock
from evidence.errors import Refused
from evidence.identifiers import uuid7
from portal.accounts import linking, services
from portal.accounts.models import Membership
from remediation.approvals import queries as approvals_queries
from remediation.approvals import services as approvals
from remediation.approvals.absences import services as absences
from remediation.approvals.delegations import services as delegations
from remediation.approvals.emergencies import services as emergencies
from remediation.approvals.emergencies.bars import BARRED
from remediation.approvals.models import Emergency, Request
from remediation.policies import services as policies
from remediation.sod import services as sod
from remediation.sod.models import Waiver
from tests.people import account_of, actor, give, join
from tests.portal.accounts.test_links_in_raw_sql import LINK
from tests.portal.watch.model_of_duties import APPROVERS, DEPARTMENTS, DUTIES, NAMES, NEEDED, Cover, Model
from tests.remediation.approvals.test_emergency_raw_sql import ACTIVATE, ASK, REVIEW, WORDS, activation, asking
from tests.remediation.approvals.test_raw_sql import vote
from tests.remediation.policies.test_exceptions import INSERT as EXCEPT
from tests.remediation.policies.test_exceptions import REVIEWER, granted_by_raw_sql
from tests.remediation.policies.test_exceptions import row as waiver_row
from tests.remediation.policy import WHY, decide
from tests.remediation.subjects import Thing, registered

pytestmark = pytest.mark.slow
VOTE = (
    "INSERT INTO approvals_decision (id, organization_id, request_id, person_id, account_id, verdict, reason,"
    " content_sha256, authenticated_at, department, matrix_version, at, for_person_id, delegation_id)"
    " VALUES (%(id)s, %(organization)s, %(request)s, %(person)s, %(account)s, %(verdict)s, %(reason)s, %(sha)s,"
    " %(authenticated)s, %(department)s, %(matrix)s, %(at)s, %(for_person)s, %(delegation)s)"
)
GRANT = (
    "INSERT INTO accounts_membership (id, organization_id, person_id, role, department, starts_at, granted_by_id)"
    " VALUES (%s, %s, %s, 'executive', '', now(), %s)"
)
EXCEPTED = ("S-04", "S-05", "S-07", "S-08", "S-10")


class Life(RuleBasedStateMachine):
    organization = None
    people = None

    def __init__(self) -> None:
        super().__init__()
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        self.thing = Thing()
        registered(self.thing, "finding.close")
        self.model = Model()
        self.row = None
        self.absences = {}

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.transaction.__exit__(None, None, None)

    def person(self, name):
        return self.people[name].person_id

    def who(self, name):
        """Afresh each time, as a request makes it: roles, and the emergency access that runs for this person."""
        found = actor(self.organization, account_of(self.people[name]))
        cover = self.model.own_cover(name)
        if cover is None:
            return found
        found.rights.emergency_role, found.rights.emergency_ends_at = cover.role, cover.row.ends_at
        return replace(found, emergency=cover.row.pk, barred=BARRED)

    # --- the item and its request ------------------------------------------------------------------------------------

    @rule(name=st.sampled_from(NAMES), duty=st.sampled_from(DUTIES))
    def take(self, name, duty):
        allowed = self.model.may_take(name, duty)
        assert accepted(lambda: sod.take_duty(duty, actor=self.who(name), **self.thing.on())) == allowed, (name, duty)
        if allowed:
            self.model.hands[name].add(duty)

    @precondition(lambda self: self.model.open is None)
    @rule(name=st.sampled_from(NAMES), severity=st.sampled_from(sorted(NEEDED)))
    def ask(self, name, severity):
        self.thing.severity = severity
        self.row = self.thing.ask(self.who(name))
        request = {"asker": name, "needed": NEEDED[severity], "voices": [], "state": "open"}
        self.model.requests.append(request)

    @precondition(lambda self: self.model.open is not None)
    @rule()
    def withdraw(self):
        approvals.withdraw(self.row.pk, actor=self.who(self.model.open["asker"]))
        self.model.open["state"] = "withdrawn"

    @precondition(lambda self: self.model.open is not None)
    @rule(name=st.sampled_from(NAMES), approve=st.booleans())
    def decide(self, name, approve):
        position = approvals_queries.position(self.row, self.who(name))
        assert position.still_needed == self.model.open["needed"] - len(self.model.open["voices"])
        assert position.may or not self.model.may_decide(name, None), position.sentences
        self._decide(name, approve, None)

    @precondition(lambda self: self.model.open is not None and self.model.loans)
    @rule(pick=st.integers(0, 5), approve=st.booleans())
    def decide_for_another(self, pick, approve):
        loan = self.model.loans[pick % len(self.model.loans)]
        self._decide(loan["deputy"], approve, loan)

    def _decide(self, name, approve, loan):
        verdict = "approve" if approve else "reject"
        allowed = self.model.may_decide(name, loan)
        giver = loan["giver"] if loan else None
        who = self.who(name)
        row = vote(self.row, who, verdict=verdict, department=DEPARTMENTS.get(giver or name, "")) | {
            "matrix": self.row.matrix_version,
            "for_person": self.person(giver) if giver else None,
            "delegation": loan["row"].pk if loan else None,
        }
        assert tried(VOTE, row) == allowed, (name, giver)
        made = accepted(
            lambda: approvals.decide(
                self.row.pk, verdict=verdict, reason="Looked at it myself.", actor=who,
                delegation_id=loan["row"].pk if loan else None,
            )
        )  # fmt: skip
        assert made == allowed, (name, giver)
        if not allowed:
            return
        request = self.model.open
        request["voices"].append({name, giver} - {None})
        for one in request["voices"][-1]:
            self.model.hands[one].add("approver")
        if not approve:
            request["state"] = "refused"
        elif len(request["voices"]) >= request["needed"]:
            request["state"] = "granted"

    # --- who is who, and who holds what ------------------------------------------------------------------------------

    @rule(one=st.sampled_from(NAMES), other=st.sampled_from(NAMES))
    def link(self, one, other):
        first, second = sorted((self.person(one), self.person(other)))
        allowed = one != other and self.model.may_link(one, other)
        given = {
            "id": uuid7(), "organization": self.organization.pk, "person": first, "same_as": second,
            "evidence": ["name"], "reason": "One in the payroll.", "made_by": self.person("adam"),
            "confirmed_by": self.person("edda"), "confirmed_as": "executive",
        }  # fmt: skip
        assert tried(LINK, given) == allowed, (one, other)

        def act():
            made = linking.claim(first, second, evidence=["name"], reason="One in the payroll.", actor=self.who("adam"))
            linking.confirm(made.pk, actor=self.who("edda"))

        assert accepted(act) == allowed, (one, other)
        if allowed:
            self.model.link(one, other)

    @rule(name=st.sampled_from(APPROVERS))
    def change_role(self, name):
        person = self.person(name)
        if name in self.model.approvers:
            held = Membership.objects.get(person_id=person, role="approver", ended_at=None)
            services.end_role(held.pk, actor=self.who("adam"), reason="Another task.")
            self.model.approvers.discard(name)
        else:
            give(self.organization, person, "approver", DEPARTMENTS[name])
            self.model.approvers.add(name)

    # --- standing in -------------------------------------------------------------------------------------------------

    @rule(giver=st.sampled_from(APPROVERS), deputy=st.sampled_from(NAMES))
    def lend(self, giver, deputy):
        now = clock.now()
        terms = delegations.Terms("approver", now, now + timedelta(days=5))
        made = []

        def act():
            row = delegations.offer(
                deputy_id=self.person(deputy), terms=terms, reason="Leave in the mountains.", actor=self.who(giver)
            )
            made.append(delegations.accept(row.pk, actor=self.who(deputy)))

        allowed = self.model.may_lend(giver, deputy)
        assert accepted(act) == allowed, (giver, deputy)
        if allowed:
            self.model.loans.append({"giver": giver, "deputy": deputy, "state": "running", "row": made[0]})

    @precondition(lambda self: any(loan["state"] == "running" for loan in self.model.loans))
    @rule()
    def end_a_loan(self):
        loan = next(loan for loan in self.model.loans if loan["state"] == "running")
        delegations.end(loan["row"].pk, actor=self.who(loan["giver"]), reason="Back early.")
        loan["state"] = "ended"

    @rule(name=st.sampled_from((*NAMES, "adam", "edda")))
    def leave_or_come_back(self, name):
        """An absence moves no duty: it only says who is here."""
        who = self.who(name)
        if name in self.model.away:
            absences.cancel(self.absences.pop(name).pk, actor=who)
            self.model.away.discard(name)
        else:
            now = clock.now()
            self.absences[name] = absences.note(starts_at=now, ends_at=now + timedelta(days=2), actor=who)
            self.model.away.add(name)

    # --- emergencies -------------------------------------------------------------------------------------------------

    @rule(name=st.sampled_from(NAMES), role=st.sampled_from(("manager", "administrator")))
    def ask_for_emergency(self, name, role):
        allowed = self.model.may_ask(name, role)
        who, made = self.who(name), []
        assert tried(ASK, asking(who, role=role)) == allowed, (name, role)
        given = {"role": role, "hours": 2, "reason": "Everybody is locked out.", "ticket": "INC-1"}
        assert accepted(lambda: made.append(emergencies.ask(**given, actor=who))) == allowed, (name, role)
        if allowed:
            self.model.covers.append(Cover(name, role, row=made[0]))

    @precondition(lambda self: self.model.covers)
    @rule(by=st.sampled_from(("the person", "adam", "edda", "maya", "arun")))
    def activate(self, by):
        cover = self.model.covers[-1]
        by = cover.person if by == "the person" else by
        if by != cover.person and by in self.model.group(cover.person):
            return  # the other account of somebody who may not even see it
        allowed, who, made = self.model.may_activate(cover, by), self.who(by), []
        both = f'["{self.person("adam")}", "{self.person("edda")}"]'
        raw = activation(who, alarmed=both if by == cover.person else "[]", emergency=cover.row.pk)
        assert tried(f"{ACTIVATE} WHERE id = %(emergency)s", raw) == allowed, (cover.person, by)
        assert accepted(lambda: made.append(emergencies.activate(cover.row.pk, actor=who))) == allowed
        if allowed:
            cover.state, cover.by, cover.row = "running", by, made[0]

    @precondition(lambda self: any(cover.state == "running" for cover in self.model.covers))
    @rule()
    def end_emergency(self):
        cover = next(cover for cover in self.model.covers if cover.state == "running")
        cover.row = emergencies.end(cover.row.pk, actor=self.who(cover.person))
        cover.state = "over"

    @precondition(lambda self: any(cover.state != "reviewed" for cover in self.model.covers))
    @rule(by=st.sampled_from(("the person", "adam", "edda", "maya", "arun")))
    def review(self, by):
        cover = next(cover for cover in self.model.covers if cover.state != "reviewed")
        by = cover.person if by == "the person" else by
        allowed, who = self.model.may_review(cover, by), self.who(by)
        raw = [who.person_id, who.account_id, WORDS, cover.row.pk]
        assert tried(f"{REVIEW} WHERE id = %s", raw) == allowed, (cover.person, by)
        made = accepted(lambda: emergencies.review(cover.row.pk, verdict="fitting", words=WORDS, actor=who))
        assert made == allowed, (cover.person, by)
        if allowed:
            cover.state = "reviewed"

    @precondition(lambda self: any(cover.state == "running" for cover in self.model.covers))
    @rule(name=st.sampled_from(NAMES))
    def grant_meanwhile(self, name):
        """Not even an administrator's lent rights give a role away."""
        cover = next(cover for cover in self.model.covers if cover.state == "running")
        row = [uuid7(), self.organization.pk, self.person(name), self.person(cover.person)]
        assert not tried(GRANT, row), (cover.person, name)
        given = {"person_id": self.person(name), "role": "executive", "actor": self.who(cover.person)}
        assert not accepted(lambda: services.grant_role(**given)), (cover.person, name)

    # --- exceptions --------------------------------------------------------------------------------------------------

    @rule(name=st.sampled_from(NAMES), number=st.sampled_from(EXCEPTED))
    def make_an_exception(self, name, number):
        cast = SimpleNamespace(**{key: self.who(key) for key in ("maya", "edda", "arun")})
        carrier = self.who(name)
        if number == "S-07":
            assert self._database_excepts(cast, carrier) == self.model.may_except(name, number, "maya"), name

        def act():
            proposal = policies.ask_exception(
                person_id=carrier.person_id, rules=[number], reviewer=REVIEWER, days=30, actor=cast.maya, reason=WHY
            )
            assert decide(proposal, cast.edda).is_granted

        allowed = self.model.may_except(name, number, "maya")
        assert accepted(act) == allowed, (name, number)
        if allowed:
            self.model.make_exception(name, number, "maya")

    def _database_excepts(self, cast, carrier):
        try:
            with transaction.atomic():
                request = granted_by_raw_sql(cast, carrier=carrier)
                with connection.cursor() as cursor:
                    cursor.execute(EXCEPT, waiver_row(cast, request, person=carrier.person_id))
                transaction.set_rollback(True)
        except DatabaseError:
            return False
        return True

    @precondition(lambda self: any(self.model.waivers.values()))
    @rule()
    def end_exceptions(self):
        for waiver in Waiver.objects.filter(ended_at=None):
            policies.end_exception(waiver.pk, actor=self.who("edda"), reason="The team has grown.")
        for numbers in self.model.waivers.values():
            numbers.clear()

    # --- what always holds -------------------------------------------------------------------------------------------

    @invariant()
    def the_request_stands_where_the_model_has_it(self):
        if self.row is not None:
            assert Request.objects.get(pk=self.row.pk).state == self.model.requests[-1]["state"]

    @invariant()
    def emergencies_run_where_the_model_has_them(self):
        words = {"asked": "asked", "running": "running", "over": "reviewing", "reviewed": "reviewed"}
        states = {row.pk: str(row.state) for row in Emergency.objects.all()}
        assert states == {cover.row.pk: words[cover.state] for cover in self.model.covers}


def accepted(act) -> bool:
    """Whether the service let it through; what its own check does not see, the database refuses."""
    try:
        with transaction.atomic():
            act()
    except (Refused, DatabaseError):
        return False
    return True


def tried(statement, given) -> bool:
    """Whether the database alone accepts it; nothing of it stays."""
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(statement, given)
            transaction.set_rollback(True)
    except DatabaseError:
        return False
    return True


def test_random_lives_follow_the_model(org, people):
    nina = actor(org, join(org, "Nina Twin", "approver", "Finance"))
    for name, role in (("maya", "engineer"), ("ines", "reviewer")):
        # A second role, so that ending one leaves the person a member.
        give(org, getattr(people, name).person_id, role)
    for name in ("arun", "alba"):
        give(org, getattr(people, name).person_id, "reviewer")
    give(org, nina.person_id, "reviewer")
    Life.organization = org
    Life.people = {name: getattr(people, name) for name in (*NAMES[:-1], "adam", "edda")} | {"nina": nina}
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=100, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
