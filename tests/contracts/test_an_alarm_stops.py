"""While the history does not match what was signed, nothing is decided, closed, accepted or packaged: not by a
service, not by raw SQL."""

from contextlib import contextmanager

import pytest
from django.db import DatabaseError, connection, connections, transaction

from evidence import clock, tenancy
from evidence.errors import Unavailable
from evidence.identifiers import uuid7
from evidence.ledger import sequencer
from portal.edge import refusals
from portal.packages import services as packages
from remediation.approvals import services as approvals
from remediation.approvals.models import Decision, Request
from tests.contracts.world import World
from tests.remediation.approvals.test_raw_sql import VOTE, vote

MESSAGE = "The database holds 5 sealed events, but 8 were signed: it was set back."


def raise_alarm(organization):
    with tenancy.acting_as_sequencer(), connections["sequencer"].cursor() as cursor:
        cursor.execute(sequencer._ALARM, [uuid7(), organization.pk, "tree_smaller", MESSAGE, clock.now()])


@contextmanager
def alarm_over(world):
    """An alarm for the length of the block; what happens in it is forgotten."""
    with transaction.atomic(), tenancy.entered(world.organization.pk):
        raise_alarm(world.organization)
        yield
        transaction.set_rollback(True)


@pytest.fixture
def alarmed(ours: World):
    with alarm_over(ours):
        yield ours


def refused_by_database(statement, parameters=()):
    with pytest.raises(DatabaseError) as refusal, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)
    assert refusal.value.__cause__.sqlstate == "CH006"
    return refusals.from_database(refusal.value)


@pytest.mark.parametrize("verdict", ["approve", "reject"])
def test_no_decision_is_recorded(alarmed, verdict):
    before = Decision.objects.count()
    with pytest.raises(Unavailable, match="does not match what was signed") as refusal:
        approvals.decide(alarmed.request.pk, verdict=verdict, reason="I looked at it.", actor=alarmed.people.arun)
    assert refusal.value.kind == "ledger_alarm"
    assert Decision.objects.count() == before
    assert Request.objects.get(pk=alarmed.request.pk).state == "open"


def test_raw_sql_does_not_decide_or_grant(alarmed):
    refusal = refused_by_database(VOTE, vote(alarmed.request, alarmed.people.arun))
    assert isinstance(refusal, Unavailable) and refusal.kind == "ledger_alarm"


def test_raw_sql_does_not_use_what_was_decided_before_the_alarm(ours):
    with transaction.atomic(), tenancy.entered(ours.organization.pk):
        with connection.cursor() as cursor:
            cursor.execute(VOTE, vote(ours.request, ours.people.arun))
        raise_alarm(ours.organization)
        refused_by_database(
            "UPDATE approvals_request SET state = 'granted', ended_at = now() WHERE id = %s", [ours.request.pk]
        )
        transaction.set_rollback(True)


@pytest.mark.parametrize("state", ["closed", "rejected", "risk_accepted", "deferred"])
def test_raw_sql_does_not_settle_a_finding(alarmed, state):
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE findings_finding SET state = %s WHERE id = %s",
            [state, alarmed.findings["closure_asked"].finding.pk],
        )


@pytest.mark.parametrize(
    ("table", "trigger"),
    [
        ("approvals_decision", "approvals_decision_stops_on_alarm_insert"),
        ("approvals_request", "approvals_request_stops_on_alarm_update"),
        ("findings_finding", "findings_finding_stops_on_alarm_update"),
        ("risk_acceptance", "risk_acceptance_stops_on_alarm_update"),
        ("risk_deferral", "risk_deferral_stops_on_alarm_update"),
        ("packages_package", "packages_package_stops_on_alarm_insert"),
        ("packages_package", "packages_package_stops_on_alarm_update"),
    ],
)
def test_the_database_holds_the_line_in_every_replication_mode(shared_transaction, table, trigger):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgenabled FROM pg_trigger WHERE tgrelid = %s::regclass AND tgname = %s", [table, trigger]
        )
        assert cursor.fetchone() == ("A",)


def test_no_package_is_started_reviewed_built_or_sealed(alarmed):
    maya, package = alarmed.people.maya, alarmed.package
    for act in (
        lambda: packages.start(alarmed.engagement.pk, actor=maya),
        lambda: packages.seal(package.pk, actor=alarmed.people.arun, reason="Read and agreed."),
        lambda: packages.seal_again(package.pk, actor=maya),
        lambda: packages.perform_seal(package.pk, actor=maya, inside=still, watch=lambda *said: None),
    ):
        with pytest.raises(Unavailable) as refusal:
            act()
        assert refusal.value.kind == "ledger_alarm"


@contextmanager
def still():
    yield


def test_raw_sql_does_not_seal_or_build_a_package(ours):
    """Not even one that was approved before the alarm."""
    with transaction.atomic(), tenancy.entered(ours.organization.pk):
        packages.seal(ours.package.pk, actor=ours.people.arun, reason="Read and agreed.")
        raise_alarm(ours.organization)
        for change in ("state = 'sealed', sealed_at = now()", "sha256 = repeat('a', 64)"):
            refused_by_database(f"UPDATE packages_package SET {change} WHERE id = %s", [ours.package.pk])
        transaction.set_rollback(True)


def test_work_that_decides_nothing_goes_on(alarmed):
    from remediation.findings import services as findings

    findings.comment(
        alarmed.findings["triaged"].finding.pk, actor=alarmed.people.maya, body="Waiting for the operator."
    )
