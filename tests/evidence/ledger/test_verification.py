"""Every way of altering the history behind the triggers' back is found and named."""

import json
from contextlib import contextmanager

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connections, transaction

from evidence import tenancy
from evidence.actors import Actor
from evidence.identifiers import uuid7
from evidence.ledger import keys, notes, sequencer, services, signer, tree, verification
from evidence.organizations.models import Organization
from tests.evidence.ledger.conftest import THING_CHANGED, THING_MADE, TYPE, thing

TABLES = ("ledger_event", "ledger_eventtext", "ledger_queue", "ledger_entry", "ledger_tile", "ledger_checkpoint")
OTHER = "01a20d95-d527-748a-94d6-77239f564a9b"
SEALED = "id = (SELECT event_id FROM ledger_entry WHERE index = 299)"
WAITING = "id IN (SELECT event_id FROM ledger_queue)"
FITS = (
    "body = convert_to(replace(convert_from(body, 'UTF8'), '\"n\":', '\"m\":'), 'UTF8'),"
    " leaf = sha256('\\x00'::bytea || convert_to(replace(convert_from(body, 'UTF8'), '\"n\":', '\"m\":'), 'UTF8'))"
)

# Statement by statement, what an administrator could do, and what the verification says of it.
ALTERATIONS = [
    # Events, column by column.
    (f"UPDATE ledger_event SET kind = 'thing.unmade' WHERE {SEALED}", "at index 299: its columns say something else"),
    (f"UPDATE ledger_event SET object_type = 'tests.other' WHERE {SEALED}", "at index 299: its columns say"),
    (f"UPDATE ledger_event SET object_id = '{OTHER}' WHERE {SEALED}", "at index 299: its columns say"),
    (f"UPDATE ledger_event SET object_ref = 'X-999' WHERE {SEALED}", "at index 299: its columns say"),
    (f"UPDATE ledger_event SET object_version = 7 WHERE {SEALED}", "at index 299: its columns say"),
    (f"UPDATE ledger_event SET actor_person_id = '{OTHER}' WHERE {SEALED}", "at index 299: its columns say"),
    (f"UPDATE ledger_event SET actor_person_id = NULL, actor_account_id = NULL WHERE {SEALED}", "at index 299: its columns say"),
    (f"UPDATE ledger_event SET actor_account_id = '{OTHER}' WHERE {SEALED}", "at index 299: its columns say"),
    (f"UPDATE ledger_event SET actor_system = 'sweep' WHERE {SEALED}", "at index 299: its columns say"),
    (f"UPDATE ledger_event SET via = 'token' WHERE {SEALED}", "at index 299: its columns say"),
    (f"UPDATE ledger_event SET at = at + interval '1 microsecond' WHERE {SEALED}", "at index 299: its columns say"),
    (f"UPDATE ledger_event SET id = '{OTHER}' WHERE {SEALED}", "at index 299: it has a place in the tree, but the event is gone"),
    (f"UPDATE ledger_event SET body = body || ' ' WHERE {SEALED}", "at index 299: its body does not hash to its leaf"),
    (f"UPDATE ledger_event SET leaf = sha256(leaf) WHERE {SEALED}", "at index 299: its body does not hash to its leaf"),
    ("UPDATE ledger_event SET " + FITS + " WHERE id = (SELECT event_id FROM ledger_entry WHERE index = 290)",
     "tile 0/1: it does not hold what event .* at index 290 hashes to"),
    (f"DELETE FROM ledger_event WHERE {SEALED}", "at index 299: it has a place in the tree, but the event is gone"),
    # Events that wait.
    (f"UPDATE ledger_event SET kind = 'thing.unmade' WHERE {WAITING}", "it waits for its place, but has columns that say"),
    (f"UPDATE ledger_event SET body = body || ' ' WHERE {WAITING}", "it waits for its place, but is no longer what"),
    (f"DELETE FROM ledger_event WHERE {WAITING}", "it waits for its place, but is not there"),
    ("DELETE FROM ledger_queue", "it has no place in the tree and does not wait for one"),
    ("UPDATE ledger_queue SET leaf = sha256(leaf)", "it waits for its place, but is no longer what was recorded"),
    (f"UPDATE ledger_queue SET event_id = '{OTHER}'", "it waits for its place, but is not there"),
    ("INSERT INTO ledger_queue (organization_id, event_id, leaf) SELECT organization_id, event_id, 'x'"
     " FROM ledger_entry WHERE index = 1", "it waits for its place, but has its place already"),
    # Texts.
    ("UPDATE ledger_eventtext SET text = 'because' WHERE field = 'reason'", "its text “reason” is not what it commits to"),
    ("UPDATE ledger_eventtext SET salt = sha256(salt) WHERE field = 'reason'", "its text “reason” is not what it commits to"),
    ("UPDATE ledger_eventtext SET text = NULL", "its text “(reason|title)” is not what it commits to"),
    ("UPDATE ledger_eventtext SET erased_at = now()", "its text “(reason|title)” is not what it commits to"),
    ("UPDATE ledger_eventtext SET field = 'words' WHERE field = 'title'", "its text “words” is not what it commits to"),
    (f"UPDATE ledger_eventtext SET event_id = '{OTHER}' WHERE field = 'title' AND event_id IN (SELECT min(event_id::text)::uuid"
     " FROM ledger_eventtext)", f"event {OTHER}: its text “title” is not"),
    ("DELETE FROM ledger_eventtext WHERE field = 'title'", "its text “title” is gone without having been erased"),
    ("ALTER TABLE ledger_event DROP CONSTRAINT event_version_once", "versions: the index"),
    # Places.
    ("DELETE FROM ledger_entry WHERE index = 301", "tile 0/1: it does not hold what"),
    ("DELETE FROM ledger_entry WHERE index = 7", "entry 7: is missing"),
    ("DELETE FROM ledger_entry WHERE index < 256", "entry 0: is missing"),
    ("UPDATE ledger_entry SET index = index + 1 WHERE index = 301", "entry 301: is missing"),
    (f"UPDATE ledger_entry SET event_id = '{OTHER}' WHERE index = 7", f"event {OTHER} at index 7: it has a place"),
    ("UPDATE ledger_entry SET index = index + 1000 WHERE index IN (7, 8);"
     " UPDATE ledger_entry SET index = 8 WHERE index = 1007; UPDATE ledger_entry SET index = 7 WHERE index = 1008",
     "tile 0/0: it does not hold what event .* at index 7 hashes to"),
    (f"INSERT INTO ledger_entry (index, event_id, organization_id) SELECT 302, id, organization_id FROM ledger_event WHERE {WAITING} LIMIT 1", "tile 0/1: it does not hold"),
    # Tiles.
    ("UPDATE ledger_tile SET hashes = overlay(hashes PLACING 'x' FROM 33) WHERE level = 0 AND index = 0",
     "tile 0/0: it does not hold what event .* at index 1 hashes to"),
    ("UPDATE ledger_tile SET hashes = sha256(hashes) WHERE level = 1", "tile 1/0: it does not hold what hash 0"),
    ("UPDATE ledger_tile SET hashes = substring(hashes FROM 33), width = width - 1 WHERE level = 0 AND index = 1",
     "tile 0/1: it does not hold what"),
    ("ALTER TABLE ledger_tile DROP CONSTRAINT tile_hashes_whole; UPDATE ledger_tile SET width = 9 WHERE level = 1",
     "tile 1/0: it says it holds 9 hashes, but holds 1"),
    ("UPDATE ledger_tile SET level = 5 WHERE level = 1", "tile 1/0: it does not hold"),
    ("UPDATE ledger_tile SET index = 5 WHERE level = 1", "tile 1/0: it does not hold"),
    ("DELETE FROM ledger_tile WHERE level = 0 AND index = 0", "tile 0/0: it does not hold"),
    ("INSERT INTO ledger_tile (organization_id, level, index, hashes, width) SELECT organization_id, 5, 0, hashes, width FROM ledger_tile WHERE level = 1", "tiles: there are 4, but"),
    # Checkpoints.
    ("UPDATE ledger_checkpoint SET size = 298 WHERE size = 300", "checkpoint 298: its columns say something else"),
    ("UPDATE ledger_checkpoint SET root = sha256(root) WHERE size = 300", "checkpoint 300: its columns say something else"),
    ("UPDATE ledger_checkpoint SET note = replace(note, '300', '299') WHERE size = 300", "checkpoint 300: its signature does not hold"),
    ("UPDATE ledger_checkpoint SET note = 'nothing' WHERE size = 300", "checkpoint 300: its signature does not hold"),
    ("DELETE FROM ledger_checkpoint WHERE size = 302", "checkpoints: 302 events have a place, but the newest"),
    ("DELETE FROM ledger_checkpoint", "checkpoints: 302 events have a place, but the newest"),
]  # fmt: skip


