"""Who sees a finding, a piece of evidence, a package or an engagement, with every reason: one statement a page.

Each reason is a row of a union: a role, a duty on the finding, a grant with its giver and its end, a team, an
auditor's engagement. A person stands once, with all their reasons, in the order of names.
"""

# ruff: noqa: S608  the statements are put together from the constants of this file alone
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connections

from evidence import clock, tenancy
from evidence.actors import Actor
from evidence.artifacts.models import Artifact
from evidence.errors import NotFound
from portal.accounts import roles
from portal.engagements.models import Engagement
from portal.packages.links.models import Release
from portal.packages.models import Package
from remediation.findings.models import Finding

PAGE = 50


@dataclass(frozen=True)
class Reason:
    """Why somebody sees it: what kind of reason, its own word, who gave it, from when, until when."""

    kind: str
    word: str
    by: str = ""
    since: datetime | None = None
    until: datetime | None = None
    grant_id: UUID | None = None

    @property
    def sentence(self) -> str:
        return SENTENCES[self.kind].format(word=self.word, role=_role(self.word) if self.kind == "role" else "")


SENTENCES = {
    "role": "Role {role}",
    "owner": "Owns it",
    "assignee": "Carries out its fix",
    "task": "Works on {word}",
    "keeper": "Restricted it",
    "grant": "Let in: {word}",
    "team": "Team {word}",
    "engagement": "Auditor of {word}",
    "engagement_team": "Auditor of {word}, through a team",
}


@dataclass(frozen=True)
class Seer:
    """One person and every reason."""

    person_id: UUID
    name: str
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Page:
    """Some of them by name; `next_key` is what to ask for the others with."""

    people: list[Seer]
    next_key: str = ""


def _role(key: str) -> str:
    return roles.ROLES[key].word if key in roles.ROLES else key


def of_finding(actor: Actor, finding: Finding, *, after: str = "") -> Page:
    """Who sees a finding: by role, or, when it is restricted, only those let in; auditors by what was released."""
    actor.require("findings.view")
    return _page(_finding_reasons(finding.is_restricted), _given(finding, "findings.view"), after)


def of_artifact(actor: Actor, artifact: Artifact, *, after: str = "") -> Page:
    """Who sees a piece of evidence: by role; those let in when all it serves is restricted; auditors by its links."""
    actor.require("evidence.view")
    return _page(_ARTIFACT, _given(artifact, "evidence.view"), after)


def of_engagement(actor: Actor, engagement: Engagement, *, after: str = "") -> Page:
    """Who sees an engagement: by role, and its auditors by their grants."""
    actor.require("engagements.view")
    return _page(f"{_ROLES} UNION ALL {_AUDITORS}", _given(engagement, "engagements.view", engagement.pk), after)


def of_package(actor: Actor, package: Package, *, after: str = "") -> Page:
    """Who sees a package: by role, and once it is released the auditors of its engagement."""
    actor.require("packages.view")
    is_released = Release.objects.filter(package=package).exists()
    reasons = f"{_ROLES} UNION ALL {_AUDITORS}" if is_released else _ROLES
    return _page(reasons, _given(package, "packages.view", package.engagement_id), after)


def _given(subject: Any, right: str, engagement_id: UUID | None = None) -> dict[str, Any]:
    return {
        "id": subject.pk,
        "organization": subject.organization_id,
        "roles": [key for key, role in roles.ROLES.items() if right in role.permissions],
        "engagement": engagement_id,
        "now": clock.now(),
    }


_EMPTY = "NULL::timestamptz, NULL::timestamptz, NULL::uuid"
_ROLES = """
SELECT m.person_id, 'role' AS kind, m.role::text AS word, m.granted_by_id AS by_id, m.starts_at AS since,
       NULL::timestamptz AS until, NULL::uuid AS grant_id
  FROM accounts_membership m
 WHERE m.organization_id = %(organization)s AND m.ended_at IS NULL AND m.starts_at <= %(now)s
   AND m.role = ANY (%(roles)s)"""
