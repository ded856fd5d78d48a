"""Reads about two accounts of one person: who may be one, what waits to be confirmed, what a link would uncover.

Nothing is loaded to compare it here: likeness is found by one statement over keys.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import connections

from evidence import tenancy
from portal.accounts.models import IdentityClaim, PersonLink

PAGE = 50
EVIDENCE = {
    "name": "Same name",
    "mailbox": "Same mailbox without its +tag and dots",
    "device": "Same passkey",
    "confirmed": "Confirmed by the person",
    "records": "Shown by other records, such as those of human resources",
}

# A name is its words in any order; a mailbox loses its tag and its dots, as most providers deliver it; a passkey is
# known by its credential and by its public key, which no two passkeys share. Its model (AAGUID) tells nothing: many
# people carry the same.
_KEYS = """
WITH here AS MATERIALIZED (
  SELECT DISTINCT m.person_id FROM accounts_membership m WHERE m.organization_id = (SELECT current_organization())
), likeness AS MATERIALIZED (
  SELECT h.person_id, 'name' AS kind, ARRAY(
           SELECT w FROM regexp_split_to_table(lower(p.name), '[^[:alnum:]]+') AS w WHERE w <> '' ORDER BY w)::text
           AS key
    FROM here h JOIN accounts_person p ON p.id = h.person_id
  UNION
  SELECT h.person_id, 'mailbox',
         replace(split_part(split_part(lower(a.email), '@', 1), '+', 1), '.', '') || '@' ||
           replace(split_part(lower(a.email), '@', 2), 'googlemail.com', 'gmail.com')
    FROM here h JOIN accounts_account a ON a.person_id = h.person_id
  UNION
  SELECT h.person_id, 'device', mark.key
    FROM here h JOIN accounts_account a ON a.person_id = h.person_id
    JOIN mfa_authenticator f ON f.user_id = a.id AND f.type = 'webauthn'
   CROSS JOIN LATERAL (VALUES (rtrim(coalesce(f.data ->> 'credential_id', f.data -> 'credential' ->> 'id'), '=')),
                              (f.data ->> 'public_key_sha256')) AS mark (key)
   WHERE mark.key IS NOT NULL
)
"""

# Of a pair the smaller key stands first, as in a claim.
_SUGGESTED = f"""{_KEYS}
SELECT a.person_id, b.person_id, array_agg(DISTINCT a.kind ORDER BY a.kind)
  FROM likeness a JOIN likeness b ON b.kind = a.kind AND b.key = a.key AND b.person_id > a.person_id
 WHERE a.key NOT IN ('', '{{}}')
   AND (%(kind)s::text IS NULL OR a.kind = %(kind)s)
   AND (%(first)s::uuid IS NULL OR (a.person_id, b.person_id) > (%(first)s::uuid, %(second)s::uuid))
   AND NOT EXISTS (SELECT 1 FROM accounts_sameperson s WHERE s.person_id = a.person_id AND s.other_id = b.person_id)
   AND NOT EXISTS (SELECT 1 FROM accounts_identityclaim c WHERE c.first_id = a.person_id AND c.second_id = b.person_id)
 GROUP BY 1, 2 ORDER BY 1, 2 LIMIT %(limit)s
"""  # noqa: S608
_OF_TWO = f"""{_KEYS}
SELECT array_agg(DISTINCT a.kind ORDER BY a.kind) FROM likeness a JOIN likeness b ON b.kind = a.kind AND b.key = a.key
 WHERE a.person_id = %(one)s AND b.person_id = %(other)s AND a.key NOT IN ('', '{{}}')
"""  # noqa: S608


@dataclass(frozen=True)
class Party:
    """One of two people who may be one: as the page names them."""

    id: UUID
    name: str
    addresses: tuple[str, ...]
    roles: tuple[str, ...]


@dataclass(frozen=True)
class Likeness:
    """Two people and what speaks for their being one."""

    one: Party
    other: Party
    evidence: tuple[str, ...]

    @property
    def words(self) -> list[str]:
        return [EVIDENCE.get(kind, kind) for kind in self.evidence]


@dataclass(frozen=True)
class Claimed:
    """A claim with the people it is about, as a page shows it."""

    row: IdentityClaim
    likeness: Likeness


@dataclass(frozen=True)
class Uncovered:
    """A rule that two people broke together, if they are one."""

    rule: str
    sentence: str
    subject_type: str
    subject_id: UUID
    cycle: int
    is_past: bool
    ref: str

    def __str__(self) -> str:
        when = f", cycle {self.cycle}" if self.is_past else ""
        return f"{self.ref}{when}: {self.sentence.rstrip('.')} (rule {self.rule})"


def is_key(given: object) -> bool:
    """Whether this is the key of a page of suggestions."""
    try:
        return isinstance(given, str) and len([UUID(part) for part in given.split(":")]) == 2
    except ValueError:
        return False


def suggestions(*, after: str = "", limit: int = PAGE, kind: str | None = None) -> tuple[list[Likeness], str]:
    """People who may be one and of whom nobody has said anything yet, a page at a time; and the next page's key.

    `kind` keeps to what one kind of evidence shows.
    """
    first, second = after.split(":") if is_key(after) else (None, None)
    rows = _ask(
        _SUGGESTED,
        {"first": first, "second": second, "limit": limit + 1, "kind": kind},
    )
    people = parties(person for row in rows[:limit] for person in row[:2])
    found = [Likeness(people[one], people[other], tuple(kinds)) for one, other, kinds in rows[:limit]]
    more = f"{rows[limit - 1][0]}:{rows[limit - 1][1]}" if len(rows) > limit else ""
    return found, more


def waiting() -> int:
    """How many pairs somebody should look at: suggested, or claimed and not yet confirmed. Counted to a hundred."""
    claimed = IdentityClaim.objects.filter(state=IdentityClaim.State.OPEN)[:100].count()
    return claimed + len(suggestions(limit=99)[0])


def of_two(one: UUID, other: UUID) -> list[str]:
    """What speaks for two people's being one."""
    rows = _ask(
        _OF_TWO,
        {"one": one, "other": other},
    )
    return list(rows[0][0] or [])


