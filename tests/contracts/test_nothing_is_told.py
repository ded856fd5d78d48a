"""Nobody learns who is known here by trying: sign-in, invitations and their links answer alike, whoever is meant."""

import re

import pytest
from django.core import mail
from django.test import Client

from evidence import tenancy
from portal.accounts import services
from tests.contracts.addresses import addresses
from tests.contracts.test_access_matrix import signed_in
from tests.people import PASSWORD, actor, join
from tests.portal.edge.test_who_is_let_in import bearer

MADE_UP = {"Authorization": "Bearer clh_" + "x" * 49}


def without_the_new(body: str) -> str:
    """The page without what is new in each answer: its tokens."""
    return re.sub(r'(csrfmiddlewaretoken" value="|X-CSRFToken(": "|&quot;: &quot;))\w+', "", body)


def told(answer, *said):
    """Status, headers and page, without what the request said itself."""
    new = ("Content-Length", "X-Request-ID")
    page, headers = answer.content.decode(), {name: value for name, value in answer.items() if name not in new}
    for word in said:
        page = page.replace(word, "…")
        headers = {name: value.replace(word, "…") for name, value in headers.items()}
    return answer.status_code, headers, without_the_new(page), sorted(answer.cookies)


def tried(email, password="not the password"):
    return told(Client().post("/signin", {"email": email, "password": password}), email)


def test_signing_in_does_not_tell_who_has_an_account(org, people):
    assert tried("maya@lumenroll.example") == tried("nobody@lumenroll.example")
    account = people.maya.rights
    account.is_active = False
    account.save()
    assert tried("maya@lumenroll.example") == tried("nobody@lumenroll.example")
    # Who is no longer let in learns nothing by the right password either.
    assert tried("maya@lumenroll.example", PASSWORD) == tried("nobody@lumenroll.example", PASSWORD)


def test_guessing_on_and_on_does_not_tell_who_has_an_account(org, people):
    """Whoever is throttled is so after as many tries, in the same words."""
    known = [tried("maya@lumenroll.example") for _ in range(12)]
    assert known == [tried("nobody@lumenroll.example") for _ in range(12)]


def test_asking_for_a_passkey_does_not_tell_who_has_one(org, people):
    """The question to a device names no account before somebody has signed in, whatever address is sent along."""
    for email in ("maya@lumenroll.example", "nobody@lumenroll.example"):
        answer = Client().post("/signin/passkey", {"email": email})
        assert answer.status_code == 200 and not answer.json().get("publicKey", answer.json()).get("allowCredentials")


def test_there_is_no_other_way_to_ask_after_an_account():
    """No page resets a password by mail, where an answer could tell who is known: an administrator invites anew."""
    names = {address.name for address in addresses() if "organization" not in address.blanks}
    assert not [name for name in names if re.search(r"reset|forgot|recover|register|signup", name)]


def test_a_token_of_elsewhere_is_as_unknown_as_a_made_up_one(org, people, other_org):
    with tenancy.entered(other_org.pk):
        stranger = actor(other_org, join(other_org, "Sol Stranger", "manager"))
        foreign, _ = bearer(stranger, "findings.view")
        ended, gone = bearer(stranger, "findings.view")
        services.revoke_token(gone.pk, actor=stranger)
    url = f"/api/v1/organizations/{org.slug}/findings/"
    answers = [told(Client().get(url, headers=headers)) for headers in (foreign, ended, MADE_UP)]
    assert answers[0] == answers[1] == answers[2] and answers[0][0] == 401
    # Nor does it tell whether the organization exists.
    assert told(Client().get(url.replace(org.slug, "no-such-firm"), headers=foreign)) == answers[0]


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
