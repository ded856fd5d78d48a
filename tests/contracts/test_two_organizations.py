"""Two organizations side by side: whatever the one does, no word, name or file of the other comes out.

The other organization carries a canary in every text it has. Its public ids are far from ours, so that an address
with one of them can mean nothing here.
"""

import io
import re
from dataclasses import replace
from typing import Any

import pypdfium2
import pytest
from django.db import connection, transaction
from django.test import Client

from evidence import tenancy
from evidence.organizations import services as organizations
from evidence.vault import services as vault
from portal.packages import services as packages
from tests.contracts.addresses import Address, addresses
from tests.contracts.matrix import MATRIX
from tests.contracts.test_access_matrix import forgotten, reference, sent, signed_in
from tests.contracts.world import World, build, found, people_of

CANARY = "zqcanary"
PREFIXES = ("F", "T", "E", "AC", "ENG", "PKG", "D", "H")
READ = [address for address in addresses() if MATRIX[address.key].get]
WRITE = [address for address in addresses() if callable(MATRIX[address.key].body)]
# People, accounts and the names of organizations belong to no tenant: one person may be in many.
SHARED = {"accounts_person", "accounts_account", "organizations_organization"}
CRAWLED = 120


@pytest.fixture(scope="module")
def theirs(shared_transaction) -> World:
    organization = found("otherfirm", "Otherfirm", CANARY)
    with tenancy.entered(organization.pk):
        for prefix in PREFIXES:
            organizations.take_numbers(organization.pk, prefix, 700)
        return build(organization, CANARY)


@pytest.fixture(scope="module")
def clients(ours: World, theirs: World) -> dict[str, Client]:
    made = {word: signed_in(who) for word, who in people_of(ours).items()}
    for client in made.values():
        client.raise_request_exception = False
    return made


def get(client: Client, url: str) -> tuple[int, bytes]:
    with forgotten(), tenancy.entered(None):
        answer = client.get(url)
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        headers = " ".join(f"{name}: {value}" for name, value in answer.items())
    return answer.status_code, body + headers.encode()


def leaks(url: str, body: bytes) -> bool:
    if body.startswith(b"%PDF"):
        return CANARY in text_of(body)
    return CANARY.encode() in body.lower()


def text_of(pdf: bytes) -> str:
    with pypdfium2.PdfDocument(pdf) as document:
        return "".join(page.get_textpage().get_text_bounded() for page in document).lower()


def test_the_canary_would_be_seen(theirs: World):
    """The search itself: their own people see the canary on nearly all of their own pages."""
    client = signed_in(theirs.people.maya)
    with tenancy.entered(theirs.organization.pk):
        urls = {address.key: address.url(theirs, reference(address, MATRIX[address.key], theirs)) for address in READ}
    seen = {key for key, url in urls.items() if leaks(url, get(client, url)[1])}
    assert {"findings:detail", "findings:list", "tasks:detail", "controls:run", "evidence:artifact", "evidence:download",
            "engagements:detail", "packages:file", "approvals:queue", "ledger:list", "api-findings", "api-finding",
            "api-tasks", "jobs:list", "people:list"} <= seen  # fmt: skip


@pytest.mark.parametrize("address", READ, ids=lambda address: address.key)
def test_no_page_shows_a_word_of_the_other(address: Address, ours: World, theirs: World, clients: dict[str, Client]):
    row = MATRIX[address.key]
    with tenancy.entered(ours.organization.pk):
        url = address.url(ours, reference(address, row, ours))
    leaking = [word for word, client in clients.items() if leaks(url, get(client, url)[1])]
    assert not leaking, f"{url} as {leaking}"


@pytest.mark.parametrize("address", READ, ids=lambda address: address.key)
def test_their_ids_mean_nothing_here(address: Address, ours: World, theirs: World, clients: dict[str, Client]):
    """Our organization's address with the other's public id, key or number."""
    row = MATRIX[address.key]
    with tenancy.entered(theirs.organization.pk):
        mixed = replace(theirs, organization=ours.organization)
        url = address.url(mixed, reference(address, row, theirs))
    with tenancy.entered(ours.organization.pk):
        own = address.url(ours, reference(address, row, ours))
    if url == own:
        pytest.skip("nothing of anybody's stands in this address")
    for word, client in clients.items():
        status, body = get(client, url)
        assert status in (401, 403, 404, 405), f"{url} as {word}: {status}"
        assert not leaks(url, body), f"{url} as {word}"