def claims(state: str, *, before: UUID | None = None, limit: int = PAGE) -> list[Claimed]:
    """Claims in one state, newest first."""
    rows = IdentityClaim.objects.filter(state=state).select_related("made_by", "ended_by").order_by("-id")
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return _with_people(list(rows[:limit]))


def about(person_ids: Iterable[UUID]) -> list[Claimed]:
    """Open claims about one of these persons that others made: what they are asked on their own profile."""
    rows = IdentityClaim.objects.filter(state=IdentityClaim.State.OPEN).select_related("made_by")
    ids = list(person_ids)
    return _with_people(list(rows.filter(first_id__in=ids) | rows.filter(second_id__in=ids)))


def claimed(claim_id: UUID) -> Claimed | None:
    """One claim with its people, or None."""
    found = _with_people(list(IdentityClaim.objects.filter(pk=claim_id).select_related("made_by", "ended_by")))
    return found[0] if found else None


def links(*, before: UUID | None = None, limit: int = PAGE) -> list[PersonLink]:
    """The links, newest first, with their people at hand."""
    rows = PersonLink.objects.select_related("person", "same_as", "made_by", "confirmed_by").order_by("-id")
    return list((rows.filter(pk__lt=before) if before else rows)[:limit])


def conflicts_if_one(one: UUID, other: UUID) -> list[Uncovered]:
    """The rules that the two broke together: the standing ones first. It writes and takes back, so not for a reader."""
    rows = _ask(
        "SELECT number, sentence, subject_type, subject_id, cycle, is_past"
        " FROM accounts_conflicts_if_one(%(one)s, %(other)s) ORDER BY is_past, subject_id, cycle, number",
        {"one": one, "other": other},
    )
    refs = _refs({(row[2], row[3]) for row in rows})
    return [Uncovered(*row, refs.get(row[3], "one item")) for row in rows]


def toxic_pair(one: UUID, other: UUID) -> tuple[str, str] | None:
    """Two live roles of the two that may not meet in one person, or None."""
    rows = _ask(
        "SELECT m.role, n.role FROM accounts_membership m JOIN accounts_membership n"
        " ON n.organization_id = m.organization_id AND accounts_may_not_meet(m.role, n.role)"
        " WHERE m.organization_id = current_organization() AND m.ended_at IS NULL AND n.ended_at IS NULL"
        " AND m.person_id = ANY (accounts_same_people(%(one)s)) AND n.person_id = ANY (accounts_same_people(%(other)s))"
        " ORDER BY 1, 2 LIMIT 1",
        {"one": one, "other": other},
    )
    return (rows[0][0], rows[0][1]) if rows else None


def parties(person_ids: Iterable[UUID]) -> dict[UUID, Party]:
    """Names, addresses and live roles of these people, in one statement."""
    rows = _ask(
        "SELECT p.id, p.name, ARRAY(SELECT a.email::text FROM accounts_account a WHERE a.person_id = p.id ORDER BY 1),"
        " ARRAY(SELECT m.role::text FROM accounts_membership m WHERE m.person_id = p.id AND m.ended_at IS NULL"
        "        AND m.organization_id = (SELECT current_organization()) ORDER BY 1)"
        " FROM accounts_person p WHERE p.id = ANY (%(ids)s)",
        {"ids": list(set(person_ids))},
    )
    return {row[0]: Party(row[0], row[1], tuple(row[2]), tuple(row[3])) for row in rows}


def _with_people(rows: Sequence[IdentityClaim]) -> list[Claimed]:
    people = parties(person for row in rows for person in (row.first_id, row.second_id))
    return [Claimed(row, Likeness(people[row.first_id], people[row.second_id], tuple(row.evidence))) for row in rows]


def _refs(subjects: Iterable[tuple[str, UUID]]) -> dict[UUID, str]:
    """The public ids of items, one query per kind of item."""
    by_type: dict[str, list[UUID]] = {}
    for subject_type, subject_id in subjects:
        by_type.setdefault(subject_type, []).append(subject_id)
    found: dict[UUID, str] = {}
    for subject_type, ids in by_type.items():
        try:
            model = apps.get_model(subject_type)
        except LookupError:
            continue
        found.update(model._default_manager.filter(pk__in=ids).values_list("pk", "ref"))
    return found


def _ask(statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connections[tenancy.alias()].cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())
