"""Nobody learns who is known here by trying: sign-in, invitations and their links answer alike, whoever is meant."""

import re

import pytest
from django.core import mail
from django.test import Client

from portal.accounts import services
from tests.contracts.test_access_matrix import signed_in
from tests.people import PASSWORD


def without_the_new(body: str) -> str:
    """The page without what is new in each answer: its tokens."""
    return re.sub(r'(csrfmiddlewaretoken" value="|X-CSRFToken(": "|&quot;: &quot;))\w+', "", body)


def test_signing_in_does_not_tell_who_has_an_account(org, people):
    def tried(email):
        answer = Client().post("/signin", {"email": email, "password": "not the password"})
        page = without_the_new(answer.content.decode().replace(email, "…"))
        return answer.status_code, page, sorted(answer.cookies)

    assert tried("maya@lumenroll.example") == tried("nobody@lumenroll.example")
    account = people.maya.rights
    account.is_active = False
    account.save()
    assert tried("maya@lumenroll.example") == tried("nobody@lumenroll.example")


def test_an_unknown_account_costs_the_same_hash(org, people, monkeypatch):
    """Timing is not measured on a shared machine; that a password is hashed either way is."""
    from django.contrib.auth.hashers import MD5PasswordHasher

    hashed = []
    encode = MD5PasswordHasher.encode
    monkeypatch.setattr(MD5PasswordHasher, "encode", lambda self, *given: hashed.append(1) or encode(self, *given))
    counts = []
    for email in ("maya@lumenroll.example", "nobody@lumenroll.example"):
        hashed.clear()
        Client().post("/signin", {"email": email, "password": "not the password"})
        counts.append(len(hashed))
    assert counts[0] == counts[1] > 0


def test_an_invitation_does_not_tell_who_has_an_account(org, people):
    """The inviting administrator gets one answer, whoever holds the address."""
    client = signed_in(people.adam)
    elsewhere = "stranger@otherfirm.example"
    services.Account.objects.create_account(elsewhere, PASSWORD, person=services.Person.objects.create(name="Sol"))
    answers = []
    for email in (elsewhere, "nobody@otherfirm.example"):
        given = {"name": "N", "email": email, "role": "engineer", "password": PASSWORD}
        answer = client.post(f"/o/{org.slug}/settings/people/invite", given)
        answers.append((answer.status_code, answer.get("Location")))
    assert answers[0] == answers[1] and answers[0][0] == 302
    assert not mail.outbox or len({one.subject for one in mail.outbox}) == 1


@pytest.mark.parametrize("slug", ["lumenroll", "nowhere"])
def test_a_link_that_was_made_up_is_no_invitation_whether_or_not_the_organization_exists(org, slug):
    answer = Client().get(f"/invite/{slug}/made-up")
    assert answer.status_code == 404
    assert b"Lumenroll" not in answer.content


def test_files_have_no_address_of_their_own(org, people):
    """What is stored is reached through its record alone, by id and right; no path leads to bytes."""
    from django.urls import get_resolver

    from tests.contracts.addresses import patterns

    routes = [route for route, _, _ in patterns(get_resolver().url_patterns)]
    assert not [
        route
        for route in routes
        if re.search(r"blob|media|uploads?/<path|sha256", route) and "imports" not in route and "import/" not in route
    ]
