"""The check on duties finds what stands in the records past every trigger, each conflict once, and nothing else.

The rows are planted as the owner of the tables with the triggers switched off, as an operator or an old program might.
"""

import contextlib
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connections, transaction

from evidence import clock, tenancy
from evidence.actors import Actor
from evidence.identifiers import uuid7
from evidence.ledger.models import Event
from evidence.organizations.models import Organization
from portal.accounts import linking
from portal.engagements import services as engagements
from portal.jobs import running, services
from portal.packages import services as packages
from portal.watch.jobs import check
from portal.watch.models import Case, Conflict, Round
from remediation.approvals import services as approvals
from remediation.approvals.models import Decision, Request
from remediation.findings.models import Finding
from remediation.sod import queries as sod_queries
from remediation.sod.duties import Duty
from remediation.sod.models import Hand
from remediation.tasks.models import Verification
from tests.people import actor, hire, join
from tests.remediation.policy import excepted
from tests.remediation.story import Story

DECISION = (
    "INSERT INTO approvals_decision (id, organization_id, request_id, person_id, account_id, verdict, reason,"
    " content_sha256, authenticated_at, department, matrix_version, at) SELECT %s, organization_id, id, %s, %s, 'approve',"
    " 'Looked at it myself.', content_sha256, now(), %s, matrix_version, now() FROM approvals_request WHERE id = %s"
)
HAND = (
    "INSERT INTO sod_hand (id, organization_id, subject_type, subject_id, cycle, person_id, account_id, duty, about, at)"
    " VALUES (%s, %s, 'findings.finding', %s, 1, %s, %s, %s, '', now())"
)
SAME = "INSERT INTO accounts_sameperson (id, organization_id, person_id, other_id) VALUES (%s, %s, %s, %s)"


class World:
    """One organization whose history is whole; `plant` writes past every guard."""

    def __init__(self) -> None:
        self.organization = Organization.objects.create(slug="watched", name="Watched")
        with self.inside():
            self.people = hire(self.organization)

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        with transaction.atomic(), tenancy.entered(self.organization.pk, system=True):
            yield

    def told(self, step: str = "closed", severity: str = "high") -> Story:
        with self.inside():
            return Story(self.people, severity=severity).until(step)

    def plant(self, table: str, statement: str, parameters=()) -> None:
        with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
            cursor.execute("SELECT set_config('app.organization', %s, true)", [str(self.organization.pk)])
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            cursor.execute(statement, list(parameters))
            assert cursor.rowcount >= 1, statement
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")

    def decided_by(self, who, story: Story, action: str = "finding.close", department: str = "Security") -> None:
        request = self.request(story, action)
        self.plant("approvals_decision", DECISION, [uuid7(), who.person_id, who.account_id, department, request])

    def linked(self, one, other) -> None:
        for a, b in ((one, other), (other, one)):
            given = [uuid7(), self.organization.pk, a.person_id, b.person_id]
            self.plant("accounts_sameperson", SAME, given)

    def hand(self, who, story: Story, duty: str, account=None) -> None:
        given = [uuid7(), self.organization.pk, story.finding.pk, who.person_id, account or who.account_id, duty]
        self.plant("sod_hand", HAND, given)

    def request(self, story: Story, action: str):
        with self.inside():
            return Request.objects.filter(subject_id=story.finding.pk, action=action).latest("id").pk

    def check(self) -> dict:
        with self.inside():
            row = services.enqueue(check.name, actor=Actor.system(self.organization.pk, "scheduler"), args={})
        assert check.perform(row.pk) == "succeeded"
        with self.inside():
            row.refresh_from_db()
            return row.result

    def found(self) -> set[tuple[str, str]]:
        """What one round adds, as (kind, rule)."""
        with self.inside():
            before = set(Conflict.objects.values_list("pk", flat=True))
        self.check()
        with self.inside():
            return set(Conflict.objects.exclude(pk__in=before).values_list("kind", "rule"))


@pytest.fixture
def world(own_database, monkeypatch, settings, tmp_path):
    monkeypatch.setattr(services, "ring", lambda *given: True)
    settings.CLEARHOLD_BLOBS_DIR = tmp_path / "blobs"
    settings.CLEARHOLD_KEYS_DIR, settings.CLEARHOLD_SIGNER_DIR = tmp_path / "keys", tmp_path / "signer"
    running._apart = None
    yield World()
    if running._apart is not None:
        running._apart._connection.close()
        running._apart = None


def test_a_history_that_kept_the_rules_has_no_conflicts(world):
    world.told("closed")
    world.told("closed", severity="low")
    result = world.check()
    assert (result["found"], result["findings"]) == (0, 0)
    with world.inside():
        made = Round.objects.get()
        assert made.judged["decisions"] >= 4 and made.judged["verifications"] == 2 and made.judged["closures"] == 2
        assert len(made.rules_sha256) == 64
        assert Event.objects.filter(kind="duties.checked").count() == 1


