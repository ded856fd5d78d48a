"""Gives waiting events their place: dense indexes, tiles and a signed checkpoint, in one transaction.

It alone writes the tree, under a database role of its own. It refuses to sign a tree that does not continue the last
one it signed, and raises an alarm instead.
"""

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
from django.db import Error, connections, transaction
from django.db.backends.utils import CursorWrapper

from evidence import clock, crashing, tenancy
from evidence.errors import Unavailable
from evidence.identifiers import uuid7
from evidence.ledger import keys, notes, signer, tiles, tree

log = logging.getLogger(__name__)

CHANNEL = "ledger_seal"
LEADER_LOCK = 0x6C656467
BATCH = 10_000
# A NOTIFY in every event's transaction would make all commits of the server queue for one lock, so the queue is
# polled, and only somebody who waits for a seal rings.
POLL_SECONDS = 0.25
CHECK_SECONDS = 30.0
_complaints: dict[UUID, tuple[str, float]] = {}

_TAKE = """
WITH taken AS (
  DELETE FROM ledger_queue WHERE organization_id = %s AND id IN (
    SELECT id FROM ledger_queue WHERE organization_id = %s ORDER BY id LIMIT %s)
  RETURNING id, event_id, leaf
)
SELECT event_id, leaf FROM taken ORDER BY id
"""
_ENTER = """
INSERT INTO ledger_entry (organization_id, index, event_id)
SELECT %s, %s + n - 1, event_id FROM unnest(%s::uuid[]) WITH ORDINALITY AS t(event_id, n) ORDER BY n
"""
_HEAD = """
SELECT size, root, note, (SELECT coalesce(max(index) + 1, 0) FROM ledger_entry WHERE organization_id = %s)
FROM ledger_checkpoint WHERE organization_id = %s ORDER BY size DESC LIMIT 1
"""
_CLEAR = """
UPDATE ledger_alarm SET cleared_at = %s, cleared_by_event = %s WHERE organization_id = %s AND cleared_at IS NULL
"""
_LOSS = """
INSERT INTO ledger_loss (id, organization_id, number, kept_size, signed_size, signed_root, event_id, at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
"""
_ALARM = """
INSERT INTO ledger_alarm (id, organization_id, kind, message, raised_at) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (organization_id, kind) WHERE cleared_at IS NULL DO NOTHING
"""


def run_once(organization_id: UUID, stopped: Callable[[], bool] = lambda: False) -> int:
    """Seal everything that waits in one organization and return how many events that were.

    Between batches `stopped()` may end it; what is left goes on waiting. Raises SignerRefused, with the alarm already raised, when the tree is not the one that was signed.
    """
    sealed = 0
    # Only an installation that never signed gets its key here: a key that went missing is never replaced by another.
    if not signer.known_organizations():
        keys.ensure_key()
    with tenancy.acting_as_sequencer():
        while not stopped() and (count := _guarded(organization_id, _seal_batch)):
            sealed += count
    return sealed


def inspect(organization_id: UUID) -> None:
    """Compare the tree with the signer's memory without sealing anything; an alarm is raised as in `run_once`."""
    with tenancy.acting_as_sequencer():
        _guarded(organization_id, _check_only)


def clear_alarms(organization_id: UUID, event_id: UUID) -> None:
    """Clear what is open, by right of the event that says why. recovery.py has looked before."""
    with tenancy.acting_as_sequencer(), transaction.atomic(using="sequencer"), tenancy.entered(organization_id):
        _clear(organization_id, event_id)


def begin_line(
    organization_id: UUID, head: signer.Head, lost: signer.Head | None, *, line: int, event_id: UUID
) -> None:
    """Go on from `head` under a new line, because what was signed beyond it is lost; the alarms end with it."""
    with tenancy.acting_as_sequencer(), signer.held(organization_id):
        with transaction.atomic(using="sequencer"), tenancy.entered(organization_id), _cursor() as cursor:
            _lock(organization_id)
            size, root = (lost.size, lost.root) if lost else (None, None)
            values: list[Any] = [uuid7(), organization_id, line - 1, head.size, size, root, event_id, clock.now()]
            cursor.execute(_LOSS, values)
            _clear(organization_id, event_id)
        signer.begin_line(organization_id, head, line)


def _clear(organization_id: UUID, event_id: UUID) -> None:
    with _cursor() as cursor:
        cursor.execute(_CLEAR, [clock.now(), event_id, organization_id])


def run_forever(stopped: Callable[[], bool]) -> None:
    """Seal for all organizations until `stopped()`; of several processes one works and the others stand by."""
    inspected = 0.0
    while not stopped():
        try:
            with tenancy.acting_as_sequencer():
                if not _leads():
                    time.sleep(1)
                    continue
                if time.monotonic() - inspected > CHECK_SECONDS:
                    _each(signer.known_organizations(), inspect)
                    inspected = time.monotonic()
                _each(_waiting(), partial(run_once, stopped=stopped))
                _listen()
        except (Error, psycopg.Error) as fault:
            log.warning("The database is away, the sequencer waits: %s", fault)
            connections["sequencer"].close()
            time.sleep(1)