def fill(organization, count):
    """`count` bulk events, and two about one object, one of them with words."""
    actor = Actor(organization_id=organization.pk, person_id=uuid7(), account_id=uuid7())
    key = uuid7()
    rows = [(uuid7(), f"X-{n}", {"n": n}) for n in range(count)]
    with transaction.atomic(), tenancy.entered(organization.pk):
        services.record(THING_MADE, subject=thing(key), actor=actor, reason="why", texts={"title": "Title"})
        services.record(THING_CHANGED, subject=thing(key), actor=Actor.system(organization.pk, "sweep"))
        services.record_many(THING_MADE, rows=rows, object_type=TYPE, actor=actor)


@pytest.fixture
def firm(own_database, monkeypatch):
    monkeypatch.setattr(verification, "PIECE", 1)
    with transaction.atomic():
        organization = Organization.objects.create(slug="lumenroll", name="Lumenroll")
    for count in (298, 0):
        fill(organization, count)
        sequencer.run_once(organization.pk)
    fill(organization, 1)
    return organization


@contextmanager
def altered(firm, *statements):
    """As the owner, with every trigger off; all is as before afterwards."""
    token = tenancy._reading_as.set("owner")
    try:
        with transaction.atomic(using="owner"), tenancy.entered(firm.pk), connections["owner"].cursor() as cursor:
            for table in TABLES:
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            for statement in statements:
                cursor.execute(statement)
            yield
            transaction.set_rollback(True, using="owner")
    finally:
        tenancy._reading_as.reset(token)


