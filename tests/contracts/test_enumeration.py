"""Nobody learns by trying ids what there is: an unknown one, another organization's and a hidden one answer alike.

Made from the resolver, as the access matrix is: an address with an id in it is tried as soon as it exists. Status,
headers and body are compared, apart from the id that was sent and what is new in every answer: tokens of forms, the
moment of printing, and how long the session still lasts.
Hidden is what a caller is refused everywhere: if one address shows it to them, another may say that it refuses.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse

from evidence import tenancy
from evidence.identifiers import uuid7
from portal.edge import sessions
from tests.contracts.addresses import Address, addresses
from tests.contracts.matrix import MATRIX
from tests.contracts.test_access_matrix import OF_A_FINDING, asked, forgotten, prove_again, reference, sent, signed_in
from tests.contracts.world import World, people_of

# Blanks that name no thing of an organization: a way to show or do something, a place within a thing that was found.
NO_IDS = {"organization", "slug", "verb", "kind", "level", "object_type", "number", "page", "filename", "path", "key"}
# 256 random bits that nobody lists; and sizes and hashes that are public where the organization publishes them at all.
APART = {
    "accounts:invitation",
    "recipients:page",
    "recipients:file",
    "recipients:proof",
    "recipients:volume",
    "published:checkpoint",
    "published:keys",
    "published:tile",
}
REF = re.compile(r"^[A-Z]+-\d+$")
NEW_EACH_TIME = re.compile(
    r'(csrfmiddlewaretoken" value="|X-CSRFToken(?:": "|&quot;: &quot;))\w+|(data-idle|data-ends|data-session)="\d+"'
    r"|printed \d+ \w+ \d+, \d\d:\d\d"
)
# What comes as a file lists no ids of ours, and takes long to make.
FILE = re.compile(r"(pdf|csv|xlsx|zip|workbook|everything|custody_report|file|form|download|original|picture|page)$")
# Ours grows with the id that a page repeats; the other numbers every request.
NEW_HEADERS = {"Content-Length", "X-Request-ID"}
REFUSED = {401, 403, 404}
WRITES = ("post", "put", "patch", "delete")


@pytest.fixture(autouse=True)
def no_session_grows_older(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer sets the session's cookie anew once a while has passed since the last one, whatever was asked."""
    monkeypatch.setattr(sessions, "_TOUCH_SECONDS", 86_400)


def ids_of(address: Address) -> list[str]:
    return [blank for blank in address.blanks if blank not in NO_IDS]


TRIED = [address for address in addresses() if ids_of(address) and address.key not in APART]
NAMING_ONE = [
    address
    for address in addresses()
    if {"organization", "slug"} & set(address.blanks) and not address.key.startswith("published:")
]