def test_their_own_addresses_are_not_found(ours: World, theirs: World, clients: dict[str, Client]):
    with tenancy.entered(theirs.organization.pk):
        urls = [
            address.url(theirs, reference(address, MATRIX[address.key], theirs))
            for address in READ
            if "organization" in address.blanks or address.name == "accounts:enter"
        ]
    for url in urls:
        for word, client in clients.items():
            status, body = get(client, url)
            assert status == 404, f"{url} as {word}: {status}"
            assert not leaks(url, body), f"{url} as {word}"


@pytest.mark.parametrize("address", WRITE, ids=lambda address: address.key)
def test_their_ids_in_a_form_are_refused(address: Address, ours: World, theirs: World, clients: dict[str, Client]):
    row = MATRIX[address.key]
    with tenancy.entered(theirs.organization.pk):
        foreign = row.body(theirs)
    with tenancy.entered(ours.organization.pk):
        if foreign == row.body(ours):
            pytest.skip("the form names nothing of anybody's")
        url = address.url(ours, reference(address, row, ours))
        content = sent(address, row, ours) | {"data": foreign}
    word = row.post.split()[0]
    with forgotten(), tenancy.entered(None):
        answer = clients[word].post(url, **content)
    assert 400 <= answer.status_code < 500, f"{url} as {word}: {answer.status_code}"
    assert CANARY.encode() not in answer.content.lower().replace(str(foreign).lower().encode(), b"")


@pytest.mark.slow
@pytest.mark.parametrize("word", ["manager", "approver", "auditor"])
def test_following_every_link_meets_nothing_of_the_other(word: str, ours: World, theirs: World, clients):
    waiting, seen = ["/"], set()
    while waiting and len(seen) < CRAWLED:
        url = waiting.pop(0)
        seen.add(url)
        status, body = get(clients[word], url)
        assert status < 500, url
        assert not leaks(url, body), url
        if b"<html" not in body and status != 302:
            continue
        links = re.findall(rb'(?:href="|Location: )((?:/o/lumenroll|\?)[^"#\s]*)', body)
        for link in links:
            follow = link.decode().replace("&amp;", "&")
            follow = url.split("?")[0] + follow if follow.startswith("?") else follow
            if follow not in seen and follow not in waiting:
                waiting.append(follow)
    assert len(seen) > 12


def test_a_package_holds_nothing_of_the_other(ours: World, theirs: World):
    with tenancy.entered(ours.organization.pk):
        pdf = b"".join(packages.pdf_bytes(ours.package))
        snapshot = b"".join(vault.open(ours.package.snapshot))
        manifest = b"".join(vault.open(ours.package.manifest))
    assert CANARY not in text_of(pdf)
    for data in (snapshot, manifest, *attachments(pdf)):
        assert CANARY.encode() not in data.lower()
    with tenancy.entered(theirs.organization.pk):
        assert CANARY in text_of(b"".join(packages.pdf_bytes(theirs.package)))


def attachments(pdf: bytes) -> list[bytes]:
    import pikepdf

    with pikepdf.open(io.BytesIO(pdf)) as document:
        return [document.attachments[name].get_file().read_bytes() for name in document.attachments]


@pytest.mark.parametrize("role", ["clearhold_app", "clearhold_auditor"])
def test_raw_sql_inside_ours_finds_no_row_of_theirs(role: str, ours: World, theirs: World):
    with forgotten(), tenancy.entered(ours.organization.pk), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL ROLE {role}")
        for table, has_owner in tables(cursor):
            cursor.execute(f"SELECT count(*) FROM {table} t WHERE lower(t::text) LIKE %s", [f"%{CANARY}%"])
            assert table in SHARED or cursor.fetchone()[0] == 0, table
            if has_owner:
                cursor.execute(
                    f"SELECT count(*) FROM {table} WHERE organization_id = %s", [theirs.organization.pk]
                )  # fmt: skip
                assert cursor.fetchone()[0] == 0, table


def test_raw_sql_cannot_write_a_row_of_theirs(ours: World, theirs: World):
    with tenancy.entered(ours.organization.pk), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE findings_finding SET title = 'ours' WHERE id = %s", [theirs.findings["triaged"].finding.pk]
        )
        assert cursor.rowcount == 0
        with pytest.raises(Exception, match="row-level security"), transaction.atomic():
            cursor.execute(
                "INSERT INTO organizations_counter (id, organization_id, prefix, last)"
                " VALUES (gen_random_uuid(), %s, 'X', 1)",
                [theirs.organization.pk],
            )


def tables(cursor: Any) -> list[tuple[str, bool]]:
    cursor.execute(
        "SELECT c.relname, EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid"
        " AND a.attname = 'organization_id') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND has_table_privilege(c.oid, 'SELECT')"
    )
    return cursor.fetchall()
