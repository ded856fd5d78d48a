"""Checks a whole history against itself, its signed checkpoints and the signer's memory, and names the first fault.

Nothing stored is believed: every leaf is hashed anew from the event's bytes, every tile from the leaves, every
checkpoint's root from the tiles and every signature from the public key. It reads one snapshot, in pieces.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any
from uuid import UUID

import psycopg
from django.db import connections, transaction
from django.db.backends.utils import CursorWrapper

from evidence import tenancy
from evidence.ledger import keys, notes, signer, tiles, timestamps, tree
from evidence.ledger.body import NONCE_BYTES

PIECE = 32
# Told how many events are done, of how many, and what is being done; it may raise to stop.
Watch = Callable[[int, int, str], object]
# The steps of a verification, methods of `_Run`; each relies on those before it.
ALL = ("alarms", "leaves", "upper_tiles", "checkpoints", "time_stamps", "signer", "queue", "rest")

# The frame of a body (body.py) out of the event's columns, of built-in functions alone, so that nobody can alter the
# comparison in the database. Of the middle and the tail the length is known without building them.
_HEAD = """
'{"actor":{"account":' || coalesce('"' || e.actor_account_id || '"', 'null') || ',"person":'
  || coalesce('"' || e.actor_person_id || '"', 'null') || ',"system":"' || e.actor_system || '","via":"' || e.via
  || '"},"at":"' || to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || '","facts":{'"""
_MIDDLE = """'},"id":"' || e.id || '","kind":"' || e.kind || '","nonce":"'"""
_MIDDLE_LENGTH = "65 + octet_length(e.kind)"
_TAIL = """'","object":{"id":"' || e.object_id || '","ref":"' || e.object_ref || '","type":"' || e.object_type
  || '","version":' || e.object_version || '},"organization":"' || e.organization_id || '","v":1}'"""
_TAIL_LENGTH = "147 + octet_length(e.object_ref) + octet_length(e.object_type) + octet_length(e.object_version::text)"
_TAIL_AT = f"octet_length(e.body) + 1 - ({_TAIL_LENGTH})"
# A tile's worth of events in one row: what a leaf hashes, the leaves, and which events commit to a text. Where a column
# would need escaping `fits` is false, and `_ROWS` compares exactly.
_TILES_OF_EVENTS = f"""
SELECT array_agg('\\x00'::bytea || x.body), string_agg(x.leaf, ''::bytea), bool_and(x.fits), count(x.body), min(x.index),
  max(x.index), array_agg(x.index) FILTER (WHERE position('"texts":{{"'::bytea IN x.body) > 0)
FROM generate_series(%(first)s::bigint, %(first)s::bigint + %(count)s - 1) t, LATERAL (
  SELECT n.index, e.body, e.leaf,
    position(chr(92) IN e.kind || e.object_type || e.object_ref || e.actor_system || e.via) = 0
    AND starts_with(convert_from(e.body, 'UTF8'), {_HEAD})
    AND substring(e.body FROM {_TAIL_AT} - 32 - ({_MIDDLE_LENGTH}) FOR {_MIDDLE_LENGTH}) = textsend({_MIDDLE})
    AND substring(e.body FROM {_TAIL_AT}) = textsend({_TAIL}) AS fits
  FROM ledger_entry n LEFT JOIN ledger_event e ON e.id = n.event_id
  WHERE n.organization_id = %(organization)s AND n.index >= 256 * t AND n.index < 256 * (t + 1)
  ORDER BY n.index OFFSET 0
) x GROUP BY t ORDER BY t
"""  # noqa: S608
_ROWS = """
SELECT n.index, e.leaf, e.body,
  ledger_body_head(e.actor_person_id, e.actor_account_id, e.actor_system, e.via, e.at),
  ledger_body_middle(e.id, e.kind),
  ledger_body_tail(e.object_type, e.object_id, e.object_ref, e.object_version, e.organization_id)
FROM ledger_entry n LEFT JOIN ledger_event e ON e.id = n.event_id
WHERE n.organization_id = %s AND n.index >= %s AND n.index < %s ORDER BY n.index
"""
_TILES = "SELECT index, hashes, width FROM ledger_tile WHERE organization_id = %s AND level = %s AND index >= %s ORDER BY index LIMIT %s"
_NAME = "SELECT event_id FROM ledger_entry WHERE organization_id = %s AND index = %s"
_PLACELESS = """
SELECT e.id FROM ledger_event e WHERE e.organization_id = %s
  AND NOT EXISTS (SELECT FROM ledger_entry n WHERE n.event_id = e.id)
  AND NOT EXISTS (SELECT FROM ledger_queue q WHERE q.event_id = e.id AND q.organization_id = e.organization_id) LIMIT 1
