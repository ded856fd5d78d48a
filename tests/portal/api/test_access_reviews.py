"""Reviews of access over the API: opened, decided line by line and finished, by the same service as the pages."""

import pytest

from portal.accounts.models import AccessReview, Membership
from tests.portal.accounts.test_access_review import WHY, own_store  # noqa: F401  a fixture
from tests.portal.accounts.test_linking import linked
from tests.portal.api.test_the_whole_way import Caller


@pytest.fixture
def maya(org, people):
    return Caller(org, people.maya, "manager", session=True)


@pytest.fixture
def edda(org, people):
    return Caller(org, people.edda, "executive", session=True)


def lines_of(caller, review):
    page = caller.get(f"access-reviews/{review}/", limit=4)
    found = page["lines"]
    while page["next"]:
        page = caller.get(f"access-reviews/{review}/", limit=4, cursor=page["next"])
        found += page["lines"]
    return found


def test_from_the_snapshot_to_the_evidence(org, people, maya, edda):
    made = maya.post("access-reviews/", status=201)
    lines = lines_of(maya, made["id"])
    assert len(lines) == made["total"] == Membership.objects.count() and not made["decided"]
    for line in lines:
        judge = edda if line["person"]["name"] == "Maya Okafor" else maya
        is_ivan = line["person"]["name"] == "Ivan Petrov"
        body = {"verdict": "revoke", "reason": WHY} if is_ivan else {"verdict": "keep"}
        told = judge.post(f"access-reviews/lines/{line['id']}/decide/", body)
        assert told["verdict"] == body["verdict"] and told["decided_by"]
    assert Membership.objects.get(person_id=people.ivan.person_id).ended_at
    done = maya.post(f"access-reviews/{made['id']}/finish/")
    assert done["artifact_ref"] and (done["decided"], done["revoked"]) == (done["total"], 1)
    assert [row["id"] for row in maya.get("access-reviews/")["results"]] == [made["id"]]


def test_nobody_decides_about_their_own_through_whichever_account(org, people, maya, edda):
    linked(people, people.maya, people.ivan)
    made = maya.post("access-reviews/", status=201)
    own = [line for line in lines_of(maya, made["id"]) if line["person"]["name"] in ("Maya Okafor", "Ivan Petrov")]
    assert len(own) == 2
    for line in own:
        refused = maya.post(f"access-reviews/lines/{line['id']}/decide/", {"verdict": "keep"}, 409)
        assert refused["rule"] == "R-05"
        edda.post(f"access-reviews/lines/{line['id']}/decide/", {"verdict": "keep"})


def test_a_token_opens_none_and_may_read_with_the_scope(org, people, maya):
    token = Caller(org, people.maya, "manager")
    token.post("access-reviews/", status=422)
    assert not AccessReview.objects.exists()
    made = maya.post("access-reviews/", status=201)
    assert token.get(f"access-reviews/{made['id']}/")["ref"] == made["ref"]
    maya.post("access-reviews/", status=409)
