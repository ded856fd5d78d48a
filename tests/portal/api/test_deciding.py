"""Deciding over the API: a request whose content moved is void, and stays so although the answer is a refusal."""

import pytest

from remediation.approvals.models import Decision, Request
from tests.portal.api.test_the_whole_way import Caller
from tests.remediation.subjects import Thing, registered


@pytest.fixture
def asked(people):
    thing = Thing()
    registered(thing, "finding.close")
    return thing, thing.ask(people.maya)


def body(request):
    return {"verdict": "approve", "reason": "The retest shows it works.", "content_sha256": request.content_sha256}


def test_a_request_whose_content_moved_stays_void(org, people, asked):
    thing, request = asked
    thing.content = {**thing.content, "title": "Something milder"}
    arun = Caller(org, people.arun, "approver", session=True)
    refused = arun.post(f"approvals/{request.pk}/decide/", body(request), 409)
    assert refused["code"] == "content_changed"
    assert Request.objects.get().state == "void"
    assert not Decision.objects.exists()


def test_the_same_key_answers_the_same_after_a_refusal(org, people, asked):
    thing, request = asked
    thing.content = {**thing.content, "title": "Something milder"}
    arun = Caller(org, people.arun, "approver", session=True)
    answers = [
        arun.client.post(
            f"{arun.root}approvals/{request.pk}/decide/", body(request), content_type="application/json",
            headers={"Idempotency-Key": "vote-1"},
        )
        for _ in range(2)
    ]  # fmt: skip
    assert [answer.status_code for answer in answers] == [409, 409]
    assert answers[0].json() == answers[1].json()


def test_a_refusal_by_duty_leaves_nothing(org, people, asked):
    _, request = asked
    maya = Caller(org, people.maya, "manager", session=True)
    maya.post(f"approvals/{request.pk}/decide/", body(request), 403)
    assert Request.objects.get().state == "open"
    assert not Decision.objects.exists()
