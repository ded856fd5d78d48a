"""Somebody leaves: at that moment all access is gone, what they owned is listed, and coming back brings nothing back."""

import pytest
from django.test import Client

from evidence.errors import DutyConflict, NotAllowed
from evidence.ledger.models import Event
from portal.accounts import leaving, services
from portal.accounts.models import ApiToken, Membership, SignedIn
from tests.people import PASSWORD, account_of, give
from tests.portal.edge.test_who_is_let_in import bearer
from tests.portal.web.test_signing_in_and_people import signed_in
from tests.remediation.story import Story

WHY = "Left the company on Friday."


def signed_in_by_password(email):
    client = Client()
    client.post("/signin", {"email": email, "password": PASSWORD})
    return client


def test_sessions_tokens_and_roles_end_at_the_next_request(org, people):
    client = signed_in_by_password("ines@lumenroll.example")
    headers, token = bearer(people.ines, "findings.view")
    api, page = f"/api/v1/organizations/{org.slug}/findings/", f"/o/{org.slug}/findings"
    assert client.get(page).status_code == Client().get(api, headers=headers).status_code == 200
    left = leaving.leave(people.ines.person_id, actor=people.adam, reason=WHY)
    assert (left.roles, left.tokens, left.sessions) == (1, 1, 1)
    assert client.get(page).url.startswith("/signin")
    assert Client().get(api, headers=headers).status_code == 401
    assert ApiToken.objects.get(pk=token.pk).revoked_at and SignedIn.objects.get().ended_how == "left"


def test_what_they_owned_is_listed_and_stays_theirs(people):
    story = Story(people).until("planned")
    left = leaving.leave(people.ines.person_id, actor=people.adam, reason=WHY)
    assert {one.kind for one in left.owned} == {"finding to fix", "task"}
    story.again()
    assert story.finding.assignee_id == people.ines.person_id


def test_the_end_of_the_last_role_is_leaving(org, people):
    _, token = bearer(people.ines, "findings.view")
    services.end_role(Membership.objects.get(person_id=people.ines.person_id).pk, actor=people.adam, reason=WHY)
    assert ApiToken.objects.get(pk=token.pk).revoked_at
    assert Event.objects.filter(kind="person.left").count() == 1


def test_whoever_comes_back_gets_nothing_back(org, people):
    headers, _ = bearer(people.ines, "findings.view")
    leaving.leave(people.ines.person_id, actor=people.adam, reason=WHY)
    give(org, people.ines.person_id, "engineer")
    assert Client().get(f"/api/v1/organizations/{org.slug}/findings/", headers=headers).status_code == 401


def test_nobody_leaves_by_their_own_hand_and_only_administrators_see_to_it(people):
    with pytest.raises(DutyConflict) as refusal:
        leaving.leave(people.adam.person_id, actor=people.adam, reason=WHY)
    assert refusal.value.rule == "R-02"
    with pytest.raises(NotAllowed):
        leaving.leave(people.ines.person_id, actor=people.maya, reason=WHY)


def test_an_administrator_signs_a_member_out_everywhere(org, people):
    client = signed_in_by_password("ines@lumenroll.example")
    admin = signed_in(people.adam)
    assert admin.post(f"/o/{org.slug}/settings/people/{people.ines.person_id}/sessions/end").status_code == 302
    assert client.get(f"/o/{org.slug}/findings").url.startswith("/signin")


def test_the_pages_show_what_would_end_and_what_ended(org, people):
    Story(people).until("planned")
    admin, page = signed_in(people.adam), f"/o/{org.slug}/settings/people/{people.ines.person_id}/leave"
    assert "End all access of Ines Duarte" in admin.get(page).content.decode()
    done = admin.post(page, {"reason": WHY}).content.decode()
    assert "All access has ended" in done and "Switch on SCIM" in done
    assert admin.get(f"/o/{org.slug}/settings/tokens").status_code == 200


def test_one_ends_ones_other_sessions(org, people):
    here, there = (signed_in_by_password("maya@lumenroll.example") for _ in range(2))
    assert account_of(people.maya).sign_ins.count() == 2
    here.post("/account/security/sessions/end")
    assert there.get(f"/o/{org.slug}/findings").url.startswith("/signin")
    assert here.get(f"/o/{org.slug}/findings").status_code == 200
