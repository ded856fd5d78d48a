"""Privileged roles over the API: asked by one administrator, decided by another, never by a token."""

import pytest

from portal.accounts.models import Membership
from tests.people import actor, join
from tests.portal.api.test_the_whole_way import Caller

WHY = "Stands in for the approver on leave."


@pytest.fixture
def anna(org, people):
    return actor(org, join(org, "Anna Second", "administrator"))


def test_two_administrators_give_a_role_over_the_api(org, people, anna):
    adam, second = (Caller(org, who, "administrator", session=True) for who in (people.adam, anna))
    body = {"role": "approver", "reason": WHY, "person_id": str(people.ines.person_id)}
    asked = adam.post("role-requests/", body, 201)
    assert (asked["state"], asked["ref"], asked["person"]["name"]) == ("open", "GR-001", "Ines Duarte")
    at = f"role-requests/{asked['id']}/decide/"
    decision = {"verdict": "grant", "reason": "Agreed with her lead."}
    own = adam.post(at, decision, 409)
    assert (own["code"], own["rule"]) == ("duty_conflict", "S-52")
    done = second.post(at, decision)
    assert (done["state"], done["decided_by"]["name"]) == ("granted", "Anna Second")
    assert Membership.objects.filter(person_id=people.ines.person_id, role="approver").exists()
    assert [row["id"] for row in adam.get("role-requests/", state="granted")["results"]] == [asked["id"]]


def test_a_token_neither_asks_nor_decides(org, people, anna):
    token = Caller(org, people.adam, "administrator")
    body = {"role": "approver", "reason": WHY, "person_id": str(people.ines.person_id)}
    refused = token.post("role-requests/", body, 403)
    assert (refused["code"], refused["rule"]) == ("reauthenticate", "R-03")


def test_somebody_is_invited_or_a_member_named_never_both(org, people, anna):
    adam = Caller(org, people.adam, "administrator", session=True)
    new = {"role": "manager", "reason": WHY, "name": "Nora Neu", "email": "nora@x.example"}
    assert adam.post("role-requests/", new, 201)["email"] == "nora@x.example"
    adam.post("role-requests/", {**new, "person_id": str(people.ines.person_id)}, 422)
    adam.post("role-requests/", {"role": "engineer", "reason": WHY, "person_id": str(people.ines.person_id)}, 422)
