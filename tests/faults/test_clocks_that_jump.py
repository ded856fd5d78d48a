"""A clock that jumps ten years, either way: what has an end fails closed, the history holds, and nothing waits for years."""

import subprocess
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client

from evidence import clock
from evidence.errors import NotAllowed, ReauthenticationRequired, WrongState
from evidence.ledger.models import Checkpoint
from portal.accounts import object_grants
from portal.accounts import services as accounts
from portal.engagements import services as engagements
from portal.engagements.models import EngagementGrant
from portal.jobs import services as jobs
from remediation.approvals import services as approvals
from remediation.findings import services as findings
from tests.faults.conftest import FACTS
from tests.faults.estate import Estate, wait
from tests.people import account_of, actor, join
from tests.portal.edge.test_who_is_let_in import bearer
from tests.remediation.conftest import thing  # noqa: F401  a fixture
from tests.tools import program

TEN_YEARS = timedelta(days=3650)
JUMPS = pytest.mark.parametrize("jump", [TEN_YEARS, -TEN_YEARS], ids=["ahead", "back"])


def world(jump: timedelta) -> dict[str, str]:
    """What makes a program that starts with it live so far from now; the database stays in the present."""
    spec = f"{int(jump.total_seconds()):+d}"
    told = subprocess.run([program("faketime"), "-f", spec, "env"], capture_output=True, text=True, check=True)
    [library] = [line.partition("=")[2] for line in told.stdout.splitlines() if line.startswith("LD_PRELOAD=")]
    # Files keep their times, as those of a machine whose clock is set do.
    return {"LD_PRELOAD": library, "FAKETIME": spec, "NO_FAKE_STAT": "1"}


@pytest.mark.slow
@pytest.mark.faults
def test_an_installation_lives_through_jumps_of_its_clock(estate: Estate):
    cookie = estate.session(estate.people.maya)
    ahead, back = world(TEN_YEARS), world(-TEN_YEARS)
    estate.start("web", "worker", "sequencer", **ahead)
    # Whoever was signed in has to sign in again; what has no end by this clock goes on.
    assert estate.page("/findings", cookie).status == 302
    key = estate.import_rows(2)
    assert estate.ends(key).created_at - clock.now() > TEN_YEARS / 2
    wait(estate.sealed, estate.said)
    # One that a worker of that time began and did not end.
    left = estate.import_rows(2)
    estate.stop("worker")
    estate.start("worker", CRASH_AT="job.claimed", **ahead)
    wait(lambda: estate.job(left).attempts == 1, estate.said)
    estate.stop()
    cookie = estate.session(estate.people.maya)
    estate.start("web", "sequencer", **back)
    assert estate.page("/findings", cookie).status == 302
    # Tokens and roles go by the database's clock, which did not jump.
    assert estate.get(f"{estate.api}/findings/").status == 200
    with estate.inside():
        findings.report(
            actor=estate.people.ivan, title="Log gap", source="internal", detected_at=clock.now(), asset="CRM"
        )
    wait(estate.sealed, estate.said)
    estate.stop()
    with estate.inside():
        moments = list(Checkpoint.objects.order_by("size").values_list("at", flat=True))
    assert moments[0] - moments[-1] > TEN_YEARS
    # Times are told as they were; the order is that of the tree, and it holds.
    estate.verify()
    # Nor does the present wait ten years for what the future had taken.
    estate.let_the_lease_run_out(left)
    estate.start("web", "worker")
    assert estate.command("scheduler", "--once").returncode == 0
    assert estate.ends(left).attempts == 2
    assert estate.page("/findings", estate.session(estate.people.maya)).status == 200
    assert estate.findings() == 5


@JUMPS
def test_a_session_does_not_outlive_a_jump(org, people, jump):
    client = Client()
    client.force_login(account_of(people.maya), backend="portal.accounts.backend.RoleBackend")
    address = f"/o/{org.slug}/findings"
    assert client.get(address).status_code == 200
    with clock.at(clock.now() + jump):
        assert client.get(address).status_code == 302
    # It does not come to life again when the clock is right.
    assert client.get(address).status_code == 302


@JUMPS
def test_a_proof_of_identity_does_not_outlive_a_jump(org, people, thing, jump):  # noqa: F811
    request = thing.ask(people.maya)
    with clock.at(clock.now() + jump), pytest.raises((ReauthenticationRequired, NotAllowed)):
        approvals.decide(request.pk, verdict="approve", reason="Looked at it myself.", actor=people.arun)


def test_a_role_given_by_a_clock_that_was_ahead_does_not_hold_yet(org, people):
    with clock.at(clock.now() + TEN_YEARS):
        early = actor(org, join(org, "Early Bird", "manager"))
        headers, _ = bearer(early, "findings.view")
    assert Client().get(f"/api/v1/organizations/{org.slug}/findings/", headers=headers).status_code == 401


@JUMPS
def test_an_invitation_does_not_outlive_a_jump(org, people, jump):
    issued = accounts.invite(email="new@lumenroll.example", name="New", role="engineer", actor=people.adam)
    assert accounts.open_invitation(org.pk, issued.secret).pk == issued.row.pk
    with clock.at(clock.now() + jump), pytest.raises(WrongState, match="can no longer be used"):
        accounts.open_invitation(org.pk, issued.secret)


def live(who) -> list:
    held = object_grants.live(EngagementGrant, who.account_id, "engagement_read")
    return list(held.values_list("content_object_id", flat=True))


@JUMPS
def test_a_grant_to_an_auditor_does_not_outlive_a_jump(org, people, jump):
    made = engagements.create(FACTS, actor=people.maya)
    engagements.grant(
        made.pk, account_id=people.otto.account_id, valid_until=clock.now() + timedelta(days=30), actor=people.maya
    )
    assert live(people.otto) == [made.pk]
    with clock.at(clock.now() + jump):
        assert live(people.otto) == []


@pytest.mark.parametrize("state", ["running", "queued"])
def test_a_lease_of_a_clock_that_was_ahead_holds_nothing(org, people, state):
    job = jobs.enqueue("packages.build", actor=people.maya, args={})
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE jobs_job SET state = %s, attempts = 1, lease_until = now() + interval '10 years' WHERE id = %s",
            [state, job.pk],
        )
        cursor.execute("SELECT id FROM unfinished_jobs(10)")
        assert [row[0] for row in cursor.fetchall()] == [job.pk]
    assert jobs.claim(job.pk, "another").attempts == 2


@JUMPS
def test_a_worker_whose_clock_jumped_takes_no_lease_but_an_ordinary_one(org, people, jump):
    job = jobs.enqueue("packages.build", actor=people.maya, args={})
    with clock.at(clock.now() + jump):
        assert jobs.claim(job.pk, "one") is not None
        assert jobs.claim(job.pk, "another") is None
    assert jobs.claim(job.pk, "another") is None
    with connection.cursor() as cursor:
        cursor.execute("SELECT lease_until - clock_timestamp() BETWEEN interval '0' AND interval '60 s' FROM jobs_job")
        assert cursor.fetchone() == (True,)
