"""The ledger's two promises: what recording costs a transaction, and what verifying a million events costs."""

import os
import resource
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from uuid import UUID

import psutil
from django.db import connections, transaction

from bench.figures import Figure, figure

ROOT = Path(__file__).resolve().parents[1]
EVENTS = 1_000_000
CLIENTS, WORK_SECONDS, ROUND_SECONDS, ROUNDS = 8, 0.005, 5, 3


def measure(found: list[Figure], var: Path) -> None:
    """Append the rate of recording beside that without tree and signer, and the CPU that a verification takes."""
    found.append(recording(var))
    organization = seed(EVENTS)
    ours, servers = verifying(organization.slug, var)
    found.append(figure(f"verify_ledger of {EVENTS:,} events", ours, "CPU s", limit=5))
    found.append(figure("  what the database worked for it", servers, "CPU s"))


# Recording -----------------------------------------------------------------------------------------------------------


def recording(var: Path) -> Figure:
    """Transactions of some work and one event, with eight clients and a live sequencer, against the bare event row."""
    from evidence.organizations.models import Organization

    for earlier in Organization.objects.all():
        drain(earlier.pk)
    made = Organization.objects.create(slug="benchrecord", name="Bench of recording")
    log = (var / "sequencer.log").open("w")
    sequencer = subprocess.Popen([sys.executable, "manage.py", "sequencer"], cwd=ROOT, stdout=log, stderr=log)
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef('ledger_event_check'::regproc)")
        whole = cursor.fetchone()[0]
        bare = "\n".join(line for line in whole.splitlines() if "INSERT INTO ledger_queue" not in line)
        if bare == whole:
            raise RuntimeError("the trigger no longer fills the queue in a line of its own")
        try:
            rates: dict[str, list[float]] = {whole: [], bare: []}
            for _ in range(ROUNDS):
                for body, measured in rates.items():
                    cursor.execute(body)
                    measured.append(_rate(made.pk))
        finally:
            cursor.execute(whole)
            sequencer.send_signal(signal.SIGTERM)
            sequencer.wait(30)
            log.close()
    ours, reference = (statistics.median(measured) for measured in rates.values())
    return figure(
        "events sealed beside the bare row, 8 clients", ours, "commits/s", reference=reference, limit=0.85, least=True
    )


def drain(organization_id: UUID) -> None:
    """Seal what earlier measurements left waiting, or the sequencer would be at work on that."""
    from evidence.ledger import sequencer

    sequencer.run_once(organization_id)


def _rate(organization_id: UUID) -> float:
    words = [sys.executable, "-m", "bench.ledger", str(organization_id)]
    clients = [subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(CLIENTS)]
    for client in clients:
        client.stdout.readline()
    for client in clients:
        client.stdin.close()
    commits = sum(int(client.stdout.read()) for client in clients)
    # Or their CPU would count to whichever later measurement happens to meet them.
    for client in clients:
        client.wait()
    return commits / ROUND_SECONDS


def client(organization_id: UUID) -> None:
    """One client: says when it is ready, begins when its input is closed, prints how many it committed."""
    import django

    django.setup()
    from evidence import tenancy
    from evidence.actors import Actor
    from evidence.identifiers import uuid7
    from evidence.ledger import services
    from evidence.ledger.events import Event

    held = Event("bench.held", "{actor} held {subject}")
    actor = Actor.system(organization_id, "bench")

    def commit() -> None:
        with transaction.atomic(), tenancy.entered(organization_id), connections["default"].cursor() as cursor:
            cursor.execute("SELECT pg_sleep(%s)", [WORK_SECONDS])
            services.record(held, subject=services.Subject("bench.thing", uuid7(), "B-1"), actor=actor, after={"n": 1})

    commit()
    print("ready", flush=True)
    sys.stdin.read()
    end, count = time.monotonic() + ROUND_SECONDS, 0
    while time.monotonic() < end:
        commit()
        count += 1
    print(count)


# Verifying -----------------------------------------------------------------------------------------------------------