_LIVE = "g.revoked_at IS NULL AND g.valid_from <= %(now)s AND g.valid_until > %(now)s"
_IN_TEAM = "m.starts_at <= %(now)s AND (m.ends_at IS NULL OR m.ends_at > %(now)s) AND t.ended_at IS NULL"
_WORKS_HERE = """EXISTS (SELECT FROM accounts_membership w WHERE w.person_id = {person}
  AND w.organization_id = %(organization)s AND w.ended_at IS NULL AND w.role = ANY (%(roles)s))"""
_LET_IN = f"""
SELECT l.* FROM (
  SELECT f.owner_id, 'owner', '', NULL::uuid, {_EMPTY} FROM findings_finding f
   WHERE f.id = ANY ({{findings}}) AND f.owner_id IS NOT NULL
  UNION ALL
  SELECT f.assignee_id, 'assignee', '', NULL::uuid, {_EMPTY} FROM findings_finding f
   WHERE f.id = ANY ({{findings}}) AND f.assignee_id IS NOT NULL
  UNION ALL
  SELECT k.assignee_id, 'task', k.ref::text, NULL::uuid, {_EMPTY} FROM tasks_task k
   WHERE k.finding_id = ANY ({{findings}}) AND k.assignee_id IS NOT NULL
  UNION ALL
  SELECT r.by_id, 'keeper', '', NULL::uuid, r.at, NULL::timestamptz, NULL::uuid FROM findings_restriction r
   WHERE r.finding_id = ANY ({{findings}}) AND r.lifted_at IS NULL
  UNION ALL
  SELECT a.person_id, 'grant', g.reason::text, g.granted_by_id, g.valid_from, g.valid_until, g.id
    FROM access_findinggrant g JOIN accounts_account a ON a.id = g.user_id AND a.is_active
   WHERE g.content_object_id = ANY ({{findings}}) AND {_LIVE}
  UNION ALL
  SELECT m.person_id, 'team', t.name::text, g.granted_by_id, g.valid_from, g.valid_until, g.id
    FROM access_findingteamgrant g JOIN access_team t ON t.id = g.team_id JOIN access_teammember m ON m.team_id = t.id
   WHERE g.content_object_id = ANY ({{findings}}) AND {_LIVE} AND {_IN_TEAM}
) AS l(person_id, kind, word, by_id, since, until, grant_id)
WHERE {_WORKS_HERE.format(person="l.person_id")} OR {{released}}"""
_AUDITORS = f"""
SELECT a.person_id, 'engagement', e.ref::text, g.granted_by_id, g.valid_from, g.valid_until, g.id
  FROM engagements_engagementgrant g JOIN accounts_account a ON a.id = g.user_id AND a.is_active
  JOIN engagements_engagement e ON e.id = g.content_object_id
 WHERE e.id = %(engagement)s AND {_LIVE}
UNION ALL
SELECT m.person_id, 'engagement_team', e.ref::text, g.granted_by_id, g.valid_from, g.valid_until, g.id
  FROM engagements_engagementteamgrant g JOIN engagements_engagement e ON e.id = g.content_object_id
  JOIN access_team t ON t.id = g.team_id JOIN access_teammember m ON m.team_id = t.id
 WHERE e.id = %(engagement)s AND {_LIVE} AND {_IN_TEAM}"""
_RELEASED = _AUDITORS.replace(
    "e.id = %(engagement)s",
    "e.id IN (SELECT s.engagement_id FROM engagements_scopedfinding s"
    " WHERE s.finding_id = ANY ({findings}) AND s.released_at IS NOT NULL)",
)
_ONE = "ARRAY[%(id)s]::uuid[]"
_RELEASED_TO = f"l.person_id IN (SELECT r.person_id FROM ({_RELEASED.format(findings=_ONE)}) r)"


def _finding_reasons(restricted: bool) -> str:
    released = _RELEASED.format(findings=_ONE)
    if not restricted:
        return f"{_ROLES} UNION ALL {released}"
    # An auditor must be let in as well as have it released: either alone shows nothing.
    return _LET_IN.format(findings=_ONE, released=_RELEASED_TO)