"""
_QUEUE = """
SELECT q.event_id, CASE WHEN e.id IS NULL THEN 'is not there'
    WHEN EXISTS (SELECT FROM ledger_entry n WHERE n.event_id = q.event_id) THEN 'has its place already'
    WHEN q.leaf <> e.leaf OR e.leaf <> sha256('\\x00'::bytea || e.body) THEN 'is no longer what was recorded'
    WHEN NOT ledger_body_fits(e.body, e.id, e.organization_id, e.kind, e.object_type, e.object_id, e.object_ref,
      e.object_version, e.actor_person_id, e.actor_account_id, e.actor_system, e.via, e.at)
      THEN 'has columns that say something else than its body'
  END AS fault
FROM ledger_queue q LEFT JOIN ledger_event e ON e.id = q.event_id WHERE q.organization_id = %s ORDER BY 2 NULLS LAST
"""
_TIME_STAMPS = """
SELECT t.size, t.token, t.stamped_at, c.note FROM ledger_timestamp t
JOIN ledger_checkpoint c ON c.organization_id = t.organization_id AND c.size = t.size
WHERE t.organization_id = %s ORDER BY t.size, t.received_at
"""
# That no version is there twice is the unique index' word, so the index must be there and whole.
_VERSIONS = """
SELECT object_type, object_id FROM ledger_event e WHERE organization_id = %s AND object_version > 1 AND NOT EXISTS (
  SELECT FROM ledger_event p WHERE p.organization_id = e.organization_id AND p.object_type = e.object_type
    AND p.object_id = e.object_id AND p.object_version = e.object_version - 1) LIMIT 1
"""
_VERSIONS_ARE_UNIQUE = """
SELECT count(*) FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indexrelid
WHERE i.indrelid = 'ledger_event'::regclass AND i.indisunique AND i.indisvalid AND i.indisready AND i.indpred IS NULL
  AND i.indnkeyatts = 3 AND a.attname IN ('object_type', 'object_id', 'object_version')
"""
_TEXTS = """
SELECT t.event_id, t.field FROM ledger_eventtext t LEFT JOIN ledger_event e ON e.id = t.event_id
WHERE t.organization_id = %s AND (e.id IS NULL OR e.organization_id <> t.organization_id
  OR CASE WHEN t.erased_at IS NULL
    THEN convert_from(e.body, 'UTF8')::json #>> ARRAY['facts', 'texts', t.field]
      IS DISTINCT FROM encode(sha256(t.salt || convert_to(t.text, 'UTF8')), 'hex')
    ELSE t.salt IS NOT NULL OR t.text IS NOT NULL END) LIMIT 1
