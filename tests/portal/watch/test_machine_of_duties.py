"""Random lives of one request, with delegations, identity links and changing roles, against a model written apart.

The model knows who is who, who did what, who holds which role and who lent to whom; nothing of the product's code.
Each decision and each link is tried by raw SQL as the app's role as well: refused exactly when the model says so. The
page's own word, whether somebody may decide, is a third judge.
"""

from datetime import timedelta

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
from remediation.approvals.delegations import services as delegations
from remediation.approvals.models import Request
from remediation.sod import services as sod
from tests.people import account_of, actor, give, join
from tests.portal.accounts.test_links_in_raw_sql import LINK
from tests.remediation.approvals.test_raw_sql import vote
from tests.remediation.subjects import Thing, registered

pytestmark = pytest.mark.slow
NAMES = ("maya", "ines", "vera", "arun", "alba", "nina")
DEPARTMENTS = {"arun": "Security", "alba": "Finance", "nina": "Finance", "vera": "Security"}
APPROVERS = ("arun", "alba", "nina", "vera")
DUTIES = ("finder", "owner", "implementer", "uploader", "verifier")
# PRACTICE.md section 4: who did one of these may not do the other on the same item.
NEVER = {
    frozenset(pair.split())
    for pair in (
        "finder verifier", "finder approver", "owner verifier", "owner approver", "implementer verifier",
        "implementer approver", "uploader verifier", "uploader approver", "verifier approver",
    )
}  # fmt: skip
NEEDED = {"medium": 1, "high": 2}
VOTE = (
    "INSERT INTO approvals_decision (id, organization_id, request_id, person_id, account_id, verdict, reason,"
    " content_sha256, authenticated_at, department, matrix_version, at, for_person_id, delegation_id)"
    " VALUES (%(id)s, %(organization)s, %(request)s, %(person)s, %(account)s, %(verdict)s, %(reason)s, %(sha)s,"
    " %(authenticated)s, %(department)s, %(matrix)s, %(at)s, %(for_person)s, %(delegation)s)"
)


class Model:
    """What the rules say, in sets of names."""

    def __init__(self) -> None:
        self.groups = {name: frozenset({name}) for name in NAMES}
        self.hands = {name: set() for name in NAMES}
        self.approvers = {"arun", "alba", "nina"}
        self.loans: list[dict] = []
        self.requests: list[dict] = []

    @property
    def open(self) -> dict | None:
        return self.requests[-1] if self.requests and self.requests[-1]["state"] == "open" else None

    def held(self, name: str) -> set[str]:
        return set().union(*(self.hands[one] for one in self.groups[name]))

    def forbids(self, name: str, wanted: str) -> bool:
        return any(frozenset({held, wanted}) in NEVER for held in self.held(name))

    def may_decide(self, name: str, loan: dict | None) -> bool:
        giver = loan["giver"] if loan else None
        if loan is None and name not in self.approvers:
            return False
        if loan and (loan["state"] != "running" or giver not in self.approvers):
            return False
        used = set().union(*(self.groups[one] for voice in self.open["voices"] for one in voice))
        for one in filter(None, (name, giver)):
            if one in used or self.open["asker"] in self.groups[one] or self.forbids(one, "approver"):
                return False
        return True

    def may_link(self, one: str, other: str) -> bool:
        if other in self.groups[one]:
            return False
        left, right = self.groups[one], self.groups[other]
        if any(frozenset({a, b}) in NEVER for a in self.held(one) for b in self.held(other)):
            return False
        for request in self.requests:
            if request["state"] not in ("open", "granted", "refused"):
                continue
            deciders = set().union(*request["voices"]) if request["voices"] else set()
            for these, those in ((left, right), (right, left)):
                if request["asker"] in these and deciders & those:
                    return False
            if deciders & left and deciders & right:
                return False
        return True

    def link(self, one: str, other: str) -> None:
        joined = self.groups[one] | self.groups[other]
        for name in joined:
            self.groups[name] = joined

    def may_lend(self, giver: str, deputy: str) -> bool:
        if giver not in self.approvers or deputy in self.groups[giver]:
            return False
        for loan in self.loans:
            if loan["state"] == "ended":
                continue
            if loan["deputy"] in self.groups[giver] or loan["giver"] in self.groups[deputy]:
                return False
        return True


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

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.transaction.__exit__(None, None, None)

    def who(self, name):
        """Afresh each time: roles are kept with the account's object for one request."""
        return actor(self.organization, account_of(self.people[name]))

    @rule(name=st.sampled_from(NAMES), duty=st.sampled_from(DUTIES))
    def take(self, name, duty):
        allowed = not self.model.forbids(name, duty)
        assert accepted(lambda: sod.take_duty(duty, actor=self.who(name), **self.thing.on())) == allowed
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
            "for_person": self.people[giver].person_id if giver else None,
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

    @rule(one=st.sampled_from(NAMES), other=st.sampled_from(NAMES))
    def link(self, one, other):
        first, second = sorted((self.people[one].person_id, self.people[other].person_id))
        allowed = one != other and self.model.may_link(one, other)
        given = {
            "id": uuid7(), "organization": self.organization.pk, "person": first, "same_as": second,
            "evidence": ["name"], "reason": "One in the payroll.", "made_by": self.people["adam"].person_id,
            "confirmed_by": self.people["edda"].person_id, "confirmed_as": "executive",
        }  # fmt: skip
        assert tried(LINK, given) == allowed, (one, other)

        def act():
            made = linking.claim(first, second, evidence=["name"], reason="One in the payroll.", actor=self.who("adam"))
            linking.confirm(made.pk, actor=self.who("edda"))

        assert accepted(act) == allowed
        if allowed:
            self.model.link(one, other)

    @rule(giver=st.sampled_from(APPROVERS), deputy=st.sampled_from(NAMES))
    def lend(self, giver, deputy):
        now = clock.now()
        terms = delegations.Terms("approver", now, now + timedelta(days=5))
        made = []

        def act():
            row = delegations.offer(
                deputy_id=self.people[deputy].person_id, terms=terms, reason="Leave in the mountains.",
                actor=self.who(giver),
            )  # fmt: skip
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

    @rule(name=st.sampled_from(APPROVERS))
    def change_role(self, name):
        person = self.people[name].person_id
        if name in self.model.approvers:
            held = Membership.objects.get(person_id=person, role="approver", ended_at=None)
            services.end_role(held.pk, actor=self.who("adam"), reason="Another task.")
            self.model.approvers.discard(name)
        else:
            give(self.organization, person, "approver", DEPARTMENTS[name])
            self.model.approvers.add(name)

    @invariant()
    def the_request_stands_where_the_model_has_it(self):
        if self.row is not None:
            assert Request.objects.get(pk=self.row.pk).state == self.model.requests[-1]["state"]


def accepted(act) -> bool:
    try:
        with transaction.atomic():
            act()
    except Refused:
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
            max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
