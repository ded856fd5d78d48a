"""Letting somebody in to a restricted finding and ending it. Both go through the one wrapper of grants."""

from datetime import datetime
from uuid import UUID

from django.contrib.auth.models import Permission
from django.db import connections, transaction

from evidence import clock, tenancy
from evidence.actors import Actor
from evidence.errors import DutyConflict, Invalid, NotFound, WrongState
from evidence.ledger import services as ledger
from portal.access import dates, events
from portal.access.models import FindingGrant, FindingTeamGrant, Team
from portal.accounts import roles
from portal.accounts.models import Account, Membership
from remediation.findings.models import Finding
from remediation.findings.services import lifecycle
from remediation.findings.services.restriction import require_keeper

Grant = FindingGrant | FindingTeamGrant


@transaction.atomic
def let_in(
    finding_id: UUID,
    *,
    person_id: UUID,
    valid_until: datetime,
    actor: Actor,
    reason: str,
    valid_from: datetime | None = None,
) -> FindingGrant:
    """Let a person in to a restricted finding until a day. Refused for oneself, and for dates that are over."""
    finding = _restricted(finding_id, actor)
    if person_id == actor.person_id:
        raise DutyConflict(
            "Nobody lets themselves in (rule G-01).", rule="G-01", help="Ask somebody else who may let people in."
        )
    account = _account(person_id, actor)
    begin, why = _checked(valid_from, valid_until, reason)
    for earlier in FindingGrant.objects.select_for_update().filter(
        content_object=finding, user__person_id=person_id, revoked_at=None
    ):
        _end(earlier, actor)
    made = FindingGrant.objects.create(
        organization_id=actor.organization_id,
        user=account,
        permission=Permission.objects.get(content_type__app_label="findings", codename="finding_read"),
        content_object=finding,
        valid_from=begin,
        valid_until=valid_until,
        granted_by_id=actor.person_id,
        reason=why,
    )
    _tell(finding, actor, why, {"person": str(person_id), **_dates(made)})
    return made


@transaction.atomic
def let_team_in(
    finding_id: UUID,
    *,
    team_id: UUID,
    valid_until: datetime,
    actor: Actor,
    reason: str,
    valid_from: datetime | None = None,
) -> FindingTeamGrant:
    """The same for a team: it reaches those who are members at the moment they ask."""
    finding = _restricted(finding_id, actor)
    team = Team.objects.filter(pk=team_id, organization_id=actor.organization_id).first()
    if team is None:
        raise NotFound("There is no such team.")
    if team.ended_at is not None:
        raise WrongState("This team has ended (rule G-11).", help="Choose another.", rule="G-11")
    begin, why = _checked(valid_from, valid_until, reason)
    for earlier in FindingTeamGrant.objects.select_for_update().filter(
        content_object=finding, team=team, revoked_at=None
    ):
        _end(earlier, actor)
    made = FindingTeamGrant.objects.create(
        organization_id=actor.organization_id,
        team=team,
        content_object=finding,
        valid_from=begin,
        valid_until=valid_until,
        granted_by_id=actor.person_id,
        reason=why,
    )
    _tell(finding, actor, why, {"team": str(team.pk), **_dates(made)})
    return made


@transaction.atomic
def take_back(grant_id: UUID, *, actor: Actor, reason: str = "") -> Grant:
    """End a person's or a team's access now: the next request of theirs finds nothing."""
    for model in (FindingGrant, FindingTeamGrant):
        grant = model.objects.select_for_update().filter(pk=grant_id, organization_id=actor.organization_id).first()
        if grant is not None:
            break
    else:
        raise NotFound("There is no such access.")
    finding = lifecycle.lock(grant.content_object_id, actor=actor)
    require_keeper(finding, actor=actor)
    if grant.revoked_at is None:
        _end(grant, actor)
        whom = {"team": str(grant.team_id)} if isinstance(grant, FindingTeamGrant) else {"account": str(grant.user_id)}
        ledger.record(events.FINDING_LET_OUT, subject=finding, actor=actor, after=whom, reason=reason.strip())
    return grant


def sees(finding_id: UUID, person_id: UUID) -> bool:
    """Whether this person is let in to the finding now; everybody is to one that is not restricted."""
    with connections[tenancy.alias()].cursor() as cursor:
        cursor.execute("SELECT findings_seen_by(%s, %s)", [finding_id, person_id])
        return bool(cursor.fetchone()[0])


def _restricted(finding_id: UUID, actor: Actor) -> Finding:
    finding = lifecycle.lock(finding_id, actor=actor)
    require_keeper(finding, actor=actor)
    if not finding.is_restricted:
        raise WrongState(f"{finding.ref} is not restricted: everybody who may read findings sees it.")
    return finding


def _account(person_id: UUID, actor: Actor) -> Account:
    """The account to let in: of somebody here whose role reads findings, or of an auditor."""
    held = list(
        Membership.objects.filter(
            organization_id=actor.organization_id, person_id=person_id, ended_at=None
        ).values_list("role", flat=True)
    )
    account = Account.objects.filter(person_id=person_id, is_active=True).order_by("created_at").first()
    if account is None or not held:
        raise NotFound("This person is not in your organization.")
    if "auditor" not in held and "findings.view" not in roles.permissions_of(held):
        raise Invalid(
            "This person's role reads no findings, so letting them in would show them nothing.",
            fields={"person": ["Choose somebody whose role reads findings."]},
        )
    return account


def _checked(valid_from: datetime | None, valid_until: datetime, reason: str) -> tuple[datetime, str]:
    begin = valid_from or clock.now()
    dates.refuse_backdated(begin, rule="G-02")
    dates.refuse_ended(begin, valid_until)
    return begin, lifecycle.needs_words(reason)[:300]


def _dates(grant: Grant) -> dict[str, str]:
    return {"from": grant.valid_from.isoformat(), "until": grant.valid_until.isoformat()}


def _tell(finding: Finding, actor: Actor, why: str, after: dict[str, str]) -> None:
    ledger.record(
        events.FINDING_LET_IN, subject=finding, actor=actor, after=after, reason=why, data={"cycle": finding.cycle}
    )


def _end(grant: Grant, actor: Actor) -> None:
    grant.revoked_at, grant.revoked_by_id = clock.now(), actor.person_id
    grant.save(update_fields=["revoked_at", "revoked_by"])
