"""A process killed at any step of a decision: the vote, its event, the grant and the closing stand together or not at all."""

import pytest

from remediation.approvals.models import Decision, Request
from remediation.findings.models import Finding
from tests.faults.conftest import House
from tests.remediation.story import Story

pytestmark = [pytest.mark.slow, pytest.mark.faults]

STEPS = ["locked", "inserted", "recorded", "ended", "followed", "committed"]


@pytest.fixture
def story(house: House) -> Story:
    with house.inside():
        return Story(house.people, severity="high").until("closure_asked")


def vote(house: House, request: Request, who, crash_at: str = "", verdict: str = "approve"):
    return house.do(
        "vote",
        crash_at=crash_at,
        slug=house.organization.slug,
        account=str(who.account_id),
        request=str(request.pk),
        sha256=request.content_sha256,
        verdict=verdict,
    )


def votes(house: House, request: Request) -> int:
    with house.inside():
        return Decision.objects.filter(request=request).count()


def state(house: House, story: Story) -> str:
    with house.inside():
        return Finding.objects.get(pk=story.finding.pk).state


@pytest.mark.parametrize("step", STEPS)
def test_a_decision_killed_at_any_step_counts_whole_or_not_at_all(house, story, step):
    with house.inside():
        request = story.request("finding.close")
    for number, who in enumerate((house.people.arun, house.people.alba)):
        assert vote(house, request, who, crash_at=f"decision.{step}").was_killed
        # Nothing was acknowledged yet; what was committed a moment before counts all the same.
        assert votes(house, request) == number + (step == "committed")
        house.assert_whole()
        status, answer = vote(house, request, who).result
        assert (status, answer.get("code")) == ((409, answer["code"]) if step == "committed" else (200, None))
        assert votes(house, request) == number + 1
        house.assert_whole()
        assert house.seal().signal == 0
        house.verify()
    assert state(house, story) == "closed"
    assert len(house.events("finding.closed")) == 1


@pytest.mark.parametrize("step", ["changed", "recorded"])
def test_a_finding_is_never_half_closed(house, story, step):
    with house.inside():
        request = story.request("finding.close")
    assert vote(house, request, house.people.arun).result[0] == 200
    assert vote(house, request, house.people.alba, crash_at=f"finding.{step}").was_killed
    assert (state(house, story), votes(house, request)) == ("verified", 1)
    house.assert_whole()
    assert vote(house, request, house.people.alba).result[0] == 200
    assert (state(house, story), votes(house, request)) == ("closed", 2)
    house.assert_whole()
    house.seal()
    house.verify()


@pytest.mark.parametrize("step", ["inserted", "ended", "committed"])
def test_a_rejection_killed_at_any_step_refuses_whole_or_not_at_all(house, story, step):
    with house.inside():
        request = story.request("finding.close")
    assert vote(house, request, house.people.arun, f"decision.{step}", verdict="reject").was_killed
    house.assert_whole()
    vote(house, request, house.people.arun, verdict="reject")
    with house.inside():
        assert Request.objects.get(pk=request.pk).state == "refused"
    assert votes(house, request) == 1
    house.assert_whole()
    house.seal()
    house.verify()
