"""Reads of teams and of whom a restricted finding can be opened to."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connections
from django.db.models import Count, Q, QuerySet

from evidence import clock, tenancy
from evidence.actors import Actor
from evidence.errors import NotFound
from evidence.organizations.models import Organization
from portal.access.models import FindingTeamGrant, Team, TeamMember
from portal.accounts import roles
from portal.accounts.models import Membership


def teams(actor: Actor) -> "QuerySet[Team]":
    """The organization's teams that last, by name, with how many are in each now."""
    moment = clock.now()
    live = Q(members__starts_at__lte=moment) & (Q(members__ends_at=None) | Q(members__ends_at__gt=moment))
    return (
        Team.objects.filter(organization_id=actor.organization_id, ended_at=None)
        .annotate(size=Count("members", filter=live))
        .order_by("name", "pk")
    )


def team(actor: Actor, team_id: UUID) -> Team:
    """One team, also one that has ended. Raises NotFound."""
    found = Team.objects.select_related("created_by").filter(organization_id=actor.organization_id, pk=team_id).first()
    if found is None:
        raise NotFound("There is no such team.")
    return found


def places(team: Team) -> "QuerySet[TeamMember]":
    """Who is, was or will be in a team, newest first."""
    return team.members.select_related("person", "added_by", "ended_by").order_by("-starts_at", "-pk")


def can_be_let_in(actor: Actor) -> list[tuple[UUID, str]]:
    """People whose role reads findings, and auditors; the actor is not among them."""
    able = [key for key, role in roles.ROLES.items() if "findings.view" in role.permissions] + ["auditor"]
    rows = Membership.objects.filter(organization_id=actor.organization_id, ended_at=None, role__in=able)
    named = rows.exclude(person_id=actor.person_id).order_by("person__name").values_list("person_id", "person__name")
    return list(dict.fromkeys(named))


@dataclass(frozen=True)
class Outside:
    """Somebody, or a team, who could be let in to a restricted finding and is not."""

    key: str
    name: str
    note: str


def outside(actor: Actor, finding_id: UUID, *, limit: int = 50) -> list[Outside]:
    """Teams first, then people by name: at most `limit` whom the finding is hidden from and who could read it."""
    moment = clock.now()
    let_in = FindingTeamGrant.objects.filter(
        content_object_id=finding_id, revoked_at=None, valid_from__lte=moment, valid_until__gt=moment
    )
    found = [
        Outside(f"team:{team.pk}", team.name, f"Team, {team.size} now")  # type: ignore[attr-defined]
        for team in teams(actor).exclude(pk__in=let_in.values("team_id"))[:limit]
    ]
    names = dict(can_be_let_in(actor))
    with connections[tenancy.alias()].cursor() as cursor:
        cursor.execute(
            "SELECT one FROM unnest(%s::uuid[]) AS one WHERE NOT findings_seen_by(%s, one)", [list(names), finding_id]
        )
        hidden = {row[0] for row in cursor.fetchall()}
    held = Membership.objects.filter(organization_id=actor.organization_id, ended_at=None, person_id__in=hidden)
    words: dict[UUID, list[str]] = {}
    for person_id, role in held.values_list("person_id", "role"):
        words.setdefault(person_id, []).append(roles.ROLES[role].word if role in roles.ROLES else role)
    people = [
        Outside(f"person:{pk}", name, ", ".join(sorted(words.get(pk, ()))))
        for pk, name in names.items()
        if pk in hidden
    ]
    return [*found, *people][:limit]


def end_of(day: date, actor: Actor) -> datetime:
    """The moment a day ends in the organization's zone."""
    zone = ZoneInfo(Organization.objects.values_list("timezone", flat=True).get(pk=actor.organization_id))
    return datetime.combine(day + timedelta(days=1), time.min, zone)
