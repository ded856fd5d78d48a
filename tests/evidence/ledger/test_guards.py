"""What the database refuses whoever asks in raw SQL: as the app, as an auditor, as the sequencer, as the owner."""

import hashlib
from itertools import product

import pytest
from django.db import DatabaseError, connections, transaction

from evidence import tenancy
from evidence.actors import Actor
from evidence.identifiers import uuid7
from evidence.ledger import sequencer, services
from evidence.ledger.models import Event
from evidence.organizations.models import Organization
from tests.evidence.ledger.conftest import THING_MADE, thing

TABLES = ("event", "eventtext", "queue", "entry", "tile", "checkpoint", "alarm")
COLUMNS = (
    "id", "organization_id", "kind", "object_type", "object_id", "object_ref", "object_version", "actor_person_id",
    "actor_account_id", "actor_system", "via", "at", "body", "leaf",
)  # fmt: skip


@pytest.fixture
def firm(own_database):
    with transaction.atomic():
        organization = Organization.objects.create(slug="lumenroll", name="Lumenroll")
    with transaction.atomic(), tenancy.entered(organization.pk):
        actor = Actor(organization_id=organization.pk, person_id=uuid7(), account_id=uuid7())
        services.record(THING_MADE, subject=thing(uuid7()), actor=actor, after={"a": 1}, reason="why")
    sequencer.run_once(organization.pk)
    with transaction.atomic(), tenancy.entered(organization.pk):
        services.record(THING_MADE, subject=thing(uuid7()), actor=actor, reason="waits")
    return organization


def run(firm, statement, *parameters, alias="default"):
    with (
        transaction.atomic(using=alias),
        tenancy.entered(firm.pk, using=alias),
        connections[alias].cursor() as cursor,
    ):
        cursor.execute(statement, parameters)
        return cursor.rowcount


def refused(firm, statement, *parameters, alias="default"):
    with pytest.raises(DatabaseError) as refusal:
        run(firm, statement, *parameters, alias=alias)
    return str(refusal.value)


@pytest.mark.parametrize("alias", ["default", "auditor", "sequencer"])
def test_no_login_changes_or_removes_history(firm, alias):
    may = {("sequencer", "queue", "DELETE"), ("sequencer", "tile", "UPDATE"), ("sequencer", "alarm", "UPDATE")}
    statements = {
        "UPDATE": "UPDATE ledger_{} SET organization_id = organization_id",
        "DELETE": "DELETE FROM ledger_{}",
        "TRUNCATE": "TRUNCATE ledger_{} CASCADE",
    }
    for table, (verb, statement) in product(TABLES, statements.items()):
        if (alias, table, verb) not in may:
            assert "permission denied" in refused(firm, statement.format(table), alias=alias)


def test_even_the_owner_is_refused(firm):
    for table in ("event", "eventtext", "entry", "tile", "checkpoint"):
        for statement in ("UPDATE {} SET organization_id = organization_id", "DELETE FROM {}", "TRUNCATE {} CASCADE"):
            assert "append-only" in refused(firm, statement.format(f"ledger_{table}"), alias="owner")


def test_a_tile_only_grows(firm):
    assert run(firm, "UPDATE ledger_tile SET width = 2, hashes = hashes || hashes", alias="sequencer") == 1
    for statement in (
        "UPDATE ledger_tile SET width = 1, hashes = substring(hashes FROM 1 FOR 32)",
        "UPDATE ledger_tile SET width = 3, hashes = sha256('x') || hashes",
        "UPDATE ledger_tile SET level = 4, width = 3, hashes = hashes || sha256('x')",
        "UPDATE ledger_tile SET width = 4, hashes = hashes || sha256('x')",
    ):
        refused(firm, statement, alias="sequencer")


def test_the_app_writes_nothing_of_the_tree_and_an_auditor_nothing_at_all(firm):
    for alias, tables in (("default", ("queue", "entry", "tile", "checkpoint", "alarm")), ("auditor", TABLES)):
        for table in tables:
            message = refused(firm, f"INSERT INTO ledger_{table} SELECT * FROM ledger_{table}", alias=alias)
            assert "permission denied" in message


def test_the_sequencer_invents_no_events(firm):
    statement = "INSERT INTO ledger_event SELECT * FROM ledger_event"
    assert "permission denied" in refused(firm, statement, alias="sequencer")


def test_the_sequencer_leaves_no_gap_and_enters_no_unknown_event(firm):
    enter = "INSERT INTO ledger_entry (organization_id, index, event_id) VALUES (%s, %s, %s)"
    with transaction.atomic(), tenancy.entered(firm.pk):
        waiting = Event.objects.get(entry=None).pk
    assert "gap" in refused(firm, enter, firm.pk, 2, waiting, alias="sequencer")
    assert "gap" in refused(firm, enter, firm.pk, -1, waiting, alias="sequencer")
    assert "no event" in refused(firm, enter, firm.pk, 1, uuid7(), alias="sequencer")
    assert run(firm, enter, firm.pk, 1, waiting, alias="sequencer") == 1