# Events as `ledger_append` builds them, four to an object and one in twenty with a reason, without its look-ups.
SEED = """
INSERT INTO ledger_event (id, organization_id, kind, object_type, object_id, object_ref, object_version,
  actor_person_id, actor_account_id, actor_system, via, at, body, leaf)
SELECT id, organization, kind, type, object, ref, version, person, account, '', via, at, body,
  sha256('\\x00'::bytea || body)
FROM (
  SELECT *, convert_to(ledger_body_head(person, account, '', via, at) || '"after":{"number":' || n || ',"state":"new"}'
    || CASE WHEN n %% 20 = 0 THEN ',"texts":{"reason":"' || encode(sha256(salt || words), 'hex') || '"}' ELSE '' END
    || ledger_body_middle(id, kind) || md5(n::text) || ledger_body_tail(type, object, ref, version, organization), 'UTF8')
    AS body
  FROM (
    SELECT n, %(organization)s::uuid AS organization, 'bench.held' AS kind, 'bench.thing' AS type,
      'B-' || n / 4 AS ref, 1 + n %% 4 AS version, md5('person' || n %% 50)::uuid AS person,
      md5('account' || n %% 50)::uuid AS account, 'session' AS via, now() AS at, md5('object' || n / 4)::uuid AS object,
      (lpad(to_hex(%(first)s + n), 12, '0') || '70008' || substr(md5(n::text), 1, 15))::uuid AS id,
      decode(md5('salt' || n), 'hex') AS salt, convert_to('because of ' || n, 'UTF8') AS words
    FROM generate_series(0, %(count)s - 1) n
  ) given
) built ORDER BY id
"""
TEXTS = """
INSERT INTO ledger_eventtext (event_id, organization_id, field, salt, text)
SELECT (lpad(to_hex(%(first)s + n), 12, '0') || '70008' || substr(md5(n::text), 1, 15))::uuid, %(organization)s, 'reason',
  decode(md5('salt' || n), 'hex'), 'because of ' || n FROM generate_series(0, %(count)s - 1, 20) n
"""
PLACES = """
INSERT INTO ledger_entry (organization_id, index, event_id)
SELECT organization_id, row_number() OVER (ORDER BY id) - 1, id FROM ledger_event WHERE organization_id = %(organization)s
"""
TABLES = ("ledger_event", "ledger_eventtext", "ledger_entry", "ledger_tile", "ledger_checkpoint")


def seed(count: int):
    """An organization with a sealed history of `count` events, written past the guards as the owner."""
    from evidence import clock, tenancy
    from evidence.ledger import keys
    from evidence.organizations.models import Organization

    made = Organization.objects.create(slug="benchledger", name="Bench of the ledger")
    keys.ensure_key()
    values = {"organization": made.pk, "count": count, "first": int(clock.now().timestamp() * 1000) - 2 * count}
    with (
        transaction.atomic(using="owner"),
        tenancy.entered(made.pk, using="owner"),
        connections["owner"].cursor() as cursor,
    ):
        for table in TABLES:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for statement in (SEED, TEXTS, PLACES):
            cursor.execute(statement, values)
        _tree(cursor, made.pk, count)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in TABLES:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE ledger_event, ledger_eventtext, ledger_entry, ledger_tile")
    return made


def _tree(cursor, organization_id: UUID, count: int) -> None:
    from evidence import clock
    from evidence.ledger import keys, notes, signer, tree

    cursor.execute(
        "SELECT string_agg(e.leaf, ''::bytea ORDER BY n.index) FROM ledger_entry n JOIN ledger_event e ON e.id = n.event_id"
        " WHERE n.organization_id = %s",
        [organization_id],
    )
    tiles = tree.append(lambda level, index: b"", 0, bytes(cursor.fetchone()[0]))
    cursor.executemany(
        "INSERT INTO ledger_tile (organization_id, level, index, hashes, width) VALUES (%s, %s, %s, %s, %s)",
        [[organization_id, *place, hashes, len(hashes) // tree.HASH_BYTES] for place, hashes in tiles.items()],
    )
    head = signer.Head(count, tree.root(lambda *place: tiles.get(place, b""), count))
    stated = notes.Checkpoint(keys.origin(organization_id), head.size, head.root)
    note = notes.sign(str(stated), *keys.signing_keys(organization_id, 1))
    cursor.execute(
        "INSERT INTO ledger_checkpoint (organization_id, size, root, note, at) VALUES (%s, %s, %s, %s, %s)",
        [organization_id, count, head.root, note, clock.now()],
    )
    signer.confirm(organization_id, head)


def verifying(slug: str, var: Path) -> tuple[float, float]:
    """CPU seconds of the command itself, and of the database's session that answered it."""
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        postmaster = psutil.Process(cursor.fetchone()[0]).parent()
    before, servers = resource.getrusage(resource.RUSAGE_CHILDREN), postmaster.cpu_times()
    words = [sys.executable, "manage.py", "verify_ledger", "--organization", slug]
    subprocess.run(words, cwd=ROOT, check=True, env=os.environ, stdout=(var / "verify.log").open("w"))
    after, served = resource.getrusage(resource.RUSAGE_CHILDREN), postmaster.cpu_times()
    ours = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    theirs = served.children_user + served.children_system - servers.children_user - servers.children_system
    return ours, theirs


if __name__ == "__main__":
    client(UUID(sys.argv[1]))
