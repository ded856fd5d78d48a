"""What an import would do with each reading, before anything is done: compared by fingerprint with what is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db import connections

from evidence import tenancy
from remediation.findings.queries import number_of
from remediation.findings.states import State

from .reader.compact import CompactMap
from .reader.records import Reading

CREATED, UPDATED, REOPENED, UNCHANGED, MERGED = "created", "updated", "reopened", "unchanged", "merged"
OUTCOMES = (CREATED, UPDATED, REOPENED, UNCHANGED, MERGED)

_CLOSED, _REJECTED = State.CLOSED.value, State.REJECTED.value

# Fingerprint by fingerprint through the unique index: the tables have just grown and their statistics not yet, and a
# plan for one array would read all findings of the organization for every batch.
_KNOWN = """
SELECT f.fingerprint, f.id, f.ref, f.state, f.cycle, f.severity, f.kev, f.proposed_fixed_at IS NOT NULL,
       f.clock_started_at, f.reported_at, f.owner_id,
       coalesce((SELECT o.raw ->> 'digest' FROM findings_occurrence o WHERE o.finding_id = f.id ORDER BY o.seen_at DESC, o.id DESC LIMIT 1), '')
  FROM findings_finding f
 WHERE f.id = ANY(ARRAY(
         SELECT g.id FROM unnest(%s::text[]) AS wanted (fingerprint), LATERAL (
                SELECT k.id FROM findings_finding k
                 WHERE k.organization_id = %s AND k.fingerprint = wanted.fingerprint AND k.fingerprint <> '' OFFSET 0) g))
 ORDER BY f.id
"""

_TITLES = "SELECT number, title FROM findings_finding WHERE organization_id = %s AND number = ANY(%s)"


@dataclass(frozen=True, slots=True)
class Known:
    """The finding that already has this fingerprint."""

    id: UUID
    ref: str
    state: str
    cycle: int
    severity: str
    kev: bool
    is_proposed_fixed: bool
    clock_started_at: Any
    reported_at: Any
    owner_id: UUID | None
    digest: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """One reading, what becomes of it, and why."""

    reading: Reading
    outcome: str
    reason: str
    known: Known | None = None
    digest: str = ""


class Matcher:
    """Compares readings batch by batch; remembers the fingerprints of this file as 8-byte numbers."""

    def __init__(self, organization_id: UUID, *, locking: bool) -> None:
        self._organization_id = organization_id
        self._sql = _KNOWN + (" FOR UPDATE OF f" if locking else "")
        self._rows = CompactMap()

    def verdicts(self, readings: Sequence[Reading]) -> list[Verdict]:
        found: list[Verdict | None] = []
        fresh: list[Reading] = []
        for reading in readings:
            # The fingerprint is a SHA-256 already: any 64 bits of it are as good as a hash.
            first = self._rows.setdefault(int(reading.fingerprint[:16], 16), reading.row)
            if first == reading.row:
                fresh.append(reading)
                found.append(None)
            else:
                found.append(Verdict(reading, MERGED, f"The same result as row {first} of this file."))
        known = self._known([reading.fingerprint for reading in fresh])
        ours = self._ours([reading for reading in fresh if reading.due_on and reading.fingerprint not in known])
        judgements = (
            itself(reading) if reading.row in ours else judged(reading, known.get(reading.fingerprint))
            for reading in fresh
        )
        return [verdict or next(judgements) for verdict in found]

    def _known(self, fingerprints: list[str]) -> dict[str, Known]:
        if not fingerprints:
            return {}
        with connections[tenancy.alias()].cursor() as cursor:
            cursor.execute(self._sql, [fingerprints, self._organization_id])
            return {row[0]: Known(*row[1:]) for row in cursor.fetchall()}

    def _ours(self, readings: Sequence[Reading]) -> set[int]:
        """The rows of a plan that was exported here: their own id and their title are those of a finding."""
        numbered = {reading.row: number_of(reading.tool_fingerprint) for reading in readings}
        wanted = [number for number in numbered.values() if number is not None]
        if not wanted:
            return set()
        with connections[tenancy.alias()].cursor() as cursor:
            cursor.execute(_TITLES, [self._organization_id, wanted])
            titles = dict(cursor.fetchall())
        return {reading.row for reading in readings if titles.get(numbered[reading.row]) == reading.title}


def itself(reading: Reading) -> Verdict:
    """Its own finding, met again: nothing is made of it and no sighting left."""
    why = f"It is {reading.tool_fingerprint} of this organization: the plan was exported here."
    return Verdict(reading, UNCHANGED, why, digest=digest_of(reading))


def judged(reading: Reading, known: Known | None) -> Verdict:
    """A closed finding that is seen again reopens; a rejected one stays rejected; an open one is updated or left."""
    digest = digest_of(reading)
    if known is None:
        return Verdict(reading, CREATED, f"New. {reading.state_note}".strip(), digest=digest)
    if known.state == _CLOSED:
        return Verdict(
            reading, REOPENED, f"{known.ref} was closed and is there again: it reopens in a new cycle.", known, digest
        )
    if known.state == _REJECTED:
        return Verdict(reading, UNCHANGED, f"{known.ref} was rejected and stays so.", known, digest)
    if known.is_proposed_fixed:
        return Verdict(reading, UPDATED, f"{known.ref} was proposed as fixed and is there again.", known, digest)
    if known.digest and known.digest != digest:
        return Verdict(reading, UPDATED, f"{known.ref} is open; the file says something new about it.", known, digest)
    return Verdict(reading, UNCHANGED, f"{known.ref} is open and unchanged.", known, digest)


def digest_of(reading: Reading) -> str:
    """What a later file is compared with: the words and facts of the result, without dates and rows."""
    parts = (
        reading.title,
        reading.description,
        reading.severity,
        reading.location,
        reading.cvss_vector,
        str(reading.kev),
        reading.audit_rating,
    )
    return sha256("\x1f".join(parts).encode("utf-8", "replace")).hexdigest()[:24]
