"""Signing in, invitations, people and tokens, through their pages."""

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client

from evidence import clock
from portal.accounts.models import Account, ApiToken, Invitation, Membership
from tests.people import PASSWORD, account_of, join


def signed_in(actor):
    client = Client()
    client.force_login(account_of(actor), backend="portal.accounts.backend.RoleBackend")
    return client


def test_a_right_password_leads_to_the_roles_home(org, people):
    client = Client()
    answer = client.post("/signin", {"email": "MAYA@lumenroll.example", "password": PASSWORD})
    assert answer.status_code == 302
    assert client.get("/").url.startswith(f"/o/{org.slug}/")


@pytest.mark.parametrize("email", ["maya@lumenroll.example", "nobody@lumenroll.example"])
def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(people, email):
    answer = Client().post("/signin", {"email": email, "password": "wrong"})
    assert answer.status_code == 422
    assert "do not belong together" in answer.content.decode()


def test_guessing_is_slowed_for_the_guesser_and_not_for_the_owner(people):
    guesser = Client(REMOTE_ADDR="203.0.113.9")
    for _ in range(8):
        last = guesser.post("/signin", {"email": "maya@lumenroll.example", "password": "wrong"})
    assert last.status_code == 429
    assert last["Retry-After"]
    assert guesser.post("/signin", {"email": "maya@lumenroll.example", "password": PASSWORD}).status_code == 429
    owner = Client(REMOTE_ADDR="198.51.100.7")
    assert owner.post("/signin", {"email": "maya@lumenroll.example", "password": PASSWORD}).status_code == 302


def test_a_session_ends_when_idle_and_after_eight_hours(org, people):
    client = Client()
    client.post("/signin", {"email": "maya@lumenroll.example", "password": PASSWORD})
    page = f"/o/{org.slug}/jobs/"
    assert client.get(page).status_code == 200
    with clock.at(clock.now() + timedelta(minutes=16)):
        answer = client.get(page)
        assert (answer.status_code, answer.url.split("?")[0]) == (302, "/signin")
    client.post("/signin", {"email": "maya@lumenroll.example", "password": PASSWORD})
    begin = clock.now()
    for step in range(1, 49):
        with clock.at(begin + timedelta(minutes=10 * step)):
            status = client.get(page).status_code
        if status != 200:
            break
    assert step == 48


def test_a_right_password_after_a_wrong_one_signs_in(people):
    client = Client()
    assert client.post("/signin", {"email": "maya@lumenroll.example", "password": "mistyped"}).status_code == 422
    assert client.post("/signin", {"email": "maya@lumenroll.example", "password": PASSWORD}).status_code == 302


def test_next_never_leads_to_another_site(people):
    answer = Client().post(
        "/signin?next=https://evil.example/",
        {"email": "maya@lumenroll.example", "password": PASSWORD, "next": "https://evil.example/"},
    )
    assert answer.url == "/"


def test_an_invitation_by_mail_lets_one_person_in_once(org, people, django_capture_on_commit_callbacks):
    client = signed_in(people.adam)
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(
            f"/o/{org.slug}/settings/people/invite",
            {
                "name": "Nora Neu", "email": "nora@lumenroll.example", "role": "engineer",
                "department": "Engineering", "password": PASSWORD,
            },
        )  # fmt: skip
    assert answer.status_code == 302
    link = re.search(r"http://\S+(/invite/\S+)", mail.outbox[0].body).group(1)
    assert link.rsplit("/", 1)[1] not in str(Invitation.objects.values().get())
    guest = Client()
    assert guest.get(link).status_code == 200
    assert guest.post(link, {"password": "short"}).status_code == 422
    assert not Account.objects.filter(email="nora@lumenroll.example").exists()
    assert guest.post(link, {"password": "a fine long password"}).status_code == 302
    membership = Membership.objects.get(person__name="Nora Neu")
    assert (membership.role, membership.granted_by_id) == ("engineer", people.adam.person_id)
    assert Client().get(link).status_code == 409


def test_an_invitation_ends_after_seven_days(org, people):
    from portal.accounts import services

    issued = services.invite(email="late@x.example", name="Late", role="engineer", actor=people.adam)
    with clock.at(clock.now() + timedelta(days=8)):
        assert Client().get(f"/invite/{org.slug}/{issued.secret}").status_code == 409


def test_a_toxic_pair_is_refused_on_the_page_with_its_rule(org, people):
    admin = join(org, "Anna Second", "administrator")
    client = Client()
    client.force_login(admin, backend="portal.accounts.backend.RoleBackend")
    given = {"role": "approver", "reason": "Approves as well, by and by.", "password": PASSWORD}
    answer = client.post(f"/o/{org.slug}/settings/people/{people.adam.person_id}/roles", given)
    assert answer.status_code == 409
    assert "rule N-01" in answer.content.decode()


def test_people_is_hidden_from_who_may_not_see_it(org, people):
    assert signed_in(people.ines).get(f"/o/{org.slug}/settings/people").status_code == 404
    assert signed_in(people.maya).get(f"/o/{org.slug}/settings/people").status_code == 200
    assert signed_in(people.maya).post(f"/o/{org.slug}/settings/people/invite", {}).status_code == 404


def test_the_people_page_costs_the_same_queries_for_many_people(org, people, django_assert_num_queries):
    client = signed_in(people.adam)
    page = f"/o/{org.slug}/settings/people"
    client.get(page)
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as few:
        client.get(page)
    for number in range(30):
        join(org, f"Person {number}", "engineer", email=f"p{number}@x.example")
    with CaptureQueriesContext(connection) as many:
        client.get(page)
    assert len(many) == len(few)


def test_a_new_tokens_secret_is_shown_once(org, people):
    client = signed_in(people.ines)
    page = f"/o/{org.slug}/profile"
    answer = client.post(page, {"name": "ci", "days": "30", "scopes": ["evidence.upload"]})
    secret = re.search(r"clh_[\w-]{40,}", answer.content.decode()).group(0)
    assert secret not in client.get(page).content.decode()
    token = ApiToken.objects.get()
    assert client.post(f"/o/{org.slug}/profile/tokens/{token.pk}/revoke").status_code == 302
    assert client.post(page, {"name": "", "days": "900"}).status_code == 422


def test_html_in_a_name_is_shown_as_text(org, people):
    join(org, "<script>alert(1)</script>", "engineer", email="x@x.example")
    page = signed_in(people.maya).get(f"/o/{org.slug}/settings/people").content.decode()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_pages_carry_a_strict_policy_and_no_inline_style(org, people):
    answer = signed_in(people.maya).get(f"/o/{org.slug}/settings/people")
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert "style=" not in answer.content.decode()
