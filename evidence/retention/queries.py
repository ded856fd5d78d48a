"""Reads about keeping: until when, what is due, what holds it. Every list takes the same queries for ten rows as for many.

The date is worked out by PostgreSQL from the newest class, the policy in force and the file's own dates. Evidence that
nobody accepted and nothing uses counts as a draft until somebody says otherwise.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.db import connections
from django.db.models import QuerySet

from evidence import tenancy
from evidence.errors import NotFound
from evidence.organizations import queries as policies
from evidence.organizations.models import Organization
from evidence.retention.models import Certificate, Disposal, DisposalItem, Hold, RetentionClass, Trigger, Verdict

PAGE_ROWS = 50

_STANDING = """
SELECT s.*, EXISTS (SELECT 1 FROM retention_holding(s.artifact_id)) AS is_held,
       (SELECT d.ref FROM retention_disposal d LEFT JOIN retention_disposaldecision x ON x.disposal_id = d.id
         WHERE d.artifact_id = s.artifact_id AND x.id IS NULL LIMIT 1) AS asked
  FROM (
    SELECT c.*, (c.anchor + make_interval(years => c.years))::date AS dispose_after FROM (
      SELECT a.id AS artifact_id, a.ref, a.number, a.title, a.state, v.size, k.class AS retention_class, k.chosen,
             (p.body -> k.class ->> 'years')::int AS years, p.body -> k.class ->> 'from' AS rule,
             CASE p.body -> k.class ->> 'from'
               WHEN 'received' THEN (v.received_at AT TIME ZONE p.zone)::date
               WHEN 'period_end' THEN coalesce(v.period_to, (v.as_of AT TIME ZONE p.zone)::date,
                                               (v.received_at AT TIME ZONE p.zone)::date)
               ELSE k.needed_until END AS anchor
        FROM artifacts_artifact a
        JOIN artifacts_artifactversion v ON v.id = a.latest_id
        CROSS JOIN (SELECT %(policy)s::jsonb AS body, %(zone)s::text AS zone) p
        LEFT JOIN LATERAL (SELECT c.retention_class, c.needed_until FROM retention_classification c
                            WHERE c.artifact_id = a.id ORDER BY c.at DESC, c.id DESC LIMIT 1) chosen ON true
        CROSS JOIN LATERAL (SELECT coalesce(chosen.retention_class, CASE
            WHEN EXISTS (SELECT 1 FROM artifacts_artifactlink l WHERE l.artifact_id = a.id)
              OR EXISTS (SELECT 1 FROM artifacts_artifactreview r WHERE r.artifact_id = a.id AND r.verdict = 'accepted')
            THEN 'evidence' ELSE 'draft' END) AS class, chosen.retention_class IS NOT NULL AS chosen, chosen.needed_until) k
       WHERE {where}
    ) c
  ) s
