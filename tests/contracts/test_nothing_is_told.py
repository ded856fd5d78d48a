"""Nobody learns what exists by asking: what is unknown, what is forbidden and what is another organization's answer alike."""

import re
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from evidence import tenancy
from evidence.identifiers import uuid7
from portal.accounts import services
from tests.contracts.addresses import Address, addresses
from tests.contracts.matrix import MATRIX
from tests.contracts.test_access_matrix import forgotten, reference, signed_in
from tests.contracts.test_two_organizations import theirs  # noqa: F401  a fixture
from tests.contracts.world import World, people_of
from tests.people import PASSWORD

IDS = {"ref", "item", "request_id", "job", "run", "redaction_id", "upload", "package", "event", "object_id", "blob", "person",
       "membership", "token", "grant", "stamp"}  # fmt: skip
NAMED = [
    address
    for address in addresses()
    if MATRIX[address.key].get and IDS & set(address.blanks) and "organization" in address.blanks
]
OPEN = "manager"
CLOSED = ("auditor_without", "administrator", "engineer")
HEADERS = ("Content-Type", "Cache-Control", "Vary", "Content-Security-Policy", "ETag", "Allow")


@pytest.fixture(scope="module")
def clients(ours: World) -> dict[str, Client]:
    made = {word: signed_in(who) for word, who in people_of(ours).items()}
    for client in made.values():
        client.raise_request_exception = False
    return made


def unknown(value: Any) -> Any:
    """Something of the same shape that nobody has."""
    if isinstance(value, UUID):
        return uuid7()
    text = str(value)
    number = re.fullmatch(r"([A-Z]+-)\d+", text)
    return f"{number[1]}98765" if number else text


def values(address: Address, world: World, ref: str) -> dict[str, Any]:
    return {blank: address._value(world, blank, ref) for blank in address.blanks}


def told(client: Client, address: Address, given: dict[str, Any]) -> tuple[Any, ...]:
    """Status, headers and body, without what is new in each answer and without the words of the question."""
    url = reverse(address.name, kwargs=given)
    with forgotten(), tenancy.entered(None):
        answer = client.get(url)
        body = (b"".join(answer.streaming_content) if answer.streaming else answer.content).decode(errors="replace")
    for word in sorted(map(str, [url, *given.values()]), key=len, reverse=True):
        if len(word) > 3:
            body = body.replace(word, "…")
    body = re.sub(r'(csrfmiddlewaretoken" value="|X-CSRFToken": "|X-CSRFToken&quot;: &quot;)\w+', "", body)
    body = re.sub(r"\d\d:\d\d UTC|data-(session|ends)=\"\d+\"", "", body)
    return answer.status_code, {name: answer.get(name) for name in HEADERS}, body


@pytest.mark.slow
@pytest.mark.parametrize("address", NAMED, ids=lambda address: address.key)
def test_another_organizations_and_an_unknown_id_answer_alike(address: Address, ours: World, theirs: World, clients):  # noqa: F811
    with tenancy.entered(theirs.organization.pk):
        foreign = values(
            address, replace(theirs, organization=ours.organization), reference(address, MATRIX[address.key], theirs)
        )
    invented = {name: unknown(value) if name in IDS else value for name, value in foreign.items()}
    for word in (OPEN, *CLOSED):
        assert told(clients[word], address, foreign) == told(clients[word], address, invented), word


@pytest.mark.slow
@pytest.mark.parametrize("address", NAMED, ids=lambda address: address.key)
def test_what_is_forbidden_and_what_is_unknown_answer_alike(address: Address, ours: World, clients):
    row = MATRIX[address.key]
    with tenancy.entered(ours.organization.pk):
        existing = values(address, ours, reference(address, row, ours))
    invented = {name: unknown(value) if name in IDS else value for name, value in existing.items()}
    for word in set(CLOSED) - set(row.get.split()):
        assert told(clients[word], address, existing) == told(clients[word], address, invented), word


def test_signing_in_does_not_tell_who_has_an_account(org, people):
    def tried(email):
        answer = Client().post("/signin", {"email": email, "password": "not the password"})
        return (
            answer.status_code,
            answer.content.decode().replace(email, "…").split("csrfmiddlewaretoken")[0],
            sorted(answer.cookies),
        )

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
        answer = client.post(f"/o/{org.slug}/settings/people/invite", {"name": "N", "email": email, "role": "engineer"})
        answers.append((answer.status_code, answer.get("Location")))
    assert answers[0] == answers[1]
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
