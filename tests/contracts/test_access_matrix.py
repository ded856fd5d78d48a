"""Every address × method × role against the matrix, default deny: an address without a row fails the suite."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client

from evidence import clock, tenancy
from portal.accounts import roles
from tests.contracts.addresses import Address, addresses
from tests.contracts.matrix import MATRIX, Row
from tests.contracts.world import World, found, people_of
from tests.people import account_of
from tests.portal.edge.test_who_is_let_in import bearer

ALL = addresses()
METHODS = ("get", "head", "post", "put", "patch", "delete", "options")
REFUSED = {401, 403, 404, 405}
# Any request of a session renews it; a proof of identity stands, though the act that it was for was refused.
EXEMPT = ("django_session", "accounts_signedin", "accounts_proof")
# Scopes of the same role: a whole token, and an auditor whose only engagement is another one.
SAME_AS = {"token_of_manager": "manager", "auditor_elsewhere": "auditor_without"}
# Who is not let in to the restricted finding, whatever their role.
OUTSIDE = ("reviewer", "approver", "executive", "administrator", "auditor", "auditor_without", "support", "stranger")
OF_A_FINDING = [
    address for address in ALL
    if ("ref" in address.blanks and address.key.split(":")[0].split("/")[0] in ("findings", "triage", "api-finding", "access"))
    or address.key.startswith("api-finding-") or address.key in ("api-finding", "auditor:finding")
]  # fmt: skip


# As a token is that this client has used today: no request has to note it.
USED = {"last_used_on": clock.today(), "last_address": "127.0.0.1"}


@pytest.fixture(scope="module")
def callers(ours: World) -> dict[str, Client]:
    """A client per role, already signed in."""
    elsewhere = found("otherfirm", "Otherfirm")
    with tenancy.entered(elsewhere.pk):
        theirs = build_small(elsewhere)
    clients = {word: signed_in(who) for word, who in people_of(ours).items()}
    clients["stranger"] = signed_in(theirs)
    clients["anonymous"] = Client()
    with tenancy.entered(ours.organization.pk):
        headers, row = bearer(ours.people.maya, "deals.view")
        type(row).objects.filter(pk=row.pk).update(scopes=[], **USED)
    clients["token"] = Client(headers=headers)
    with tenancy.entered(ours.organization.pk):
        scopes = sorted(roles.ROLES["manager"].permissions)
        headers, row = bearer(ours.people.maya, *scopes)
        type(row).objects.filter(pk=row.pk).update(**USED)
    clients["token_of_manager"] = Client(headers=headers)
    for client in clients.values():
        client.raise_request_exception = False
    return clients


@pytest.fixture(scope="module")
def before(ours: World, callers: dict[str, Client]) -> dict[str, Any]:
    """What the organization holds. Every test leaves it as it was."""
    return rows_of(ours)


def build_small(organization: Any) -> Any:
    from tests.contracts.world import actor, join

    return actor(organization, join(organization, "Sol Stranger", "manager"))


def signed_in(someone: Any) -> Client:
    client = Client()
    client.force_login(account_of(someone), backend="portal.accounts.backend.RoleBackend")
    return client


def prove_again(client: Client) -> None:
    """As if they had just typed their password: on a busy machine the matrix takes longer than a proof stays fresh."""
    if client.cookies:
        session = client.session
        session["authenticated_at"] = session["seen_at"] = clock.now().isoformat()
        session.save()


def test_every_address_has_a_row_and_every_row_an_address():
    keys = {address.key for address in ALL}
    assert not keys - MATRIX.keys(), "an address without a row: decide who is let in, then write it into matrix.py"
    assert not MATRIX.keys() - keys, "a row without an address"


@pytest.mark.parametrize("address", ALL, ids=lambda address: address.key)
def test_only_those_of_the_row_are_let_in(address: Address, ours: World, callers: dict[str, Client], before):
    row = MATRIX[address.key]
    for client in callers.values():
        prove_again(client)
    with tenancy.entered(ours.organization.pk):
        url = address.url(ours, reference(address, row, ours))
        content = sent(address, row, ours)
    with forgotten():
        wrong = faults(address, row, url, content, callers)
        assert not wrong, "\n".join(wrong)
        assert rows_of(ours) == before, "a refused request left something behind"


@pytest.mark.parametrize("address", OF_A_FINDING, ids=lambda address: address.key)
def test_a_restricted_finding_is_there_for_nobody_outside(address: Address, ours: World, callers: dict[str, Client]):
    """URL × role × method again, in the scope of need-to-know: unknown and forbidden answer alike."""
    ref = ours.findings["restricted"].finding.ref
    if address.key in ("access:artifact", "access:engagement"):
        pytest.skip("this address names no finding")
    with tenancy.entered(ours.organization.pk):
        url, unknown = address.url(ours, ref), address.url(ours, "F-99999")
        content = sent(address, MATRIX[address.key], ours)
    for word in OUTSIDE:
        prove_again(callers[word])
        for method in ("get", "post"):
            answer = asked(callers[word], method, url, content, keep=False)
            assert answer.status_code in REFUSED, f"{method.upper()} {url} as {word}: {answer.status_code}"
            assert answer.status_code == asked(callers[word], method, unknown, content, keep=False).status_code


@contextmanager
def forgotten() -> Iterator[None]:
    """So that one address that leaves something behind fails alone."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def faults(address: Address, row: Row, url: str, content: dict[str, Any], callers: dict[str, Client]) -> list[str]:
    wrong = []
    for word, client in callers.items():
        if word in ("token", "token_of_manager") and not address.is_api:
            continue
        for method in METHODS:
            # A token with all of its owner's scopes reaches what they reach; one without any reaches what `token` says.
            named = SAME_AS.get(word, word)
            expected = named in getattr(row, "get" if method == "head" else method, "").split()
            if row.in_person and method == "post" and word == "token_of_manager":
                expected = False
            expected = expected or (word == "token" and row.token and method in ("get", "head"))
            answer = asked(client, method, url, content, keep=not expected)
            fault = judged(answer, method, expected)
            if fault:
                wrong.append(f"{method.upper()} {url} as {word}: {fault}")
    return wrong