_SERVES = """
SELECT CASE l.target_type WHEN 'tasks.task' THEN (SELECT k.finding_id FROM tasks_task k WHERE k.id = l.target_id)
       ELSE l.target_id END AS id FROM artifacts_artifactlink l
 WHERE l.artifact_id = %(id)s AND l.target_type IN ('tasks.task', 'findings.finding')"""
_ITS_FINDINGS = f"ARRAY(SELECT s.id FROM ({_SERVES}) s)"
# Evidence is kept to a few when there is a finding it serves and all that it serves is restricted.
_OPEN_ARTIFACT = f"""(NOT EXISTS (SELECT FROM artifacts_artifactlink l WHERE l.artifact_id = %(id)s)
  OR EXISTS (SELECT FROM artifacts_artifactlink l WHERE l.artifact_id = %(id)s
              AND l.target_type NOT IN ('tasks.task', 'findings.finding'))
  OR EXISTS (SELECT FROM findings_finding f WHERE f.id = ANY ({_ITS_FINDINGS}) AND NOT f.is_restricted))"""
_OPEN_FINDINGS = (
    f"ARRAY(SELECT f.id FROM findings_finding f WHERE f.id = ANY ({_ITS_FINDINGS}) AND NOT f.is_restricted)"
)
_BY_CONTROL = _AUDITORS.replace(
    "e.id = %(engagement)s",
    "e.id IN (SELECT s.engagement_id FROM engagements_scopedcontrol s JOIN artifacts_artifactlink l"
    " ON l.target_type = 'controls.control' AND l.target_id = s.control_id"
    " WHERE l.artifact_id = %(id)s AND s.released_at IS NOT NULL)",
)
_ARTIFACT = f"""
{_ROLES} AND {_OPEN_ARTIFACT}
UNION ALL {_RELEASED.format(findings=_OPEN_FINDINGS)}
UNION ALL {_BY_CONTROL}
UNION ALL SELECT c.* FROM ({_LET_IN.format(findings=_ITS_FINDINGS, released="false")}) c WHERE NOT {_OPEN_ARTIFACT}"""


def _page(reasons: str, given: dict[str, Any], after: str) -> Page:
    name, _, last = after.rpartition("_")
    try:
        given |= {"name": name, "last": UUID(last) if last else None, "limit": PAGE + 1}
    except ValueError as error:
        raise NotFound("This is not a page of the list.") from error
    sql = f"""
    WITH why (person_id, kind, word, by_id, since, until, grant_id) AS ({reasons})
    SELECT p.id, p.name, jsonb_agg(DISTINCT jsonb_build_array(w.kind, w.word, coalesce(b.name, ''), w.since, w.until, w.grant_id))
      FROM why w JOIN accounts_person p ON p.id = w.person_id LEFT JOIN accounts_person b ON b.id = w.by_id
     WHERE EXISTS (SELECT FROM accounts_account a WHERE a.person_id = p.id AND a.is_active)
       AND (%(last)s::uuid IS NULL OR (p.name, p.id) > (%(name)s, %(last)s::uuid))
     GROUP BY p.id, p.name ORDER BY p.name, p.id LIMIT %(limit)s"""
    with connections[tenancy.alias()].cursor() as cursor:
        cursor.execute(sql, given)
        rows = cursor.fetchall()
    people = [
        Seer(pk, called, tuple(sorted(map(_reason, json.loads(found)), key=_order)))
        for pk, called, found in rows[:PAGE]
    ]
    more = len(rows) > PAGE
    return Page(people, f"{people[-1].name}_{people[-1].person_id}" if more else "")


def _reason(row: list[Any]) -> Reason:
    kind, word, by, since, until, grant_id = row
    return Reason(kind, word or "", by, _moment(since), _moment(until), UUID(grant_id) if grant_id else None)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _order(reason: Reason) -> tuple[int, str]:
    return list(SENTENCES).index(reason.kind), reason.word