def test_a_hand_that_somebody_else_may_lay_is_no_conflict(world):
    with world.inside():
        excepted(world.people, world.people.arun, "S-07")
    with world.inside():
        assert Hand.objects.filter(duty=Duty.CARRIER, person_id=world.people.arun.person_id).exists()
    assert world.found() == set()


def test_each_kind_that_was_planted_is_found(world):
    people = world.people
    story = world.told()
    world.decided_by(people.ines, story)
    assert world.found() == {("decisions", "S-05"), ("decisions", "S-07"), ("form", "A-07")}

    story = world.told()
    world.decided_by(people.maya, story)
    assert {("decisions", "S-01"), ("decisions", "S-03"), ("form", "A-07")} <= world.found()

    # A hand that came after the decision.
    story = world.told()
    world.hand(people.arun, story, "uploader")
    assert ("decisions", "S-07") in world.found()

    story = world.told()
    world.plant("tasks_verification", "UPDATE tasks_verification SET verifier_id = %s WHERE finding_id = %s",
                [people.ines.person_id, story.finding.pk])  # fmt: skip
    assert {("verifications", "S-04"), ("verifications", "P-09")} <= world.found()

    story = world.told("verified")
    world.plant("findings_finding", "UPDATE findings_finding SET state = 'closed', closed_at = now() WHERE id = %s",
                [story.finding.pk])  # fmt: skip
    assert world.found() == {("closures", "A-10")}

    story = world.told("closure_asked")
    world.plant("approvals_request", "UPDATE approvals_request SET state = 'granted', ended_at = now() WHERE id = %s",
                [world.request(story, "finding.close")])  # fmt: skip
    assert world.found() == {("grants", "A-10")}

    story = world.told()
    world.plant("approvals_request", "UPDATE approvals_request SET content = content || ' ' WHERE id = %s",
                [world.request(story, "finding.close")])  # fmt: skip
    assert world.found() == {("grants", "A-15")}

    story = world.told()
    world.plant("approvals_request", "UPDATE approvals_request SET needed = 1 WHERE id = %s",
                [world.request(story, "finding.close")])  # fmt: skip
    assert world.found() == {("grants", "A-13")}

    story = world.told()
    world.plant("approvals_decision",
                "UPDATE approvals_decision SET authenticated_at = at - interval '1 day' WHERE request_id = %s",
                [world.request(story, "finding.close")])  # fmt: skip
    assert world.found() == {("form", "A-05")}

    story = world.told()
    world.plant("approvals_decision", "UPDATE approvals_decision SET content_sha256 = repeat('0', 64)"
                " WHERE request_id = %s", [world.request(story, "finding.close")])  # fmt: skip
    assert world.found() == {("form", "A-03"), ("grants", "A-10")}

    story = world.told()
    world.plant("approvals_decision", "UPDATE approvals_decision SET account_id = %s WHERE request_id = %s",
                [people.ivan.account_id, world.request(story, "finding.close")])  # fmt: skip
    assert world.found() == {("form", "A-04")}

    story = world.told()
    world.plant("approvals_emergency",
                "INSERT INTO approvals_emergency (id, organization_id, ref, number, person_id, account_id, role, reason,"
                " ticket, hours, asked_at, authenticated_at, activated_at, alarmed, ends_at, verdict, review, finding_ref)"
                " VALUES (%s, %s, 'EM-1', 1, %s, %s, 'manager', 'x', 'x', 1, now(), now(), now() - interval '1 hour',"
                " '[]', now() + interval '1 hour', '', '', '')",
                [uuid7(), world.organization.pk, people.arun.person_id, people.arun.account_id])  # fmt: skip
    assert world.found() == {("form", "B-09")}
    world.plant("approvals_emergency", "DELETE FROM approvals_emergency")

    story = world.told()
    world.hand(people.vera, story, "triager", account=people.maya.account_id)
    assert world.found() == {("hands", "S-40")}


def test_what_identity_and_membership_show_only_later_is_found(world):
    people = world.people
    story = world.told()
    with world.inside():
        nina = actor(world.organization, join(world.organization, "Nina Twin", "approver", "Finance"))
    world.decided_by(nina, story, department="Finance")
    assert world.found() == set()

    plain = world.told()
    # Nina turns out to be Ines, who did the work.
    world.linked(nina, people.ines)
    assert ("decisions", "S-05") in world.found()
    with world.inside():
        conflict = Conflict.objects.get(rule="S-05")
        assert {conflict.person_id, conflict.other_id} == {nina.person_id, people.ines.person_id}
        assert conflict.subject_ref == story.finding.ref

    # Two approvers turn out to be one.
    world.linked(people.arun, people.alba)
    found = world.found()
    assert {("form", "I-09"), ("grants", "A-10")} <= found
    with world.inside():
        assert Conflict.objects.get(rule="A-10").subject_ref == plain.finding.ref

    # An approver turns out to have joined later than they decided, and another to have been an administrator then.
    world.plant("accounts_membership",
                "UPDATE accounts_membership SET starts_at = now() + interval '1 day' WHERE person_id = %s",
                [nina.person_id])  # fmt: skip
    assert ("form", "A-07") in world.found()
    world.plant("accounts_membership",
                "INSERT INTO accounts_membership (id, organization_id, person_id, role, department, starts_at)"
                " VALUES (%s, %s, %s, 'administrator', '', now() - interval '1 year')",
                [uuid7(), world.organization.pk, people.vera.person_id])  # fmt: skip
    found = world.found()
    assert ("verifications", "S-21") in found and ("roles", "N-05") in found
    world.plant("accounts_membership", "UPDATE accounts_membership SET granted_by_id = person_id WHERE person_id = %s",
                [people.ivan.person_id])  # fmt: skip
    assert ("roles", "R-02") in world.found()