def test_an_untouched_history_holds(firm):
    report = verification.verify(firm.pk, firm.slug)
    assert report.holds, (report.place, report.fault)
    assert (report.sealed, report.checkpoints, report.waiting, report.texts) == (302, 2, 3, 6)
    assert report.root
    with altered(firm):
        assert verification.verify(firm.pk).holds


def test_what_json_escapes_is_compared_exactly(own_database):
    with transaction.atomic():
        organization = Organization.objects.create(slug="lumenroll", name="Lumenroll")
    with transaction.atomic(), tenancy.entered(organization.pk):
        for ref in ('X-"1"', "X-\\1", "X-ü-学生", "X-\x07"):
            about = services.Subject(TYPE, uuid7(), ref)
            services.record(THING_MADE, subject=about, actor=Actor.system(organization.pk, "sweep"))
    sequencer.run_once(organization.pk)
    report = verification.verify(organization.pk)
    assert report.holds and report.sealed == 4, report
    escaped = """UPDATE ledger_event SET object_ref = 'X-\\"1\\"' WHERE object_ref = 'X-"1"'"""
    with altered(organization, escaped):
        assert "its columns say something else" in verification.verify(organization.pk).fault


def test_every_alteration_is_found_and_named(firm):
    import re

    missed = {}
    for statement, expected in ALTERATIONS:
        with altered(firm, statement):
            report = verification.verify(firm.pk)
        said = f"{report.place}: {report.fault}"
        if not re.search(expected, said):
            missed[statement] = said
    assert not missed
    assert verification.verify(firm.pk).holds