def reference(address: Address, row: Row, world: World) -> str:
    if row.at == "picture":
        return world.picture.ref
    if row.at == "held":
        return world.held.ref
    if not row.at:
        return ""
    return world.findings[row.at].finding.ref


def sent(address: Address, row: Row, world: World) -> dict[str, Any]:
    headers = {}
    if address.is_api:
        name = "task" if address.name.startswith("api-task") else row.at or "closed"
        subject = world.findings["in_remediation"].task if name == "task" else None
        subject = subject or (world.findings[row.at].finding if row.at in world.findings else None)
        if subject is not None:
            # Restricted or not: the world itself has entered as nobody.
            with tenancy.as_the_product():
                subject.refresh_from_db()
            headers["If-Match"] = f'"{subject.version}"'
    if row.raw is not None:
        return {"data": row.raw, "content_type": "application/octet-stream", "headers": headers}
    body = row.body(world) if callable(row.body) else row.body or {}
    return {"data": body, "headers": headers} | ({"content_type": "application/json"} if address.is_api else {})


def asked(client: Client, method: str, url: str, content: dict[str, Any], *, keep: bool) -> Any:
    """The answer. What an allowed request wrote is forgotten; a refused one has nothing to forget."""
    given = content if method in ("post", "put", "patch", "delete") else {}
    if method in ("put", "patch", "delete") and "content_type" not in given:
        given = {"data": b"", "headers": given["headers"]}
    session = dict(client.cookies)
    with transaction.atomic(), tenancy.entered(None):
        answer = getattr(client, method)(url, **given)
        if getattr(answer, "streaming", False):
            b"".join(answer.streaming_content)
        if not keep:
            transaction.set_rollback(True)
    if url == "/signout":
        client.cookies.clear()
        client.cookies.update(session)
    return answer


def judged(answer: Any, method: str, expected: bool) -> str:
    """What is wrong with the answer, in words; empty when nothing is."""
    status = answer.status_code
    to_sign_in = status in (301, 302) and answer["Location"].split("?")[0] == "/signin"
    if expected:
        if method == "head" and status == 405:
            return ""
        return f"refused with {status}: {words(answer)}" if status in REFUSED or status >= 500 else ""
    if status in REFUSED or to_sign_in:
        return ""
    return f"not refused: {status} {words(answer)}"


def words(answer: Any) -> str:
    return "" if getattr(answer, "streaming", False) else answer.content.decode(errors="replace")[-300:]


def rows_of(world: World) -> dict[str, Any]:
    """A fingerprint of every table that the app may read, as it sees the organization."""
    with tenancy.entered(world.organization.pk), connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND has_table_privilege(c.oid, 'SELECT')"
            " AND c.relname <> ALL(%s) ORDER BY 1",
            [list(EXEMPT)],
        )
        tables = [name for (name,) in cursor.fetchall()]
        cursor.execute(
            " UNION ALL ".join(
                f"SELECT '{name}', count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) FROM {name} t"
                for name in tables
            )
        )
        return {name: (count, total) for name, count, total in cursor.fetchall()}