"""
_COLUMNS = (
    "artifact_id", "ref", "number", "title", "state", "size", "retention_class", "chosen", "years", "rule", "anchor",
    "dispose_after", "is_held", "asked",
)  # fmt: skip


@dataclass(frozen=True)
class Standing:
    """How long one artifact is kept. `dispose_after` is None while nobody said when it was last needed."""

    artifact_id: UUID
    ref: str
    number: int
    title: str
    state: str
    size: int
    retention_class: str
    chosen: bool
    years: int
    rule: str
    anchor: date | None
    dispose_after: date | None
    is_held: bool
    asked: str | None
    policy_version: int

    @property
    def class_word(self) -> str:
        return RetentionClass(self.retention_class).label

    @property
    def rule_words(self) -> str:
        return f"{self.years} year{'' if self.years == 1 else 's'} after {Trigger(self.rule).label}"


@dataclass(frozen=True)
class Page:
    rows: list[Standing]
    next: str


def standing(artifact_id: UUID) -> Standing:
    """How long this artifact is kept. Raises NotFound."""
    with connections[tenancy.alias()].cursor() as cursor:
        cursor.execute("SELECT current_organization()")
        organization_id = cursor.fetchone()[0]
    found = _rows(organization_id, "a.id = %(artifact)s", "", artifact=artifact_id)
    if not found:
        raise NotFound("There is no such evidence here.")
    return found[0]


def due(organization_id: UUID, *, today: date, after: str = "", rows: int = PAGE_ROWS) -> Page:
    """What has been kept long enough, the longest first, by keyset."""
    given: dict[str, Any] = {"today": today, "limit": rows + 1}
    more = ""
    if after:
        day, _, number = after.partition("_")
        try:
            given |= {"day": date.fromisoformat(day), "after": int(number)}
        except ValueError as error:
            raise NotFound("This is not a page of the list.") from error
        more = " AND (s.dispose_after, s.number) > (%(day)s, %(after)s)"
    tail = f" WHERE s.dispose_after <= %(today)s{more} ORDER BY s.dispose_after, s.number LIMIT %(limit)s"
    found = _rows(organization_id, "a.state <> 'disposed'", tail, **given)
    mark = f"{found[rows - 1].dispose_after}_{found[rows - 1].number}" if len(found) > rows else ""
    return Page(found[:rows], mark)


def undated(organization_id: UUID, *, after: int = 0, rows: int = PAGE_ROWS) -> Page:
    """What is kept for years from a day that nobody has named yet."""
    tail = " WHERE s.dispose_after IS NULL AND s.number > %(after)s ORDER BY s.number LIMIT %(limit)s"
    found = _rows(organization_id, "a.state <> 'disposed'", tail, after=after, limit=rows + 1)
    return Page(found[:rows], str(found[rows - 1].number) if len(found) > rows else "")


def unproposed(organization_id: UUID, *, today: date, limit: int) -> list[Standing]:
    """What is due, is not held, and was not yet proposed for this date."""
    tail = (
        " WHERE s.dispose_after <= %(today)s AND NOT EXISTS (SELECT 1 FROM retention_proposal p"
        " WHERE p.artifact_id = s.artifact_id AND p.dispose_after = s.dispose_after)"
        " AND NOT EXISTS (SELECT 1 FROM retention_holding(s.artifact_id)) ORDER BY s.number LIMIT %(limit)s"
    )
    return _rows(organization_id, "a.state <> 'disposed'", tail, today=today, limit=limit)


def holds_on(artifact_id: UUID) -> list[Hold]:
    """The holds that keep an artifact now."""
    with connections[tenancy.alias()].cursor() as cursor:
        cursor.execute("SELECT * FROM retention_holding(%s)", [artifact_id])
        keys = [row[0] for row in cursor.fetchall()]
    return list(Hold.objects.filter(pk__in=keys).select_related("set_by").order_by("number")) if keys else []


def holds_over(target_id: UUID) -> list[Hold]:
    """The holds in force that name exactly this finding, engagement or artifact."""
    return list(Hold.objects.filter(target_id=target_id, release=None).select_related("set_by").order_by("number"))


def covers(hold: Hold, artifact_id: UUID) -> bool:
    """Whether a hold covers an artifact, released or not."""
    if hold.target_id is None or hold.target_id == artifact_id:
        return True
    with connections[tenancy.alias()].cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM retention_reach(%s, %s) x JOIN artifacts_artifactlink l"
            " ON l.target_type = x.target_type AND l.target_id = x.target_id WHERE l.artifact_id = %s)",
            [hold.target_type, hold.target_id, artifact_id],
        )
        return bool(cursor.fetchone()[0])


def requests_kept_by(hold: Hold, *, person_id: UUID | None) -> list[str]:
    """The disposals this person asked for, not carried out yet, of what the hold keeps."""
    if person_id is None:
        return []
    asked = Disposal.objects.filter(requested_by_id=person_id, certificate=None).order_by("number")
    return [one.ref for one in asked if covers(hold, one.artifact_id)]


def disposals(organization_id: UUID) -> QuerySet[Disposal]:
    """Every request with what became of it, newest first."""
    return (
        Disposal.objects.filter(organization_id=organization_id)
        .select_related("artifact", "requested_by", "decision", "decision__person", "certificate")
        .order_by("-number")
    )


def waiting(organization_id: UUID) -> QuerySet[Disposal]:
    """Requests that nobody has decided on."""
    return disposals(organization_id).filter(decision=None)


def disposal(organization_id: UUID, ref: str) -> Disposal:
    """One request with its files. Raises NotFound."""
    found = disposals(organization_id).filter(ref=ref).first()
    if found is None:
        raise NotFound("There is no such disposal.")
    return found


def disposals_of(artifact_id: UUID) -> list[Disposal]:
    found = Disposal.objects.filter(artifact_id=artifact_id)
    return list(found.select_related("requested_by", "decision", "decision__person", "certificate").order_by("-number"))


def disposals_of_files(version_ids: Iterable[UUID]) -> dict[UUID, str]:
    """By file that was destroyed: the public id of its disposal."""
    found = DisposalItem.objects.filter(file_id__in=list(version_ids), disposal__certificate__isnull=False)
    return dict(found.values_list("file_id", "disposal__ref"))


def certificates(organization_id: UUID) -> QuerySet[Disposal]:
    """Disposals that were carried out, newest first."""
    return disposals(organization_id).filter(certificate__isnull=False)


def certificate(organization_id: UUID, ref: str) -> Certificate:
    """The certificate of one disposal. Raises NotFound while there is none."""
    found = (
        Certificate.objects.filter(organization_id=organization_id, disposal__ref=ref)
        .select_related("disposal__artifact", "disposal__requested_by", "disposal__decision__person")
        .first()
    )
    if found is None:
        raise NotFound("There is no such certificate.")
    return found


def holds(organization_id: UUID) -> QuerySet[Hold]:
    """Every hold, those in force first."""
    return (
        Hold.objects.filter(organization_id=organization_id)
        .select_related("set_by", "release", "release__person")
        .order_by("release__at", "-number")
    )


def hold(organization_id: UUID, ref: str) -> Hold:
    """One hold. Raises NotFound."""
    found = holds(organization_id).filter(ref=ref).first()
    if found is None:
        raise NotFound("There is no such hold.")
    return found


def state_of(disposal: Disposal) -> str:
    """waiting, approved, disposed, refused or withdrawn."""
    if getattr(disposal, "certificate", None) is not None:
        return "disposed"
    decision = getattr(disposal, "decision", None)
    return str(decision.verdict) if decision is not None else "waiting"


def is_final(disposal: Disposal) -> bool:
    return state_of(disposal) in ("disposed", Verdict.REFUSED, Verdict.WITHDRAWN)


def _rows(organization_id: UUID, where: str, tail: str, **given: Any) -> list[Standing]:
    value = policies.policy(organization_id, "retention")
    zone = Organization.objects.values_list("timezone", flat=True).get(pk=organization_id)
    given |= {"policy": json.dumps(value.body), "zone": zone}
    with connections[tenancy.alias()].cursor() as cursor:
        cursor.execute(_STANDING.format(where=where) + tail, given)
        names = [column.name for column in cursor.description]
        found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return [Standing(**{name: row[name] for name in _COLUMNS}, policy_version=value.version) for row in found]
