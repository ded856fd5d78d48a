"""Two organizations side by side: whatever the one does, no word, name or file of the other comes out.

The other organization carries a canary in every text it has. Its public ids are far from ours, so that an address
with one of them can mean nothing here.
"""

import io
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pypdfium2
import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import connection, models, transaction
from django.db.utils import DatabaseError
from django.test import Client, TestCase

from evidence import clock, tenancy
from evidence.ledger import queries as ledger
from evidence.vault import services as vault
from portal.accounts import mail
from portal.notifications.rules import RULES, anchor
from portal.packages import services as packages
from tests.contracts.addresses import Address, addresses
from tests.contracts.matrix import MATRIX
from tests.contracts.test_access_matrix import forgotten, reference, sent, signed_in
from tests.contracts.world import CANARY, SECRET, World, people_of

READ = [address for address in addresses() if MATRIX[address.key].get]
WRITE = [address for address in addresses() if callable(MATRIX[address.key].body)]
# People, accounts and the names of organizations belong to no tenant: one person may be in many.
SHARED = {"accounts_person", "accounts_account", "organizations_organization"}
CRAWLED = 120
# Columns that this world's rows came without, in tables whose guards refuse an invented row and any change.
NOT_FILLED: dict[str, set[str]] = {
    "approvals_request": {"ended_why"},
    "artifacts_artifactversion": {"mime", "claimed_mime", "tool_version", "ipe", "intake_notes"},
    "artifacts_redaction": {"recipe", "state_before"},
    "approvals_delegation": {"actions", "ceiling", "items", "names"},
    "artifacts_personalcheck": {"places"},
    "controls_owedevidence": {"title"},
    "findings_restriction": {"lift_reason"},
    "ledger_checkpoint": {"note"},
    "organizations_policy": {"body"},
    "retention_storehold": {"store_version"},
    "sod_hand": {"about"},
    "tasks_tasknote": {"words"},
    "vault_blob": {"store_version"},
    "tasks_verification": {"test_result", "checklist", "sample"},
    "uploads_upload": {"claimed_mime"},
}
LET_IN = ("manager", "engineer")
# Columns that hold the product's own words or figures. Every other column of text holds a canary of the other.
OWN_WORDS = re.compile(
    r"(^|_)(alarmed|state|kind|ref|sha256|sha|hash|prefix|leaf|role|scope|scopes|via|action|verdict|outcome|method|backend|key_id|"
    r"media_type|format|frequency|severity|source|rule|duty|status|type|timezone|currency|object_type|subject_type|"
    r"target_type|root|fingerprint|occasion|channel|paper|worker|passes|word|field|actor_system|kek_id|location|token_hash|"
    r"content_sha256|matrix_version|categories|class|result_state|audit_rating|root_cause_class|returns_to|cvss_vector|"
    r"answer|department_key|template|accent|etag|slug|how|checked|engine|retention_class|number|language|basis)$"
)


def words_of(model: type[models.Model]) -> list[models.Field]:
    """The columns of a tenant's table in which a person's words, or a file's, can stand."""
    if not any(field.column == "organization_id" for field in model._meta.local_fields):
        return []
    texts = (models.TextField, models.JSONField, models.CharField)
    return [
        field
        for field in model._meta.local_concrete_fields
        if isinstance(field, texts) and not field.choices and not OWN_WORDS.search(field.column)
    ]


def has_words(model: type[models.Model]) -> bool:
    return bool(words_of(model))


class Lines(logging.Handler):
    """Every line that is logged while it listens."""

    def __init__(self) -> None:
        super().__init__(level=logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record).lower())


@pytest.fixture(scope="module", autouse=True)
def logged(ours: World, theirs: World) -> Iterator[Lines]:
    """Listens once both organizations are there, so that it hears what our own requests say."""
    listener = Lines()
    logging.getLogger().addHandler(listener)
    yield listener
    logging.getLogger().removeHandler(listener)


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


def leaks(url: str, body: bytes, word: str = CANARY) -> bool:
    # What only begins like a PDF is a file that a test made up.
    if body.startswith(b"%PDF") and b"startxref" in body:
        return word in text_of(body)
    return word.encode() in body.lower()


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
    answers = {word: get(client, url)[1] for word, client in clients.items()}
    leaking = [word for word, body in answers.items() if leaks(url, body)]
    assert not leaking, f"{url} as {leaking}"
    # Of the finding that is kept to a few: its owner and who works on it are let in, and nobody else of these.
    telling = [word for word, body in answers.items() if word not in LET_IN and leaks(url, body, SECRET)]
    assert not telling, f"{url} tells {telling} of what is restricted"


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