@dataclass(frozen=True)
class Sight:
    """What one person can see: roles with their rights, engagements, teams, and how much is restricted."""

    roles: list[dict[str, Any]]
    teams: list[dict[str, Any]]
    engagements: list[dict[str, Any]]
    restricted: list[dict[str, Any]]


_SIGHT = {
    "roles": "SELECT m.role, m.department, m.starts_at, b.name AS by FROM accounts_membership m"
    " LEFT JOIN accounts_person b ON b.id = m.granted_by_id WHERE m.organization_id = %(organization)s"
    " AND m.person_id = %(person)s AND m.ended_at IS NULL ORDER BY m.role",
    "teams": "SELECT t.name, m.starts_at, m.ends_at, b.name AS by FROM access_teammember m"
    " JOIN access_team t ON t.id = m.team_id JOIN accounts_person b ON b.id = m.added_by_id"
    f" WHERE t.organization_id = %(organization)s AND m.person_id = %(person)s AND {_IN_TEAM} ORDER BY t.name",
    "engagements": "SELECT x.* FROM (SELECT e.ref, g.valid_from, g.valid_until, b.name AS by, '' AS team"
    " FROM engagements_engagementgrant g JOIN accounts_account a ON a.id = g.user_id AND a.is_active"
    " JOIN engagements_engagement e ON e.id = g.content_object_id JOIN accounts_person b ON b.id = g.granted_by_id"
    f" WHERE e.organization_id = %(organization)s AND a.person_id = %(person)s AND {_LIVE}"
    " UNION ALL SELECT e.ref, g.valid_from, g.valid_until, b.name, t.name FROM engagements_engagementteamgrant g"
    " JOIN access_team t ON t.id = g.team_id JOIN access_teammember m ON m.team_id = t.id"
    " JOIN engagements_engagement e ON e.id = g.content_object_id JOIN accounts_person b ON b.id = g.granted_by_id"
    f" WHERE e.organization_id = %(organization)s AND m.person_id = %(person)s AND {_LIVE} AND {_IN_TEAM}) x ORDER BY x.ref",
    # How many and by whom; which, is not for an administrator, who sees no content.
    "restricted": "SELECT x.kind, x.by, max(x.until) AS until, count(*) AS number FROM ("
    " SELECT 'grant' AS kind, b.name AS by, g.valid_until AS until FROM access_findinggrant g"
    " JOIN accounts_account a ON a.id = g.user_id AND a.is_active JOIN accounts_person b ON b.id = g.granted_by_id"
    f" WHERE g.organization_id = %(organization)s AND a.person_id = %(person)s AND {_LIVE}"
    " UNION ALL SELECT 'team', b.name, g.valid_until FROM access_findingteamgrant g"
    " JOIN access_team t ON t.id = g.team_id JOIN access_teammember m ON m.team_id = t.id"
    " JOIN accounts_person b ON b.id = g.granted_by_id"
    f" WHERE g.organization_id = %(organization)s AND m.person_id = %(person)s AND {_LIVE} AND {_IN_TEAM}"
    " UNION ALL SELECT 'duty', '', NULL FROM findings_finding f WHERE f.organization_id = %(organization)s"
    " AND f.is_restricted AND %(person)s IN (f.owner_id, f.assignee_id)) x GROUP BY x.kind, x.by ORDER BY x.kind, x.by",
}


def of_person(actor: Actor, person_id: UUID) -> Sight:
    """For administrators: everything that opens something to this person. Raises NotFound for a stranger."""
    actor.require("people.manage")
    given = {"organization": actor.organization_id, "person": person_id, "now": clock.now()}
    found: dict[str, list[dict[str, Any]]] = {}
    with tenancy.as_the_product(), connections[tenancy.alias()].cursor() as cursor:
        for name, sql in _SIGHT.items():
            cursor.execute(sql, given)
            columns = [column.name for column in cursor.description]
            found[name] = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    if not found["roles"]:
        raise NotFound("This person is not in your organization.")
    for row in found["roles"]:
        row["word"] = _role(row["role"])
        row["rights"] = sorted(roles.ROLES[row["role"]].permissions) if row["role"] in roles.ROLES else []
    return Sight(**found)
