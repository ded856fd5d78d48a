"""The segregation of duties report of a period: every decision with who did what on its item, and what stood beside it.

It states what the records show and by which rules; it gives no opinion. Lists come in pages and streams, so that a
year of decisions is never in memory.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connections

from evidence import clock, tenancy
from evidence.errors import Invalid
from evidence.ledger import queries as ledger
from portal.watch import services
from portal.watch.models import Conflict, Round
from remediation.approvals.actions import ACTIONS
from remediation.sod.duties import Duty

PAGE = 50
STREAM = 500


@dataclass(frozen=True)
class Period:
    """Days of the organization's zone, both ends included."""

    start: date
    end: date
    zone: str

    @property
    def moments(self) -> tuple[datetime, datetime]:
        zone = ZoneInfo(self.zone)
        return (
            datetime.combine(self.start, time.min, zone),
            datetime.combine(self.end + timedelta(days=1), time.min, zone),
        )

    @property
    def words(self) -> str:
        return f"{self.start:%-d %b %Y} to {self.end:%-d %b %Y}"


def period(start: str, end: str, *, zone: str) -> Period:
    """The period of two ISO dates; the last 90 days without them. Raises Invalid for dates that make none."""
    today = clock.today(zone)
    try:
        first = date.fromisoformat(start) if start else today - timedelta(days=89)
        last = date.fromisoformat(end) if end else today
    except ValueError as error:
        raise Invalid("These are no dates.", fields={"from": ["Write them as 2026-03-31."]}) from error
    if last < first:
        raise Invalid("The period ends before it begins.", fields={"to": ["Choose a later day."]})
    if last.year > today.year + 50 or first.year < 1970:
        raise Invalid("The period is too far away.", fields={"from": ["Choose days of this organization's life."]})
    return Period(first, last, zone)


@dataclass(frozen=True)
class DecisionRow:
    """One decision as the report tells it."""

    id: UUID
    at: datetime
    subject_type: str
    subject_id: UUID
    subject_ref: str
    cycle: int
    action: str
    verdict: str
    person: str
    for_person: str
    department: str
    requester: str
    reason: str
    state: str
    matrix_version: int
    policy_versions: dict[str, Any]
    hands: tuple[tuple[str, tuple[str, ...]], ...]
    event: int | None
    conflicts: tuple[str, ...]
    waivers: tuple[str, ...]

    @property
    def word(self) -> str:
        return ACTIONS[self.action].word if self.action in ACTIONS else self.action

    @property
    def by(self) -> str:
        return f"{self.person} for {self.for_person}" if self.for_person else self.person

    @property
    def who_did_what(self) -> str:
        return "; ".join(f"{name}: {', '.join(duties)}" for name, duties in self.hands)

    @property
    def rules(self) -> str:
        quorum = self.policy_versions.get("quorum_version")
        return f"matrix {self.matrix_version}" + (f", quorum policy {quorum}" if quorum is not None else "")


# Hands by person and in the words of pages; the decision's event by its object, kind, person and nearness in time.
_DECISIONS = """
SELECT d.id, d.at, r.subject_type, r.subject_id, r.subject_ref, r.cycle, r.action, d.verdict, p.name,
       coalesce(q.name, ''), d.department, asker.name, d.reason, r.state, d.matrix_version,
       convert_from(r.content, 'UTF8')::jsonb -> 'rules', hands.list, told.index,
       ARRAY(SELECT c.rule FROM watch_conflict c WHERE c.act_id IN (d.id, r.id) AND c.is_proven ORDER BY 1),
       ARRAY(SELECT DISTINCT w.ref || ' (' || u.rule || ')' FROM sod_waiveruse u
              JOIN sod_waiver w ON w.id = u.waiver_id
             WHERE u.subject_id = r.subject_id AND u.cycle = r.cycle AND u.person_id = d.person_id ORDER BY 1)
  FROM approvals_decision d
  JOIN approvals_request r ON r.id = d.request_id
  JOIN accounts_person p ON p.id = d.person_id
  LEFT JOIN accounts_person q ON q.id = d.for_person_id
  JOIN accounts_person asker ON asker.id = r.requested_by_id
 CROSS JOIN LATERAL (
   SELECT coalesce(jsonb_agg(jsonb_build_array(one.name, one.duties) ORDER BY one.first_at, one.name), '[]') AS list
     FROM (SELECT o.name, jsonb_agg(DISTINCT h.duty) AS duties, min(h.at) AS first_at
             FROM sod_hand h JOIN accounts_person o ON o.id = h.person_id
            WHERE h.subject_id = r.subject_id AND h.cycle = r.cycle AND h.subject_type = r.subject_type
            GROUP BY h.person_id, o.name) one) hands
  LEFT JOIN LATERAL (
   SELECT t.index FROM ledger_event e JOIN ledger_entry t ON t.event_id = e.id
    WHERE e.object_type = r.subject_type AND e.object_id = r.subject_id AND e.actor_person_id = d.person_id
      AND e.kind = CASE d.verdict WHEN 'approve' THEN 'approval.approved' ELSE 'approval.rejected' END
      AND e.at BETWEEN d.at - interval '1 minute' AND d.at + interval '1 minute'
    ORDER BY abs(extract(epoch FROM e.at - d.at)) LIMIT 1) told ON true
 WHERE d.organization_id = (SELECT current_organization()) AND d.at >= %(start)s AND d.at < %(end)s
   AND (%(after_at)s::timestamptz IS NULL OR (d.at, d.id) > (%(after_at)s::timestamptz, %(after_id)s::uuid))
 ORDER BY d.at, d.id LIMIT %(limit)s
"""