@pytest.fixture
def first(org, people):
    return services.record(THING_MADE, subject=thing(uuid7()), actor=people.ines, reason="why")


def forge(*, using=lambda body: body, hashed=lambda leaf: leaf, **changed):
    """As the app, insert an event of one's own making: the newest one's next version, with changes."""
    row = Event.objects.order_by("id").values(*COLUMNS).last()
    old, row = dict(row), {**row, "id": uuid7()}
    row["object_version"] += 1
    body = bytes(row["body"]).decode().replace(str(old["id"]), str(row["id"])).replace('"version":1', '"version":2')
    row["body"] = using(body).encode()
    row["leaf"] = hashed(hashlib.sha256(b"\x00" + row["body"]).digest())
    row.update(changed)
    marks = ", ".join(["%s"] * len(COLUMNS))
    with transaction.atomic(), connections["default"].cursor() as cursor:
        cursor.execute(f"INSERT INTO ledger_event ({', '.join(COLUMNS)}) VALUES ({marks})", list(row.values()))
        return cursor.rowcount


def test_what_the_columns_and_the_hash_say_is_what_the_body_says(first):
    assert forge() == 1


@pytest.mark.parametrize(
    "forged",
    [
        {"kind": "thing.unmade"},
        {"object_type": "tests.other"},
        {"object_ref": "X-002"},
        {"object_version": 3},
        {"object_version": 1},
        {"object_version": 0},
        {"object_version": -1},
        {"actor_person_id": "01a20d95-d527-748a-94d6-77239f564a9b"},
        {"actor_person_id": None},
        {"actor_account_id": None},
        {"actor_system": "sweep"},
        {"via": "system"},
        {"at": "2020-01-01T00:00:00Z"},
        {"id": "01a20d95-d527-748a-94d6-77239f564a9b"},
        {"object_id": "01a20d95-d527-748a-94d6-77239f564a9b"},
        {"leaf": b"\x00" * 32},
        {"hashed": lambda leaf: leaf[:31]},
        {"using": lambda body: body.replace('"facts":{', '"facts":{"x":1}},{')},
        {"using": lambda body: body.replace('"facts":{', '"facts":{},"actor":{},"x":{')},
        {"using": lambda body: body.replace('"facts":{', '"facts":{x')},
        {"using": lambda body: body + " "},
        {"using": lambda body: " " + body},
        {"using": lambda body: body.replace('"nonce":"', '"nonce":"zz')},
        {"using": lambda body: body.replace('"v":1', '"v":2')},
        {"using": lambda body: body.replace('"version":2', '"version":3'), "object_version": 3},
    ],
)
def test_a_forged_event_is_refused(first, forged):
    with pytest.raises(DatabaseError):
        forge(**forged)
    assert Event.objects.count() == 1


def test_another_organizations_event_is_refused(first, other_org):
    with pytest.raises(DatabaseError, match="row-level security"):
        forge(organization_id=other_org.pk)


def test_a_skipped_version_is_named(first):
    with pytest.raises(DatabaseError, match="the version before it does not exist"):
        forge(using=lambda body: body.replace('"version":2', '"version":3'), object_version=3)


def test_a_forged_leaf_is_named(first):
    with pytest.raises(DatabaseError, match="the leaf is not the hash"):
        forge(hashed=lambda leaf: hashlib.sha256(leaf).digest())


def test_a_text_that_the_event_does_not_commit_to_is_refused(org, first):
    insert = "INSERT INTO ledger_eventtext (event_id, organization_id, field, salt, text) VALUES (%s, %s, %s, %s, %s)"
    for field, salt in (("note", b"s" * 16), ("x", b"s" * 16), ("note", b"")):
        with (
            pytest.raises(DatabaseError, match="not what its event commits to"),
            transaction.atomic(),
            connections["default"].cursor() as cursor,
        ):
            cursor.execute(insert, [first.id, org.pk, field, salt, "other words"])


def test_a_text_may_only_be_erased_and_not_without_its_event(firm):
    erase = "UPDATE ledger_eventtext SET salt = NULL, text = NULL, erased_at = now()"
    assert "append-only" in refused(firm, erase.replace("text = NULL", "text = 'other'"), alias="owner")
    assert "append-only" in refused(firm, erase.replace(", erased_at = now()", ""), alias="owner")
    assert "only with an event" in refused(firm, erase, alias="owner")


def test_triggers_hold_in_replica_mode_too(firm):
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT tgname FROM pg_trigger WHERE tgrelid::regclass::text LIKE 'ledger\\_%%' AND NOT tgisinternal"
            " AND tgenabled <> 'A'"
        )
        assert cursor.fetchall() == []