def test_an_acceptance_and_a_seal_that_nobody_granted_are_found(world):
    people = world.people
    story = world.told("triaged")
    world.plant("risk_acceptance",
                "INSERT INTO risk_acceptance (id, organization_id, version, created_at, finding_id, cycle, severity, reason,"
                " residual_risk, compensating, expires_on, state, requested_by_id, requested_at, accepted_by_id,"
                " accepted_at, end_reason, renewals) VALUES (%s, %s, 1, now(), %s, 1, 'high', 'x', 'x', 'x',"
                " now() + interval '9 days', 'active', %s, now(), %s, now(), '', 0)",
                [uuid7(), world.organization.pk, story.finding.pk, people.maya.person_id, people.maya.person_id])  # fmt: skip
    found = world.found()
    assert {("acceptances", "A-10"), ("acceptances", "S-01")} <= found

    today = clock.today()
    with world.inside():
        made = engagements.create(engagements.Facts("Year", today - timedelta(days=30), today), actor=people.maya)
        package = packages.start(made.pk, actor=people.maya, title="Year")
    world.plant("packages_package",
                "UPDATE packages_package SET state = 'sealed', sealed_at = now(), approved_at = now(),"
                " approved_by_id = %s, sha256 = repeat('0', 64) WHERE id = %s",
                [people.arun.person_id, package.pk])  # fmt: skip
    assert world.found() == {("seals", "A-10")}
    world.linked(people.arun, people.maya)
    assert ("seals", "S-38") in world.found()


def test_an_unconfirmed_claim_is_reported_and_not_taken_as_proven(world):
    people = world.people
    story = world.told("closure_asked", severity="medium")
    with world.inside():
        nina = actor(world.organization, join(world.organization, "Nina Twin", "approver", "Finance"))
        approvals.decide(story.request("finding.close").pk, verdict="approve", reason="The retest shows.", actor=nina)
        linking.claim(
            people.ines.person_id, nina.person_id, evidence=["name"], reason="The payroll knows one.", actor=people.adam
        )
    assert ("claims", "S-05") in world.found()
    with world.inside():
        assert not Conflict.objects.filter(is_proven=True).exists()
        assert not Case.objects.exists()


def test_a_conflict_is_found_once_and_opens_one_finding(world):
    people = world.people
    for _ in range(2):
        world.decided_by(people.ines, world.told("closed", severity="low"))
    first = world.check()
    with world.inside():
        rules = set(Conflict.objects.values_list("rule", flat=True))
        findings = Finding.objects.filter(asset="Segregation of duties")
        assert findings.count() == len(rules) == first["findings"]
        opened = findings.get(rule_id="S-05")
        assert "2 items" in opened.title and opened.finder_id is None and opened.state == "reported"
        assert Case.objects.filter(finding=opened).count() == 2
        assert Event.objects.filter(kind="conflict.found").count() == first["found"]
    second = world.check()
    assert (second["found"], second["findings"]) == (0, 0)


def test_what_was_found_is_history(world):
    world.decided_by(world.people.ines, world.told("closed", severity="low"))
    world.check()
    for table in ("watch_conflict", "watch_round", "watch_case"):
        for statement in (f"UPDATE {table} SET id = id", f"DELETE FROM {table}"):
            with pytest.raises(Exception, match=r"append-only|permission denied"), world.inside():  # noqa: SIM117
                with connections["default"].cursor() as cursor:
                    cursor.execute(statement)


def test_the_check_stops_when_asked(world):
    world.told("closed")
    with world.inside():
        row = services.enqueue(check.name, actor=world.people.maya, args={})
        services.cancel(row.pk, actor=world.people.maya)
    check.perform(row.pk)
    with world.inside():
        row.refresh_from_db()
        assert row.state == "cancelled" and not Round.objects.exists()


def test_the_check_of_one_organization_sees_no_other(world):
    world.decided_by(world.people.ines, world.told("closed", severity="low"))
    other = World.__new__(World)
    other.organization = Organization.objects.create(slug="neighbour", name="Neighbour")
    with other.inside():
        other.people = hire(other.organization)
    assert other.check()["found"] == 0
    with other.inside():
        assert not Conflict.objects.exists() and not Decision.objects.exists() and not Verification.objects.exists()
        assert sod_queries.voices() == {}