def decisions(chosen: Period, *, after: str = "", limit: int = PAGE) -> tuple[list[DecisionRow], str]:
    """A page of decisions, oldest first, in one statement, and the key that the next page begins after."""
    start, end = chosen.moments
    at, key = _after(after)
    rows = _ask(_DECISIONS, {"start": start, "end": end, "after_at": at, "after_id": key, "limit": limit + 1})
    found = [_decision(row) for row in rows[:limit]]
    more = f"{found[-1].at.isoformat()}~{found[-1].id}" if len(rows) > limit else ""
    return found, more


def every_decision(chosen: Period) -> Iterator[DecisionRow]:
    """All of them, a batch at a time. Each batch is a statement of the transaction that the caller holds open."""
    after = ""
    while True:
        rows, after = decisions(chosen, after=after, limit=STREAM)
        yield from rows
        if not after:
            return


def _decision(row: tuple[Any, ...]) -> DecisionRow:
    *plain, rules, hands, event, conflicts, waivers = row
    labels = dict(Duty.choices)
    # A cursor of Django's hands jsonb over as text.
    people = tuple((name, tuple(labels.get(duty, duty) for duty in duties)) for name, duties in json.loads(hands))
    return DecisionRow(*plain, json.loads(rules or "{}"), people, event, tuple(conflicts), tuple(waivers))


def _after(after: str) -> tuple[datetime | None, UUID | None]:
    if not after:
        return None, None
    try:
        at, _, key = after.partition("~")
        return datetime.fromisoformat(at), UUID(key)
    except ValueError as error:
        raise Invalid("This page's address is broken.", fields={"after": ["Begin with the first page."]}) from error


@dataclass(frozen=True)
class Summary:
    """What stood in a period beside its decisions, counted and listed, each list no longer than a page."""

    counts: dict[str, int]
    conflicts: list[Conflict]
    exceptions: list[dict[str, Any]]
    delegations: list[dict[str, Any]]
    emergencies: list[dict[str, Any]]
    refused: list[dict[str, Any]]
    policies: list[dict[str, Any]]
    links: list[dict[str, Any]]
    last_round: Round | None
    rules: services.RulesInForce
    standing: ledger.Standing
    lists: dict[str, str] = field(default_factory=dict)