@pytest.mark.parametrize("table", sorted(model._meta.db_table for model in apps.get_models() if has_words(model)))
def test_every_text_the_other_can_hold_carries_the_canary(table: str, theirs: World):
    """What the world's services did not fill is written raw, row by row, where the guards let it be."""
    [model] = [one for one in apps.get_models() if one._meta.db_table == table]
    empty = []
    with tenancy.entered(theirs.organization.pk, system=True), connection.cursor() as cursor:
        for field in words_of(model):
            cursor.execute(
                f"SELECT 1 FROM {table} t WHERE lower({field.column}::text) LIKE %s LIMIT 1", [f"%{CANARY}%"]
            )
            if cursor.fetchone() is None and not planted(cursor, table, field):
                empty.append(field.column)
        cursor.execute(f"SELECT 1 FROM {table} LIMIT 1")
        has_rows = cursor.fetchone() is not None
    if set(empty) and not (has_rows and table in NOT_FILLED):
        pytest.skip(f"the guards refuse every change and every invented row: {table}.{empty}")
    assert not set(empty) - NOT_FILLED.get(table, set()), f"{table} has texts without a canary: {empty}"


def planted(cursor: Any, table: str, field: models.Field) -> bool:
    """Written over what is there, or with a row invented for it; False where the guards refuse both."""
    word = f"{CANARY} {table} {field.column}"[: field.max_length or 200]
    value = json.dumps({"word": word}) if isinstance(field, models.JSONField) else word
    cast = "::jsonb" if isinstance(field, models.JSONField) else ""
    try:
        with transaction.atomic():
            cursor.execute(
                f"UPDATE {table} SET {field.column} = %s{cast} WHERE organization_id = current_organization()", [value]
            )
            if cursor.rowcount:
                return True
    except DatabaseError:
        pass
    try:
        with transaction.atomic():
            field.model._base_manager.create(**dict(invented(field.model)))
    except (DatabaseError, LookupError, TypeError, ValueError, ValidationError):
        return False
    return True


def invented(model: type[models.Model]) -> Iterator[tuple[str, Any]]:
    """Values for a row of the other organization: a canary in every text, and what exists for every key."""
    for field in model._meta.local_concrete_fields:
        if field.is_relation:
            found = None if field.null else field.related_model._base_manager.first()
            if found is None and not field.null:
                raise LookupError(f"the world has no {field.related_model._meta.label}")
            yield field.name, found
        elif isinstance(field, models.JSONField):
            yield field.name, {"word": CANARY}
        elif isinstance(field, (models.TextField, models.CharField)) and not field.choices:
            yield field.name, CANARY[: field.max_length or 200]
        elif isinstance(field, models.DateTimeField) and not field.null and not field.has_default():
            yield field.name, clock.now()
        elif isinstance(field, models.DateField) and not field.null and not field.has_default():
            yield field.name, clock.today()
        elif isinstance(field, models.IntegerField) and not field.null and not field.has_default():
            yield field.name, 1


def test_no_line_of_the_log_holds_a_word_of_either(logged: Lines, clients: dict[str, Client], ours: World):
    with tenancy.entered(ours.organization.pk):
        urls = [address.url(ours, reference(address, MATRIX[address.key], ours)) for address in READ]
    for url in urls[::5]:
        get(clients["manager"], url)
    assert not [line for line in logged.lines if CANARY in line or SECRET in line]
    logging.getLogger("clearhold.leak").warning("as %s said", CANARY.upper())
    assert [line for line in logged.lines if CANARY in line], "the listener hears nothing"


def test_no_letter_holds_a_word_of_the_other(ours: World, theirs: World, mailoutbox):
    with TestCase.captureOnCommitCallbacks(execute=True):
        mail.send_invitation(ours.invitation, organization=ours.organization)
    assert mailoutbox
    with tenancy.entered(ours.organization.pk):
        size = ledger.standing(ours.organization.pk).size
        letter = RULES[anchor.KEY].letter(ours.organization, {"size": size, "root": ""})
    assert CANARY not in (letter.subject + letter.text).lower()
    for message in mailoutbox:
        assert CANARY not in (message.subject + message.body + str(message.alternatives)).lower()


def test_a_leak_would_be_found(ours: World, theirs: World, clients: dict[str, Client]):
    """The suite against itself: a word of the other in one of our own rows is seen on the page that shows it."""
    url = f"/o/{ours.slug}/findings/{ours.findings['triaged'].finding.ref}"
    assert not leaks(url, get(clients["reviewer"], url)[1])
    with forgotten():
        with tenancy.entered(ours.organization.pk), connection.cursor() as cursor:
            told = theirs.findings["triaged"].finding.title
            cursor.execute(
                "UPDATE findings_finding SET title = %s WHERE id = %s", [told, ours.findings["triaged"].finding.pk]
            )
        with tenancy.entered(None):
            assert leaks(url, clients["reviewer"].get(url).content)


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
