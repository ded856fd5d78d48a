"""An old session, a planted one, a repeated form: none opens anything (SECURITY.md, accounts)."""

import math
import re

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.test import Client

from evidence import tenancy
from portal.accounts import services
from portal.accounts.models import Membership
from tests.contracts.test_access_matrix import signed_in
from tests.people import PASSWORD

WRITE = {"name": "ci", "days": "30", "scopes": ["jobs.view"]}


def sign_in(client, email="maya@lumenroll.example"):
    return client.post("/signin", {"email": email, "password": PASSWORD})


def test_signing_in_changes_the_session_and_leaves_the_old_one_empty(org, people):
    """Fixation: what an attacker planted before is worth nothing afterwards."""
    client = Client()
    planted = SessionStore()
    planted["ended"] = "idle"
    planted.save()
    client.cookies["sessionid"] = planted.session_key
    assert sign_in(client).status_code == 302
    assert client.cookies["sessionid"].value != planted.session_key
    thief = Client()
    thief.cookies["sessionid"] = planted.session_key
    assert thief.get(f"/o/{org.slug}/findings").status_code == 302
    assert not Session.objects.filter(session_key=planted.session_key).exists()


def test_a_made_up_session_is_never_adopted(org, people):
    client = Client()
    client.cookies["sessionid"] = "a" * 32
    sign_in(client)
    assert client.cookies["sessionid"].value != "a" * 32


def test_a_session_that_was_ended_opens_nothing_however_its_cookie_is_sent(org, people):
    client = Client()
    sign_in(client)
    kept = client.cookies["sessionid"].value
    client.post("/signout")
    for name in ("sessionid", "__Host-session"):
        replay = Client()
        replay.cookies[name] = kept
        assert replay.get(f"/o/{org.slug}/findings").status_code == 302
        assert replay.get(f"/api/v1/organizations/{org.slug}/findings/").status_code == 401


def test_a_form_sent_again_after_signing_out_does_nothing(org, people):
    """The same request, byte for byte: the CSRF token still fits its cookie, the session is gone."""
    client = Client(enforce_csrf_checks=True)
    page = client.get("/signin").content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page).group(1)
    assert (
        client.post(
            "/signin", {"email": "ines@lumenroll.example", "password": PASSWORD, "csrfmiddlewaretoken": token}
        ).status_code
        == 302
    )
    page = client.get(f"/o/{org.slug}/profile").content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page).group(1)
    cookies = {name: morsel.value for name, morsel in client.cookies.items()}
    body = {**WRITE, "csrfmiddlewaretoken": token}
    client.post("/signout", {"csrfmiddlewaretoken": token})
    replay = Client(enforce_csrf_checks=True)
    for name, value in cookies.items():
        replay.cookies[name] = value
    answer = replay.post(f"/o/{org.slug}/profile", body)
    assert answer.status_code in (302, 403)
    if answer.status_code == 302:
        assert answer["Location"].startswith("/signin")
    with tenancy.entered(org.pk):
        assert b"clh_" not in answer.content


def test_reading_a_page_signs_nobody_in(org, people):
    client = Client()
    for path in (
        "/",
        "/signin",
        f"/o/{org.slug}/findings",
        "/signin?email=maya@lumenroll.example&password=" + PASSWORD,
    ):
        client.get(path)
    assert client.get(f"/o/{org.slug}/findings").status_code == 302


def test_session_keys_and_tokens_cannot_be_guessed(org, people):
    client = Client()
    sign_in(client)
    key = client.cookies["sessionid"].value
    assert len(key) * math.log2(36) >= 128
    issued = services.create_token(name="ci", scopes=["jobs.view"], days=5, actor=people.maya)
    assert len(issued.secret.removeprefix("clh_")) * math.log2(62) >= 200
    invited = services.invite(email="n@x.example", name="N", role="engineer", actor=people.adam)
    assert len(invited.secret) * 6 >= 200


def test_who_lost_the_last_role_is_signed_out_at_the_next_request(org, people):
    client = signed_in(people.maya)
    assert client.get(f"/o/{org.slug}/findings").status_code == 200
    row = Membership.objects.get(person_id=people.maya.person_id)
    services.end_role(row.pk, actor=people.adam, reason="They moved on.")
    answer = client.get(f"/o/{org.slug}/findings")
    assert answer.status_code == 302
    assert answer.url.startswith("/signin")


def test_other_sessions_can_be_ended_at_once(org, people):
    here, there = Client(), Client()
    for client in (here, there):
        assert sign_in(client).status_code == 302
        assert client.get(f"/o/{org.slug}/findings").status_code == 200
    assert here.post("/account/security/sessions/end").status_code in (200, 302)
    assert there.get(f"/o/{org.slug}/findings").status_code == 302
    assert here.get(f"/o/{org.slug}/findings").status_code == 200


def test_signing_out_is_on_every_page(org, people):
    for who, path in ((people.maya, "findings"), (people.adam, "settings/people"), (people.ines, "me")):
        page = signed_in(who).get(f"/o/{org.slug}/{path}").content.decode()
        assert re.search(r'<form[^>]*action="/signout"', page), path


@pytest.mark.parametrize("path", ["/signout", "/session/keep"])
def test_acts_are_no_links(org, people, path):
    client = signed_in(people.maya)
    assert client.get(path).status_code == 405
    assert client.get(f"/o/{org.slug}/findings").status_code == 200