def test_every_column_is_among_the_alterations(firm):
    """A column that nobody tried to alter may be one that nobody checks."""
    # The moment of a checkpoint is the machine's word alone and is not signed (docs/history.md).
    unsigned = {("ledger_checkpoint", "at"), ("ledger_queue", "id")}
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_name = ANY(%s)"
            " AND column_name <> 'organization_id'",
            [list(TABLES)],
        )
        columns = set(cursor.fetchall())
    tried = {
        (table, column)
        for table, column in columns
        if any(
            f"UPDATE {table} " in each and f" {column} = " in each.partition(" WHERE ")[0] for each, _ in ALTERATIONS
        )
    }
    assert columns - tried == unsigned


def test_an_event_moved_to_another_organization_is_missed_in_its_own(firm):
    with transaction.atomic():
        other = Organization.objects.create(slug="otherfirm", name="Otherfirm")
    with altered(firm):
        with connections["owner"].cursor() as cursor:
            cursor.execute("ALTER TABLE ledger_event NO FORCE ROW LEVEL SECURITY")
            cursor.execute(f"UPDATE ledger_event SET organization_id = %s WHERE {SEALED}", [other.pk])
            cursor.execute("ALTER TABLE ledger_event FORCE ROW LEVEL SECURITY")
        assert "the event is gone" in verification.verify(firm.pk).fault


def test_a_history_that_was_written_anew_with_the_key_is_found_by_the_signers_memory(firm):
    """The key alone is not enough: entry 301 is dropped and all above it signed again."""
    with altered(
        firm,
        "DELETE FROM ledger_event WHERE id = (SELECT event_id FROM ledger_entry WHERE index = 301)",
        "DELETE FROM ledger_entry WHERE index = 301",
        "DELETE FROM ledger_checkpoint WHERE size = 302",
        "UPDATE ledger_tile SET hashes = substring(hashes FROM 1 FOR 45 * 32), width = 45 WHERE level = 0 AND index = 1",
    ):
        key = keys.signing_keys(firm.pk, 1)[0]
        from evidence.ledger import tiles

        root = tree.root(tiles.reader(firm.pk), 301)
        note = notes.sign(str(notes.Checkpoint(key.name, 301, root)), key)
        with connections["owner"].cursor() as cursor:
            cursor.execute(
                "INSERT INTO ledger_checkpoint (size, root, note, at, organization_id) VALUES (301, %s, %s, now(), %s)",
                [root, note, firm.pk],
            )
        report = verification.verify(firm.pk)
        assert (report.place, report.checkpoints) == ("signer", 2)
        assert "302 were signed" in report.fault


def test_an_open_alarm_is_named_first(firm, settings):
    state = signer.load(firm.pk)
    signer.confirm(firm.pk, signer.Head(400, state.signed.root))
    with pytest.raises(signer.SignerRefused):
        sequencer.run_once(firm.pk)
    signer.confirm(firm.pk, state.signed)
    report = verification.verify(firm.pk)
    assert report.place == "alarm tree_smaller"


def command(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        call_command("verify_ledger", *arguments)
    return ended.value.code, capsys.readouterr()


def test_the_command_tells_holding_altered_and_unreadable_apart(firm, capsys, monkeypatch):
    code, said = command(capsys)
    assert (code, "302 events sealed" in said.out) == (0, True)
    code, said = command(capsys, "--organization", "lumenroll", "--json")
    assert code == 0
    assert json.loads(said.out)["organizations"][0]["sealed"] == 302
    with altered(firm, f"UPDATE ledger_event SET body = body || ' ' WHERE {SEALED}"):
        code, said = command(capsys, "--json")
        assert (code, json.loads(said.out)["holds"]) == (1, False)
        code, said = command(capsys)
        assert code == 1
        assert "WRONG: event" in said.out
    code, said = command(capsys, "--organization", "nobody")
    assert (code, "no organization" in said.err) == (2, True)

    def away(*arguments):
        raise DatabaseError("the server is away")

    monkeypatch.setattr("evidence.ledger.management.commands.verify_ledger.verify", away)
    code, said = command(capsys, "--json")
    assert (code, json.loads(said.out)["holds"]) == (2, None)