@dataclass
class Answers:
    """What our people are told: a client for each, and the ids that some address shows to each, by itself or in a list."""

    clients: dict[str, Client]
    shown: dict[str, set[str]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def answers(ours: World, theirs: World) -> Answers:
    clients = {word: signed_in(who) for word, who in people_of(ours).items()}
    clients["stranger"], clients["anonymous"] = signed_in(theirs.people.maya), Client()
    for client in clients.values():
        client.raise_request_exception = False
        prove_again(client)
    made = Answers(clients, {word: set() for word in clients})
    ids = {str(value) for address in TRIED for value in own(address, ours)[0].values()}
    ids.add(ours.findings["restricted"].finding.ref)
    for address in addresses():
        row = MATRIX[address.key]
        if FILE.search(address.key):
            continue
        with tenancy.entered(ours.organization.pk):
            url = address.url(ours, reference(address, row, ours))
        for word in set(row.get.split()) & clients.keys() - {"anonymous", "stranger"}:
            with forgotten():
                answer = asked(clients[word], "get", url, {}, keep=False)
            if answer.status_code < 400:
                page = url + ("" if answer.streaming else answer.content.decode(errors="replace"))
                made.shown[word] |= {one for one in ids if one in page}
    return made


def own(address: Address, ours: World) -> tuple[dict[str, Any], str, dict[str, Any]]:
    """Our own ids for the address by blank, its URL, and what a form or program would send there."""
    row = MATRIX[address.key]
    with tenancy.entered(ours.organization.pk):
        ref = reference(address, row, ours)
        known = {blank: address._value(ours, blank, ref) for blank in ids_of(address)}
        return known, address.url(ours, ref), sent(address, row, ours)


def elsewhere(address: Address, theirs: World) -> dict[str, Any]:
    row = MATRIX[address.key]
    with tenancy.entered(theirs.organization.pk):
        ref = reference(address, row, theirs)
        return {blank: address._value(theirs, blank, ref) for blank in ids_of(address)}


def unknown(value: Any) -> Any:
    """An id of the same form that nothing has. Raises TypeError for a blank of a form that this test does not know."""
    if isinstance(value, UUID) or (isinstance(value, str) and re.fullmatch(r"[0-9a-f-]{36}", value)):
        return uuid7()
    if isinstance(value, str) and REF.match(value):
        return f"{value.split('-')[0]}-99999"
    if isinstance(value, int):
        return 987654
    raise TypeError(f"{value!r} is no id; if this blank names nothing, add it to NO_IDS")


def at(address: Address, ours: World, known: dict[str, Any], **other: Any) -> str:
    rest = {
        blank: address._value(ours, blank, "") for blank in address.blanks if blank not in known and blank != "verb"
    }
    verb = {"verb": address.verb} if "verb" in address.blanks else {}
    return reverse(address.name, kwargs={**rest, **known, **verb, **other})


def told(client: Client, method: str, url: str, content: dict[str, Any], *said: Any) -> tuple[int, Any, str]:
    """Status, headers and body, with what the request itself said taken out of them."""
    with forgotten():
        answer = asked(client, method, url, content, keep=False)
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    headers = {name: plain(value, said) for name, value in answer.items() if name not in NEW_HEADERS}
    cookies = {name: {**morsel, "expires": bool(morsel["expires"])} for name, morsel in answer.cookies.items()}
    return answer.status_code, (headers, cookies), plain(body.decode(errors="replace"), said)


def plain(text: str, said: tuple[Any, ...]) -> str:
    for value in said:
        text = re.sub(re.escape(str(value)), "…", text, flags=re.IGNORECASE)
    return NEW_EACH_TIME.sub("", text)


def methods(address: Address) -> Iterator[tuple[str, list[str]]]:
    """The methods that somebody reaches, with who does, and reading in any case."""
    row = MATRIX[address.key]
    for method in ("get", *WRITES):
        let_in = getattr(row, method).split()
        if let_in or method == "get" or (method == "post" and not row.get):
            yield method, let_in


@pytest.mark.parametrize("address", TRIED, ids=lambda address: address.key)
def test_unknown_foreign_and_hidden_ids_answer_alike(address: Address, ours: World, theirs: World, answers: Answers):
    known, url, content = own(address, ours)
    foreign = elsewhere(address, theirs)
    wrong = []
    for blank, value in known.items():
        nothing, other = unknown(value), foreign[blank]
        of_nothing = at(address, ours, known, **{blank: nothing})
        of_another = at(address, ours, known, **{blank: other})
        for method, let_in in methods(address):
            for word in tried_as(let_in):
                client = answers.clients[word]
                first = told(client, method, of_nothing, content, nothing)
                if of_another not in (url, of_nothing):
                    second = told(client, method, of_another, content, other)
                    wrong += differences(
                        f"{method.upper()} {of_another} as {word}, another organization's", first, second
                    )
                for hidden in hidden_ones(address, blank, value, ours):
                    if str(hidden) in answers.shown[word]:
                        continue
                    of_hidden = at(address, ours, known, **{blank: hidden})
                    third = told(client, method, of_hidden, content, hidden)
                    if third[0] in REFUSED or (third[0] >= 400 and word not in let_in):
                        wrong += differences(f"{method.upper()} {of_hidden} as {word}, hidden from them", first, third)
    assert not wrong, "\n".join(wrong)


def tried_as(let_in: list[str]) -> list[str]:
    """Two of those who are let in, since the thing itself is looked for then, and who is not."""
    return list(dict.fromkeys([*let_in[:1], *let_in[-1:], "engineer"]))


def hidden_ones(address: Address, blank: str, value: Any, ours: World) -> list[Any]:
    """What may be hidden from a caller: our own thing, and a finding that is kept to a few."""
    secret = [ours.findings["restricted"].finding.ref] if blank == "ref" and address in OF_A_FINDING else []
    return [value, *(one for one in secret if one != value)]


def differences(what: str, unknown_told: tuple[int, Any, str], other_told: tuple[int, Any, str]) -> list[str]:
    if unknown_told[0] != other_told[0]:
        return [f"{what}: {other_told[0]}, and {unknown_told[0]} for an unknown id"]
    (one, _), (other, _) = unknown_told[1], other_told[1]
    if unknown_told[1] != other_told[1]:
        named = sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
        return [f"{what}: {[(name, other.get(name), one.get(name)) for name in named] or 'cookies'}"]
    body, other_body = unknown_told[2], other_told[2]
    if body == other_body:
        return []
    same = next((n for n, pair in enumerate(zip(body, other_body, strict=False)) if pair[0] != pair[1]), 0)
    place = max(0, same - 40)
    return [f"{what}: {other_body[place : place + 160]!r}, and {body[place : place + 160]!r} for an unknown id"]


@pytest.mark.parametrize("address", NAMING_ONE, ids=lambda address: address.key)
def test_an_organization_that_is_not_ones_own_is_as_unknown_as_none(
    address: Address,
    ours: World,
    theirs: World,
    answers: Answers,
):
    known, _, content = own(address, ours)
    blank = "organization" if "organization" in address.blanks else "slug"
    wrong = []
    for word in ("manager", "anonymous"):
        for method in ("get",) if MATRIX[address.key].get else ("get", "post"):
            pair = [
                told(answers.clients[word], method, at(address, ours, known, **{blank: slug}), content, slug)
                for slug in ("no-such-firm", theirs.slug)
            ]
            wrong += differences(f"{method.upper()} {address.key} as {word}", *pair)
    assert not wrong, "\n".join(wrong)


def test_what_is_shown_is_told_apart_from_what_is_hidden(answers: Answers, ours: World):
    """The test against itself: the keeper's own ids are shown to them, and the restricted finding to nobody outside."""
    secret = ours.findings["restricted"].finding.ref
    assert len(answers.shown["manager"]) > 30
    assert secret in answers.shown["manager"] and secret not in answers.shown["executive"]
    assert not answers.shown["stranger"] - {str(ours.organization.pk)} and not answers.shown["anonymous"]