_COUNTS = """
SELECT (SELECT count(*) FROM approvals_decision d WHERE d.organization_id = o.id AND d.at >= %(start)s AND d.at < %(end)s),
       (SELECT count(*) FROM approvals_decision d WHERE d.organization_id = o.id AND d.at >= %(start)s AND d.at < %(end)s
           AND d.verdict = 'reject'),
       (SELECT count(*) FROM approvals_decision d WHERE d.organization_id = o.id AND d.at >= %(start)s AND d.at < %(end)s
           AND d.for_person_id IS NOT NULL),
       (SELECT count(*) FROM watch_conflict c WHERE c.organization_id = o.id AND c.is_proven
           AND coalesce(c.act_at, c.found_at) >= %(start)s AND coalesce(c.act_at, c.found_at) < %(end)s),
       (SELECT count(*) FROM approvals_request r WHERE r.organization_id = o.id AND r.ended_at >= %(start)s
           AND r.ended_at < %(end)s AND r.state IN ('refused', 'void', 'expired', 'withdrawn'))
  FROM (SELECT current_organization() AS id) o
"""
# One from the quorum is carried by no person.
_EXCEPTIONS = """
SELECT w.ref, coalesce(p.name, 'The whole team') AS person, array_to_string(w.rules, ', ') AS rules, w.reason, w.reviewer, w.starts_at, w.ends_at,
       w.ended_at, (SELECT count(*) FROM sod_waiveruse u WHERE u.waiver_id = w.id) AS uses
  FROM sod_waiver w LEFT JOIN accounts_person p ON p.id = w.person_id
 WHERE w.starts_at < %(end)s AND coalesce(w.ended_at, w.ends_at) >= %(start)s ORDER BY w.number LIMIT %(limit)s
"""
_DELEGATIONS = """
SELECT g.name AS giver, d.name AS deputy, l.duty, l.names, l.scope, l.reason, l.starts_at, l.ends_at, l.accepted_at,
       l.ended_at, (SELECT count(*) FROM approvals_decision v WHERE v.delegation_id = l.id) AS uses
  FROM approvals_delegation l JOIN accounts_person g ON g.id = l.giver_id JOIN accounts_person d ON d.id = l.deputy_id
 WHERE l.starts_at < %(end)s AND coalesce(l.ended_at, l.ends_at) >= %(start)s ORDER BY l.starts_at, l.id LIMIT %(limit)s
"""
_EMERGENCIES = """
SELECT e.ref, p.name AS person, e.role, e.reason, e.ticket, e.activated_at AS starts_at,
       coalesce(e.ended_at, e.ends_at) AS ended_at, s.name AS activated_by, r.name AS reviewed_by, e.reviewed_at
  FROM approvals_emergency e JOIN accounts_person p ON p.id = e.person_id
  LEFT JOIN accounts_person s ON s.id = e.activated_by_id LEFT JOIN accounts_person r ON r.id = e.reviewed_by_id
 WHERE e.activated_at < %(end)s AND coalesce(e.ended_at, e.ends_at) >= %(start)s ORDER BY e.number LIMIT %(limit)s
"""
_REFUSED = """
SELECT r.subject_ref, r.action, r.state, r.ended_at, r.ended_why FROM approvals_request r
 WHERE r.ended_at >= %(start)s AND r.ended_at < %(end)s AND r.state IN ('refused', 'void', 'expired', 'withdrawn')
 ORDER BY r.ended_at, r.id LIMIT %(limit)s
"""
_POLICIES = """
SELECT p.kind, p.version, p.effective_from, s.name AS set_by FROM organizations_policy p
  LEFT JOIN accounts_person s ON s.id = p.set_by_id
 WHERE p.kind IN ('sod', 'quorum') AND p.effective_from >= %(start)s AND p.effective_from < %(end)s
 ORDER BY p.effective_from, p.kind LIMIT %(limit)s
"""
_LINKS = """
SELECT a.name AS one, b.name AS other, l.confirmed_as, c.name AS confirmed_by, m.name AS made_by, l.at
  FROM accounts_personlink l JOIN accounts_person a ON a.id = l.person_id JOIN accounts_person b ON b.id = l.same_as_id
  JOIN accounts_person c ON c.id = l.confirmed_by_id JOIN accounts_person m ON m.id = l.made_by_id
 WHERE l.at >= %(start)s AND l.at < %(end)s ORDER BY l.at LIMIT %(limit)s
"""


def summary(organization_id: UUID, chosen: Period, *, limit: int = PAGE) -> Summary:
    """Everything but the decisions themselves."""
    start, end = chosen.moments
    given = {"start": start, "end": end, "limit": limit}
    counted = _ask(_COUNTS, given)[0]
    names = ("decisions", "rejections", "for_others", "conflicts", "refused")
    return Summary(
        counts=dict(zip(names, counted, strict=True)),
        conflicts=conflicts(chosen, limit=limit),
        exceptions=_told(_EXCEPTIONS, given),
        delegations=_told(_DELEGATIONS, given),
        emergencies=_told(_EMERGENCIES, given),
        refused=_told(_REFUSED, given),
        policies=_told(_POLICIES, given),
        links=_told(_LINKS, given),
        last_round=Round.objects.order_by("-ended_at").first(),
        rules=services.rules_in_force(organization_id),
        standing=ledger.standing(organization_id),
    )


def conflicts(chosen: Period, *, limit: int = PAGE) -> list[Conflict]:
    """Proven conflicts whose act, or else whose discovery, falls into the period."""
    start, end = chosen.moments
    rows = Conflict.objects.filter(is_proven=True).extra(
        where=["coalesce(act_at, found_at) >= %s AND coalesce(act_at, found_at) < %s"], params=[start, end]
    )
    return list(rows.select_related("person", "other", "case__finding").order_by("act_at", "id")[:limit])


def _told(statement: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    with connections[tenancy.alias()].cursor() as cursor:
        cursor.execute(statement, parameters)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _ask(statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connections[tenancy.alias()].cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())