def _each(organizations: list[UUID], act: Callable[[UUID], object]) -> None:
    for organization_id in organizations:
        try:
            act(organization_id)
        except Unavailable as refusal:
            _complain(organization_id, refusal.message)
        except OSError as fault:
            # What cannot be remembered is not signed: the transaction is rolled back, and the events go on waiting.
            _complain(organization_id, f"The signer's folder cannot be used, so nothing is signed: {fault}")


def _complain(organization_id: UUID, message: str) -> None:
    # It is tried again four times a second; a log that fills the disk would be the next fault.
    said, at = _complaints.get(organization_id, ("", 0.0))
    if said != message or time.monotonic() - at > CHECK_SECONDS:
        _complaints[organization_id] = (message, time.monotonic())
        log.error("Organization %s: %s", organization_id, message)


def _guarded(organization_id: UUID, act: Callable[[UUID], int]) -> int:
    try:
        with signer.held(organization_id):
            return act(organization_id)
    except signer.SignerRefused as refusal:
        with transaction.atomic(using="sequencer"), tenancy.entered(organization_id), _cursor() as cursor:
            cursor.execute(_ALARM, [uuid7(), organization_id, refusal.kind, refusal.message, clock.now()])
        raise


def _seal_batch(organization_id: UUID) -> int:
    with transaction.atomic(using="sequencer"), tenancy.entered(organization_id), _cursor() as cursor:
        _lock(organization_id)
        cursor.execute("SELECT EXISTS (SELECT FROM ledger_queue WHERE organization_id = %s)", [organization_id])
        if not cursor.fetchone()[0]:
            return 0
        read = tiles.reader(organization_id)
        line = keys.present_line(organization_id)
        old, last_note = _checked_head(organization_id, read, line)
        cursor.execute(_TAKE, [organization_id, organization_id, BATCH])
        taken = cursor.fetchall()
        crashing.point("checkpoint.taken")
        changed = tree.append(read, old.size, b"".join([bytes(leaf) for _, leaf in taken]))
        size = old.size + len(taken)
        new = signer.Head(size, tree.root(tiles.over(read, changed), size))
        cursor.execute(_ENTER, [organization_id, old.size, [event_id for event_id, _ in taken]])
        tiles.write(organization_id, changed)
        crashing.point("checkpoint.tiled")
        origin = keys.origin(organization_id, line)
        signing = keys.signing_keys(organization_id, line, last_note)
        note = notes.sign(str(notes.Checkpoint(origin, new.size, new.root)), *signing)
        cursor.execute(
            "INSERT INTO ledger_checkpoint (organization_id, size, root, note, at) VALUES (%s, %s, %s, %s, %s)",
            [organization_id, new.size, new.root, note, clock.now()],
        )
        crashing.point("checkpoint.signed")
        signer.intend(organization_id, old, new, line)
        crashing.point("checkpoint.intended")
    crashing.point("checkpoint.committed")
    signer.confirm(organization_id, new, line)
    crashing.point("checkpoint.confirmed")
    return len(taken)


def _check_only(organization_id: UUID) -> int:
    with transaction.atomic(using="sequencer"), tenancy.entered(organization_id):
        _lock(organization_id)
        _checked_head(organization_id, tiles.reader(organization_id), keys.present_line(organization_id))
    return 0


def _checked_head(organization_id: UUID, read: tree.Read, line: int) -> tuple[signer.Head, str]:
    """The newest checkpoint and its note as the database has them, once they continue what was signed."""
    with _cursor() as cursor:
        cursor.execute(_HEAD, [organization_id, organization_id])
        row = cursor.fetchone()
        if row is None:
            cursor.execute("SELECT count(*) FROM ledger_entry WHERE organization_id = %s", [organization_id])
            row = (0, tree.EMPTY_ROOT, "", cursor.fetchone()[0])
    head = signer.Head(row[0], bytes(row[1]))
    if row[3] != head.size:
        raise signer.SignerRefused(
            f"The newest checkpoint covers {head.size} events, but {row[3]} have a place.", code="tree_unsigned"
        )
    signer.check(signer.load(organization_id), read, head, line)
    return head, row[2]


def _lock(organization_id: UUID) -> None:
    with _cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [LEADER_LOCK, str(organization_id)])


def _leads() -> bool:
    with _cursor() as cursor:
        # Session locks are counted: ask only when this session does not hold it yet.
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND objsubid = 1"
            " AND pid = pg_backend_pid()) OR pg_try_advisory_lock(%s)",
            [LEADER_LOCK, LEADER_LOCK],
        )
        return bool(cursor.fetchone()[0])


def _waiting() -> list[UUID]:
    with _cursor() as cursor:
        cursor.execute("SELECT DISTINCT organization_id FROM ledger_queue")
        return [row[0] for row in cursor.fetchall()]


def _listen() -> None:
    with _cursor() as cursor:
        cursor.execute(f"LISTEN {CHANNEL}")
        for _ in cursor.connection.notifies(timeout=POLL_SECONDS, stop_after=1):
            pass


def _cursor() -> CursorWrapper:
    return connections["sequencer"].cursor()
