"""Sixteen at once, on real connections: what may happen once happens once, and approving never meets uploading."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import DatabaseError, connections, transaction

from evidence import tenancy
from evidence.errors import Refused
from evidence.organizations.models import Organization
from remediation.approvals import services as approvals
from remediation.approvals.models import Decision, Request
from remediation.sod import services as sod
from remediation.sod.models import Hand
from tests.people import account_of, actor, hire, join

pytestmark = pytest.mark.slow
CLIENTS = 16


@pytest.fixture
def stage(own_database, thing):
    with transaction.atomic():
        organization = Organization.objects.create(slug="racing", name="Racing")
        with tenancy.entered(organization.pk):
            people = hire(organization)
            request = thing.ask(people.maya)
    return organization, people, request


def at_once(organization, jobs):
    start = threading.Barrier(len(jobs))

    def one(job):
        try:
            start.wait(30)
            with transaction.atomic(), tenancy.entered(organization.pk):
                job()
            return "done"
        except (Refused, DatabaseError) as refusal:
            return type(refusal).__name__
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(one, jobs))


def inside(organization, question):
    with transaction.atomic(), tenancy.entered(organization.pk):
        return question()


def test_the_same_person_votes_once_however_often_they_press(stage, thing):
    organization, people, request = stage
    arun = inside(organization, lambda: actor(organization, account_of(people.arun)))

    def job():
        approvals.decide(request.pk, verdict="approve", reason="Looked at it twice.", actor=arun)

    outcomes = at_once(organization, [job] * CLIENTS)
    assert outcomes.count("done") == 1
    assert inside(organization, Decision.objects.count) == 1
    assert thing.heard == ["granted"]


def test_many_approvers_grant_a_medium_request_once(stage, thing):
    organization, _people, request = stage
    crowd = inside(
        organization,
        lambda: [
            actor(organization, join(organization, f"Approver{number}", "approver", f"D{number}"))
            for number in range(CLIENTS)
        ],
    )

    def job(who):
        return lambda: approvals.decide(request.pk, verdict="approve", reason="Looked at it myself.", actor=who)

    outcomes = at_once(organization, [job(who) for who in crowd])
    assert outcomes.count("done") == 1
    assert inside(organization, lambda: Request.objects.get().state) == "granted"
    assert thing.heard == ["granted"]


@pytest.mark.parametrize("attempt", range(5))
def test_approving_and_uploading_by_one_person_never_both_pass(stage, thing, attempt):
    organization, people, request = stage

    def approve():
        approvals.decide(request.pk, verdict="approve", reason="Looked at it myself.", actor=people.arun)

    def upload():
        sod.take_duty("uploader", actor=people.arun, **thing.on())

    at_once(organization, [approve, upload] * (CLIENTS // 2))
    duties = inside(organization, lambda: set(Hand.objects.values_list("duty", flat=True)))
    assert duties in ({"approver"}, {"uploader"})


@pytest.mark.parametrize("attempt", range(5))
def test_the_database_alone_keeps_raw_approving_and_raw_uploading_apart(stage, thing, attempt):
    from tests.remediation.approvals.test_raw_sql import VOTE, vote

    organization, people, request = stage
    lay = (
        "INSERT INTO sod_hand (id, organization_id, subject_type, subject_id, cycle, person_id, account_id, duty, about,"
        " at) VALUES (gen_random_uuid(), %s, %s, %s, 1, %s, %s, 'uploader', '', now())"
    )
    who = people.arun

    def approve():
        with connections["default"].cursor() as cursor:
            cursor.execute(VOTE, vote(request, who))

    def upload():
        with connections["default"].cursor() as cursor:
            cursor.execute(lay, [organization.pk, "tests.thing", thing.id, who.person_id, who.account_id])

    outcomes = at_once(organization, [approve, upload] * (CLIENTS // 2))
    assert outcomes.count("done") == 1
    duties = inside(organization, lambda: set(Hand.objects.values_list("duty", flat=True)))
    assert duties in ({"approver"}, {"uploader"})
    assert inside(organization, Decision.objects.count) == (1 if duties == {"approver"} else 0)
