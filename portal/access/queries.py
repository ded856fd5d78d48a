"""Reads of teams and of whom a restricted finding can be opened to."""

from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Count, Q, QuerySet

from evidence import clock
from evidence.actors import Actor
from evidence.errors import NotFound
from evidence.organizations.models import Organization
from portal.access.models import Team, TeamMember
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


def end_of(day: date, actor: Actor) -> datetime:
    """The moment a day ends in the organization's zone."""
    zone = ZoneInfo(Organization.objects.values_list("timezone", flat=True).get(pk=actor.organization_id))
    return datetime.combine(day + timedelta(days=1), time.min, zone)
