"""Every write about teams: found, take in, take out, end. Nobody puts themselves into one, and nothing is backdated."""

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from evidence import clock
from evidence.actors import Actor
from evidence.errors import DutyConflict, Invalid, NotFound, WrongState
from evidence.ledger import services as ledger
from portal.access import dates, events
from portal.access.models import Team, TeamMember
from portal.accounts.models import Membership

RIGHT = "people.manage"


@transaction.atomic
def found(*, name: str, actor: Actor, purpose: str = "") -> Team:
    """A new team, with nobody in it. Its name is its own as long as it lasts."""
    actor.require(RIGHT)
    words = name.strip()
    if not words or len(words) > 80:
        raise Invalid("The team was not made.", fields={"name": ["Give it a name of at most 80 characters."]})
    try:
        with transaction.atomic():
            team = Team.objects.create(
                organization_id=actor.organization_id,
                name=words,
                purpose=purpose.strip()[:300],
                created_by_id=actor.person_id,
            )
    except IntegrityError as error:
        raise Invalid("The team was not made.", fields={"name": ["Another team has this name."]}) from error
    ledger.record(events.TEAM_FOUNDED, subject=team, actor=actor, texts={"name": words})
    return team


@transaction.atomic
def take_in(
    team_id: UUID,
    *,
    person_id: UUID,
    actor: Actor,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> TeamMember:
    """Put a member of the organization into the team, from now or later. What the team is let in to reaches them."""
    team = _locked(team_id, actor)
    actor.require(RIGHT)
    if team.ended_at is not None:
        raise WrongState("This team has ended (rule G-11).", help="Found a new team.", rule="G-11")
    if person_id == actor.person_id:
        raise DutyConflict(
            "Nobody puts themselves into a team (rule G-08).", rule="G-08", help="Ask another administrator."
        )
    begin = starts_at or clock.now()
    dates.refuse_backdated(begin, rule="G-09", field="starts_at")
    if ends_at is not None:
        dates.refuse_ended(begin, ends_at, field="ends_at")
    if not Membership.objects.filter(
        organization_id=actor.organization_id, person_id=person_id, ended_at=None
    ).exists():
        raise NotFound("This person is not in your organization.", help="Invite them first.")
    if places(team).filter(person_id=person_id).exists():
        raise WrongState("This person is in the team already.")
    place = TeamMember.objects.create(
        organization_id=actor.organization_id,
        team=team,
        person_id=person_id,
        starts_at=begin,
        ends_at=ends_at,
        added_by_id=actor.person_id,
    )
    ledger.record(
        events.TEAM_JOINED,
        subject=team,
        actor=actor,
        after={"person": str(person_id), "from": begin.isoformat(), "until": ends_at.isoformat() if ends_at else None},
    )
    return place


@transaction.atomic
def take_out(place_id: UUID, *, actor: Actor, reason: str = "") -> TeamMember:
    """End a person's place in a team now; their next request finds nothing the team alone was let in to."""
    actor.require(RIGHT)
    place = (
        TeamMember.objects.select_for_update(of=("self",))
        .select_related("team")
        .filter(pk=place_id, organization_id=actor.organization_id)
        .first()
    )
    if place is None:
        raise NotFound("There is no such place in a team.")
    if place.ends_at is not None and place.ends_at <= clock.now():
        raise WrongState("This has ended already.")
    _end(place, actor)
    ledger.record(
        events.TEAM_LEFT, subject=place.team, actor=actor, after={"person": str(place.person_id)}, reason=reason
    )
    return place


@transaction.atomic
def end(team_id: UUID, *, actor: Actor, reason: str) -> Team:
    """End the team and every place in it; what it was let in to reaches nobody from now on."""
    team = _locked(team_id, actor)
    actor.require(RIGHT)
    if team.ended_at is not None:
        raise WrongState("This team has ended already.")
    if not reason.strip():
        raise Invalid("Say why the team ends.", fields={"reason": ["A reason is needed."]})
    for place in places(team).select_for_update():
        _end(place, actor)
    team.ended_at = clock.now()
    team.save(update_fields=["ended_at"])
    ledger.record(events.TEAM_ENDED, subject=team, actor=actor, reason=reason.strip())
    return team


def places(team: Team) -> "QuerySet[TeamMember]":
    """Who is in the team, or will be."""
    return TeamMember.objects.filter(Q(ends_at=None) | Q(ends_at__gt=clock.now()), team=team)


def _end(place: TeamMember, actor: Actor) -> None:
    # One that was to begin later ends as it begins: it never held.
    place.ends_at, place.ended_by_id = max(clock.now(), place.starts_at), actor.person_id
    place.save(update_fields=["ends_at", "ended_by"])


def _locked(team_id: UUID, actor: Actor) -> Team:
    team = Team.objects.select_for_update().filter(pk=team_id, organization_id=actor.organization_id).first()
    if team is None:
        raise NotFound("There is no such team.")
    return team