"""
_LOST_TEXTS = """
SELECT e.id, k.field FROM ledger_entry n JOIN ledger_event e ON e.id = n.event_id CROSS JOIN LATERAL
  json_object_keys(convert_from(e.body, 'UTF8')::json #> '{facts,texts}') AS k(field)
WHERE n.organization_id = %s AND n.index = ANY(%s)
  AND NOT EXISTS (SELECT FROM ledger_eventtext t WHERE t.event_id = e.id AND t.field = k.field) LIMIT 1
"""


@dataclass(frozen=True)
class Report:
    """What was checked, and the first thing that is wrong."""

    organization_id: UUID
    slug: str
    sealed: int = 0
    root: str = ""
    checkpoints: int = 0
    waiting: int = 0
    texts: int = 0
    time_stamps: int = 0
    place: str = ""
    fault: str = ""

    @property
    def holds(self) -> bool:
        return not self.fault


class Broken(Exception):
    """The first fault: where it is and what it is."""

    def __init__(self, place: str, fault: str) -> None:
        super().__init__(f"{place}: {fault}")
        self.place = place
        self.fault = fault


def verify(organization_id: UUID, slug: str = "", *, watch: Watch | None = None) -> Report:
    """Check one organization's history. Raises Unavailable when there are no public keys to check with."""
    return _verify(organization_id, slug, ALL, watch)


def verify_without_memory(organization_id: UUID, *, watch: Watch | None = None) -> Report:
    """Everything but the signer's memory, for a machine that does not hold it."""
    return _verify(organization_id, "", [step for step in ALL if step != "signer"], watch)


def verify_despite_alarm(organization_id: UUID) -> Report:
    """Everything but that an alarm is open: whether one may be cleared."""
    return _verify(organization_id, "", [step for step in ALL if step != "alarms"])


def verify_by_itself(organization_id: UUID) -> Report:
    """Whether what is still in the database holds, whatever the signer remembers beyond it."""
    return _verify(organization_id, "", [step for step in ALL if step not in ("alarms", "signer")])


def _verify(organization_id: UUID, slug: str, steps: Sequence[str], watch: Watch | None = None) -> Report:
    report = Report(organization_id, slug)
    # The signer's memory is read before the snapshot: the tree may grow in between, but never shrink.
    try:
        remembered = signer.load(organization_id) if "signer" in steps else None
    except signer.SignerRefused as refusal:
        return Report(organization_id, slug, place="signer", fault=refusal.message)
    with _snapshot(organization_id) as cursor:
        run = _Run(organization_id, cursor, remembered, watch)
        try:
            for step in steps:
                getattr(run, step)()
        except Broken as broken:
            report = replace(report, place=broken.place, fault=broken.fault)
        return replace(
            report,
            sealed=run.size,
            root=run.root.hex(),
            checkpoints=run.signed,
            waiting=run.waiting,
            texts=run.texts,
            time_stamps=run.stamped,
        )


class _Run:
    """One verification: what the steps have found so far."""

    def __init__(
        self, organization_id: UUID, cursor: CursorWrapper, remembered: signer.State | None, watch: Watch | None
    ) -> None:
        self.organization_id = organization_id
        self.cursor = cursor
        self.remembered = remembered
        self.watch = watch
        self.keys = keys.verifier_keys(organization_id)
        self.size = self.signed = self.waiting = self.texts = self.tiles = self.stamped = self.total = 0
        self.root = tree.EMPTY_ROOT
        self.lost_text: tuple[Any, ...] | None = None
        self.promoted: list[bytes] = []
        self.stored_level = -1
        self.stored: dict[int, tuple[bytes, int]] = {}

    def alarms(self) -> None:
        for kind, message in self._rows(
            "SELECT kind, message FROM ledger_alarm WHERE organization_id = %s AND cleared_at IS NULL ORDER BY raised_at"
        ):
            raise Broken(f"alarm {kind}", message)

    def leaves(self) -> None:
        """Every event hashes to its leaf and its place in the lowest tiles."""
        for (total,) in self._rows("SELECT count(*) FROM ledger_entry WHERE organization_id = %s"):
            self.total = total
        while pieces := self._tiles_of_events(self.size // tree.TILE_HASHES):
            if pieces[0][4] // tree.TILE_HASHES != self.size // tree.TILE_HASHES:
                self._name(pieces[0][4], self.size, b"")
            committed: list[int] = []
            for hashed, leaves, fits, count, first, last, with_texts in pieces:
                hashes = [sha256(each).digest() for each in hashed] if count == last - first + 1 else []
                joined = b"".join(hashes)
                if not (fits and first == self.size and joined == leaves):
                    joined = b"".join(self._hashes_row_by_row(self.size))
                committed += with_texts or ()
                self._lowest_tile(self.size // tree.TILE_HASHES, joined)
                self.size += len(joined) // tree.HASH_BYTES
            self._note_lost_texts(committed)
            if self.watch:
                self.watch(self.size, self.total, "Hashing every event")
            if self.size % tree.TILE_HASHES:
                break
        for (index,) in self._rows("SELECT max(index) FROM ledger_entry WHERE organization_id = %s"):
            if index is not None and index >= self.size:
                raise Broken(f"entry {self.size}", "is missing, though later ones are there")

    def _note_lost_texts(self, committed: list[int]) -> None:
        """Keep in mind what these events commit to that is neither there nor erased; `rest` says so."""
        if committed and self.lost_text is None:
            self.lost_text = next(iter(self._rows(_LOST_TEXTS, committed)), None)

    def upper_tiles(self) -> None:
        """Every tile above follows from those below, and there are no others."""
        level, below = 1, self.promoted
        while below:
            above = []
            for index in range(-(-len(below) // tree.TILE_HASHES)):
                part = below[tree.TILE_HASHES * index : tree.TILE_HASHES * (index + 1)]
                expected = b"".join(part)
                self._compare_tile(level, index, expected)
                if len(part) == tree.TILE_HASHES:
                    above.append(tree.fold(expected))
            level, below = level + 1, above
        for (count,) in self._rows("SELECT count(*) FROM ledger_tile WHERE organization_id = %s"):
            if count != self.tiles:
                raise Broken("tiles", f"there are {count}, but {self.size} events make {self.tiles}")

    def checkpoints(self) -> None:
        """Every checkpoint is signed and states the root of the tree as it was then."""
        read = tiles.reader(self.organization_id)
        handover = _Handover(self.organization_id)
        covered = 0
        for size, root, note in self._rows(
            "SELECT size, root, note FROM ledger_checkpoint WHERE organization_id = %s ORDER BY size"
        ):
            place = f"checkpoint {size}"
            try:
                stated = notes.open_checkpoint(note, self.keys)
            except (notes.Unreadable, notes.Unsigned) as fault:
                raise Broken(place, f"its signature does not hold: {fault}") from fault
            if stated != notes.Checkpoint(handover.origin(size), size, bytes(root)):
                raise Broken(place, "its columns say something else than what was signed")
            if not handover.follows(note):
                raise Broken(place, "another key signed it than the one before, and the earlier key did not hand over")
            if size > self.size:
                raise Broken(place, f"more events were signed than the {self.size} that have a place")
            if tree.root(read, size) != stated.root:
                raise Broken(place, "the events before it are no longer those that were signed")
            self.signed, self.root, covered = self.signed + 1, stated.root, size
        if covered != self.size:
            raise Broken("checkpoints", f"{self.size} events have a place, but the newest checkpoint covers fewer")

    def time_stamps(self) -> None:
        """Every time-stamp is an authority's word about the checkpoint it stands beside."""
        for size, token, at, note in self._rows(_TIME_STAMPS):
            place = f"time-stamp of checkpoint {size}"
            try:
                stamp = timestamps.verify(bytes(token), note.encode())
            except timestamps.Refused as fault:
                raise Broken(place, str(fault)) from fault
            if stamp.at != at:
                raise Broken(place, "its column says another time than the authority")
            self.stamped += 1

    def signer(self) -> None:
        """The signer's memory outside the database agrees."""
        try:
            head = signer.Head(self.size, self.root)
            line = keys.present_line(self.organization_id)
            signer.check(self.remembered, tiles.reader(self.organization_id), head, line)
        except signer.SignerRefused as refusal:
            raise Broken("signer", refusal.message) from refusal

    def queue(self) -> None:
        """What waits is what was recorded, and everything else has its place."""
        for event_id, fault in self._rows(_QUEUE):
            if fault:
                raise Broken(f"event {event_id}", f"it waits for its place, but {fault}")
            self.waiting += 1
        for (event_id,) in self._rows(_PLACELESS):
            raise Broken(f"event {event_id}", "it has no place in the tree and does not wait for one")

    def rest(self) -> None:
        """Versions have no gaps and texts are those that were committed to."""
        self.cursor.execute(_VERSIONS_ARE_UNIQUE)
        if self.cursor.fetchone() != (3,):
            raise Broken("versions", "the index that keeps each of them unique is not there")
        for object_type, object_id in self._rows(_VERSIONS):
            raise Broken(f"{object_type} {object_id}", "its versions have a gap")
        for event_id, field in self._rows(_TEXTS):
            raise Broken(f"event {event_id}", f"its text “{field}” is not what it commits to")
        if self.lost_text:
            event_id, field = self.lost_text
            raise Broken(f"event {event_id}", f"its text “{field}” is gone without having been erased")
        for (count,) in self._rows("SELECT count(*) FROM ledger_eventtext WHERE organization_id = %s"):
            self.texts = count

    def _hashes_row_by_row(self, first: int) -> list[bytes]:
        """The hashes of a tile's events, compared exactly: names what is wrong, or finds that nothing is."""
        hashes = []
        expected = first
        last = first - first % tree.TILE_HASHES + tree.TILE_HASHES
        for index, leaf, body, head, middle, tail in self._binary_rows(_ROWS, [self.organization_id, first, last]):
            if body is None or index != expected:
                self._name(index, expected, body)
            digest = sha256(b"\x00" + body).digest()
            if digest != leaf:
                raise Broken(self._event(index), "its body does not hash to its leaf")
            end = tail.encode()
            nonce = len(body) - len(end) - 2 * NONCE_BYTES
            before = middle.encode()
            if not (
                body.startswith(head.encode()) and body.endswith(end) and body.startswith(before, nonce - len(before))
            ):
                raise Broken(self._event(index), "its columns say something else than its body")
            hashes.append(digest)
            expected += 1
        return hashes

    def _lowest_tile(self, index: int, expected: bytes) -> None:
        self._compare_tile(0, index, expected)
        if len(expected) == tree.TILE_BYTES:
            self.promoted.append(tree.fold(expected))

    def _compare_tile(self, level: int, index: int, expected: bytes) -> None:
        place = f"tile {level}/{index}"
        if index % 64 == 0 or level != self.stored_level:
            rows = self._rows(_TILES, level, index, 64)
            self.stored = {at: (bytes(hashes), width) for at, hashes, width in rows}
            self.stored_level = level
        hashes, width = self.stored.get(index, (b"", 0))
        if hashes != expected:
            at = next((n for n in range(256) if hashes[32 * n : 32 * n + 32] != expected[32 * n : 32 * n + 32]), 0)
            what = self._event(256 * index + at) if level == 0 else f"hash {at}"
            raise Broken(place, f"it does not hold what {what} hashes to")
        if 32 * width != len(expected):
            raise Broken(place, f"it says it holds {width} hashes, but holds {len(expected) // 32}")
        self.tiles += 1

    def _name(self, index: int, expected: int, body: bytes | None) -> None:
        if index != expected:
            raise Broken(f"entry {expected}", "is missing, though later ones are there")
        if body is None:
            raise Broken(self._event(index), "it has a place in the tree, but the event is gone")

    def _event(self, index: int) -> str:
        for (event_id,) in self._rows(_NAME, index):
            return f"event {event_id} at index {index}"
        return f"index {index}"

    def _tiles_of_events(self, first: int) -> list[tuple[Any, ...]]:
        wanted = {"organization": self.organization_id, "first": first, "count": PIECE}
        return self._binary_rows(_TILES_OF_EVENTS, wanted)

    def _binary_rows(self, statement: str, parameters: Any) -> list[tuple[Any, ...]]:
        # Half the work of reading a million bodies is their way through hexadecimal text, so these come as bytes.
        with psycopg.Cursor(self.cursor.connection) as cursor:
            cursor.execute(statement, parameters, binary=True)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows

    def _rows(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        self.cursor.execute(statement, [self.organization_id, *parameters])
        rows: list[tuple[Any, ...]] = self.cursor.fetchall()
        return rows


class _Handover:
    """Which key and which name each checkpoint must bear, read from the smallest to the largest."""

    def __init__(self, organization_id: UUID) -> None:
        self.organization_id = organization_id
        self.lines = keys.lines(organization_id)
        self.publics = [public for _, public in keys.epochs()]
        self.name = ""
        self.epoch = 0

    def origin(self, size: int) -> str:
        """The name of the tree when it had `size` events; a new line begins with the first event after a loss."""
        line = next(line for line, kept in reversed(self.lines) if size > kept or line == 1)
        return keys.origin(self.organization_id, line)

    def follows(self, note: str) -> bool:
        """Whether the newest key that signed the checkpoint before signed this one too, or a line begins with it."""
        name = note.partition("\n")[0]
        by_id = {notes.VerifierKey(name, public).id: epoch for epoch, public in enumerate(self.publics)}
        signed_by = {by_id[key_id] for who, key_id, _ in notes.split_note(note)[1] if who == name and key_id in by_id}
        handed = name != self.name or self.epoch in signed_by
        self.name, self.epoch = name, max(signed_by)
        return handed


@contextmanager
def _snapshot(organization_id: UUID) -> Iterator[CursorWrapper]:
    """One moment of the database for all steps; inside a transaction of the caller, that one."""
    connection = connections[tenancy.alias()]
    nested = connection.in_atomic_block
    with transaction.atomic(using=tenancy.alias()), connection.cursor() as cursor:
        if not nested:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute("SET LOCAL jit = off")
        with tenancy.entered(organization_id, system=True):
            yield cursor
