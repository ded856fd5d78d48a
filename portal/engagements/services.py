"""Every write about an engagement: its file, its scope, what auditors may see, and who they are."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib.auth.models import Permission
from django.db import transaction

from evidence import clock
from evidence.actors import Actor
from evidence.controls.models import Category, Control
from evidence.errors import DutyConflict, Invalid, NotFound, Stale, WrongState
from evidence.ledger import services as ledger
from evidence.organizations import services as organizations
from evidence.organizations.models import Organization
from evidence.retention import queries as retention
from portal.access import dates, teams
from portal.access.models import Team
from portal.accounts.models import Account, Membership
from portal.engagements import events, transitions
from portal.engagements.models import (
    Engagement,
    EngagementGrant,
    EngagementTeamGrant,
    Kind,
    ScopedControl,
    ScopedFinding,
    State,
)
from remediation.findings.models import Finding
from remediation.findings.states import State as FindingState

Grant = TypeVar("Grant", EngagementGrant, EngagementTeamGrant)

READ = "engagement_read"


@dataclass(frozen=True)
class Facts:
    """What a person says about an engagement."""

    title: str
    period_start: date
    period_end: date
    auditor_firm: str = ""
    access_ends_on: date | None = None
    kind: str = Kind.TYPE_2
    categories: tuple[str, ...] = (Category.COMMON,)
    system_description: str = ""
    exclusions: tuple[str, ...] = ()
    user_controls: tuple[str, ...] = ()
    known_gaps: tuple[str, ...] = ()
    vendors: tuple[dict[str, str], ...] = field(default=())

    def check(self) -> None:
        wrong: dict[str, list[str]] = {}
        if not self.title.strip():
            wrong["title"] = ["Give the engagement a title."]
        if self.period_end < self.period_start:
            wrong["period_end"] = ["The period ends before it begins."]
        if self.access_ends_on is not None and self.access_ends_on < self.period_end:
            wrong["access_ends_on"] = ["Auditors read at least until the period ends."]
        if self.kind not in Kind.values:
            wrong["kind"] = ["Choose one of the listed kinds."]
        if set(self.categories) - set(Category.values):
            wrong["categories"] = ["Choose among the listed categories."]
        if wrong:
            raise Invalid("The engagement was not saved.", fields=wrong)

    def columns(self) -> dict[str, Any]:
        # Security is always in scope (PRACTICE 2).
        chosen = [name for name in Category.values if name in {*self.categories, Category.COMMON}]
        return {
            "title": self.title.strip(),
            "auditor_firm": self.auditor_firm.strip(),
            "kind": self.kind,
            "period_start": self.period_start,
            "period_end": self.period_end,
            "access_ends_on": self.access_ends_on,
            "categories": chosen,
            "system_description": self.system_description.strip(),
            "exclusions": _lines(self.exclusions),
            "user_controls": _lines(self.user_controls),
            "known_gaps": _lines(self.known_gaps),
            "vendors": [dict(vendor) for vendor in self.vendors],
        }


@transaction.atomic
def create(facts: Facts, *, actor: Actor) -> Engagement:
    """Open a file for an audit. Nothing is in its scope yet and no auditor sees it."""
    actor.require("engagements.manage")
    facts.check()
    number = organizations.take_numbers(actor.organization_id, "ENG")[0]
    engagement = Engagement.objects.create(
        organization_id=actor.organization_id, ref=f"ENG-{number}", number=number, **facts.columns()
    )
    ledger.record(events.ENGAGEMENT_CREATED, subject=engagement, actor=actor, after=_told(engagement))
    return engagement


@transaction.atomic
def edit(engagement_id: UUID, facts: Facts, *, actor: Actor, version: int | None = None) -> Engagement:
    """Change what is said about an engagement; packages already built keep what was said then."""
    engagement = _locked(engagement_id, actor)
    actor.require("engagements.manage", engagement)
    if version is not None and engagement.version != version:
        raise Stale("Somebody else changed this engagement meanwhile. Nothing of yours was saved.")
    facts.check()
    before = _told(engagement)
    for name, value in facts.columns().items():
        setattr(engagement, name, value)
    _save(engagement)
    ledger.record(events.ENGAGEMENT_EDITED, subject=engagement, actor=actor, before=before, after=_told(engagement))
    return engagement


@transaction.atomic
def change_state(engagement_id: UUID, state: str, *, actor: Actor, reason: str = "") -> Engagement:
    """Open, close or reopen. A closed engagement keeps its grants' dates; auditors read until those end."""
    engagement = _locked(engagement_id, actor)
    actor.require("engagements.manage", engagement)
    transitions.check(engagement.state, state)
    before, engagement.state = {"state": engagement.state}, state
    _save(engagement)
    ledger.record(
        events.ENGAGEMENT_STATE_CHANGED,
        subject=engagement,
        actor=actor,
        before=before,
        after={"state": state},
        reason=reason,
    )
    return engagement


@transaction.atomic
def scope(
    engagement_id: UUID,
    *,
    actor: Actor,
    controls: Iterable[UUID] = (),
    findings: Iterable[UUID] = (),
) -> tuple[int, int]:
    """Put controls and findings into the scope; how many were new. What is there already stays as it is.

    Drafts can't be put into a scope: nobody has reported them.
    """
    engagement = _locked(engagement_id, actor)
    actor.require("engagements.manage", engagement)
    own = {"organization_id": actor.organization_id}
    control_ids = set(Control.objects.filter(pk__in=list(controls), **own).values_list("pk", flat=True))
    finding_ids = set(
        Finding.objects.filter(pk__in=list(findings), **own)
        .exclude(state=FindingState.DRAFT)
        .values_list("pk", flat=True)
    )
    control_ids -= set(engagement.scoped_controls.values_list("control_id", flat=True))
    finding_ids -= set(
        engagement.scoped_findings.filter(finding_id__in=finding_ids).values_list("finding_id", flat=True)
    )
    common = own | {"engagement": engagement, "added_by_id": actor.person_id}
    ScopedControl.objects.bulk_create([ScopedControl(control_id=pk, **common) for pk in sorted(control_ids)])
    ScopedFinding.objects.bulk_create([ScopedFinding(finding_id=pk, **common) for pk in sorted(finding_ids)])
    if control_ids or finding_ids:
        _save(engagement)
        added = {"controls": sorted(map(str, control_ids)), "findings": sorted(map(str, finding_ids))}
        ledger.record(events.ENGAGEMENT_SCOPED, subject=engagement, actor=actor, after={"added": added})
    return len(control_ids), len(finding_ids)


@transaction.atomic
def scope_everything(engagement_id: UUID, *, actor: Actor) -> tuple[int, int]:
    """Put every control in use and every reported finding into the scope."""
    own = {"organization_id": actor.organization_id}
    controls = Control.objects.filter(retired_at=None, **own).values_list("pk", flat=True)
    findings = Finding.objects.filter(**own).exclude(state=FindingState.DRAFT).values_list("pk", flat=True)
    return scope(engagement_id, actor=actor, controls=controls, findings=findings)


@transaction.atomic
def narrow(
    engagement_id: UUID,
    *,
    actor: Actor,
    reason: str,
    controls: Iterable[UUID] = (),
    findings: Iterable[UUID] = (),
) -> int:
    """Take rows out of the scope that were never released. Raises Invalid without a reason."""
    engagement = _locked(engagement_id, actor)
    actor.require("engagements.manage", engagement)
    if not reason.strip():
        raise Invalid("Say why this leaves the scope.", fields={"reason": ["A reason is needed."]})
    if held := retention.holds_over(engagement.pk):
        raise WrongState(
            f"{held[0].ref} ({held[0].matter}) keeps this engagement, so nothing leaves its scope (rule H-04).",
            code="held",
            help="Narrow it after the hold is released.",
        )
    unreleased = {"released_at": None}
    gone_controls = engagement.scoped_controls.filter(control_id__in=list(controls), **unreleased)
    gone_findings = engagement.scoped_findings.filter(finding_id__in=list(findings), **unreleased)
    removed = {
        "controls": sorted(map(str, gone_controls.values_list("control_id", flat=True))),
        "findings": sorted(map(str, gone_findings.values_list("finding_id", flat=True))),
    }
    count = gone_controls.delete()[0] + gone_findings.delete()[0]
    if count:
        _save(engagement)
        ledger.record(
            events.ENGAGEMENT_SCOPED, subject=engagement, actor=actor, after={"removed": removed}, reason=reason
        )
    return count


@transaction.atomic
def release(
    engagement_id: UUID,
    *,
    actor: Actor,
    controls: Iterable[UUID] | None = None,
    findings: Iterable[UUID] | None = None,
) -> int:
    """Let the engagement's auditors see rows of its scope; None means all of that kind. It can't be taken back."""
    engagement = _locked(engagement_id, actor)
    actor.require("engagements.release", engagement)
    waiting_controls = engagement.scoped_controls.filter(released_at=None)
    waiting_findings = engagement.scoped_findings.filter(released_at=None)
    if controls is not None:
        waiting_controls = waiting_controls.filter(control_id__in=list(controls))
    if findings is not None:
        waiting_findings = waiting_findings.filter(finding_id__in=list(findings))
    told = {
        "controls": sorted(map(str, waiting_controls.values_list("control_id", flat=True))),
        "findings": sorted(map(str, waiting_findings.values_list("finding_id", flat=True))),
    }
    stamp = {"released_at": clock.now(), "released_by_id": actor.person_id}
    count = waiting_controls.update(**stamp) + waiting_findings.update(**stamp)
    if count:
        _save(engagement)
        ledger.record(events.ENGAGEMENT_RELEASED, subject=engagement, actor=actor, after={"released": told})
    return count


@transaction.atomic
def grant(
    engagement_id: UUID,
    *,
    account_id: UUID,
    valid_until: datetime,
    actor: Actor,
    valid_from: datetime | None = None,
) -> EngagementGrant:
    """Let an auditor read the engagement between two moments. Refused for oneself and for members of staff."""
    engagement = _locked(engagement_id, actor)
    actor.require("engagements.manage", engagement)
    account = Account.objects.filter(pk=account_id, is_active=True).first()
    roles = set(
        Membership.objects.filter(
            organization_id=actor.organization_id, person_id=account.person_id if account else None, ended_at=None
        ).values_list("role", flat=True)
    )
    if account is None or "auditor" not in roles:
        raise NotFound(
            "There is no auditor with that account in this organization.", help="Invite them with the role Auditor."
        )
    if account.person_id == actor.person_id:
        raise DutyConflict("You can't let yourself in as an auditor (rule G-01).", rule="G-01")
    if roles != {"auditor"}:
        raise DutyConflict("A member of staff may not read as an auditor (rule G-05).", rule="G-05")
    begin = valid_from or clock.now()
    _refuse_dates(engagement, begin, valid_until)
    for earlier in engagement.grants.filter(user=account, revoked_at=None):
        _end(earlier, actor)
    made = EngagementGrant.objects.create(
        organization_id=actor.organization_id,
        user=account,
        permission=_read_permission(),
        content_object=engagement,
        valid_from=begin,
        valid_until=valid_until,
        granted_by_id=actor.person_id,
    )
    ledger.record(
        events.ENGAGEMENT_GRANTED,
        subject=engagement,
        actor=actor,
        after={
            "account": str(account.pk),
            "person": str(account.person_id),
            "from": begin.isoformat(),
            "until": valid_until.isoformat(),
        },
    )
    return made


@transaction.atomic
def grant_team(
    engagement_id: UUID,
    *,
    team_id: UUID,
    valid_until: datetime,
    actor: Actor,
    valid_from: datetime | None = None,
) -> EngagementTeamGrant:
    """Let a team of auditors read the engagement. Refused while somebody in it holds another role here."""
    engagement = _locked(engagement_id, actor)
    actor.require("engagements.manage", engagement)
    team = Team.objects.select_for_update().filter(pk=team_id, organization_id=actor.organization_id).first()
    if team is None:
        raise NotFound("There is no such team.")
    if team.ended_at is not None:
        raise WrongState("This team has ended (rule G-11).", rule="G-11", help="Choose another.")
    staff = Membership.objects.filter(
        organization_id=actor.organization_id, ended_at=None, person_id__in=teams.places(team).values("person_id")
    ).exclude(role="auditor")
    if staff.exists():
        raise DutyConflict(
            "Somebody in this team holds another role here, and may not read as an auditor (rule G-05).", rule="G-05"
        )
    begin = valid_from or clock.now()
    _refuse_dates(engagement, begin, valid_until)
    for earlier in engagement.team_grants.filter(team=team, revoked_at=None):
        _end(earlier, actor)
    made = EngagementTeamGrant.objects.create(
        organization_id=actor.organization_id,
        team=team,
        content_object=engagement,
        valid_from=begin,
        valid_until=valid_until,
        granted_by_id=actor.person_id,
    )
    ledger.record(
        events.ENGAGEMENT_GRANTED,
        subject=engagement,
        actor=actor,
        after={"team": str(team.pk), "from": begin.isoformat(), "until": valid_until.isoformat()},
    )
    return made


@transaction.atomic
def revoke_team(grant_id: UUID, *, actor: Actor, reason: str = "") -> EngagementTeamGrant:
    """End a team's access now; the next request of any member finds nothing."""
    return _revoke(EngagementTeamGrant, grant_id, lambda held: {"team": str(held.team_id)}, actor, reason)


def _refuse_dates(engagement: Engagement, begin: datetime, until: datetime) -> None:
    dates.refuse_backdated(begin, rule="G-02")
    dates.refuse_ended(begin, until)
    zone = ZoneInfo(Organization.objects.values_list("timezone", flat=True).get(pk=engagement.organization_id))
    last = engagement.last_day_of_access
    if until > datetime.combine(last + timedelta(days=1), time.min, zone):
        raise Invalid(
            f"The access would end after the engagement itself, whose last day of access is {last:%d %b %Y}.",
            fields={"valid_until": ["Choose an earlier date, or move that day first."]},
            rule="G-04",
        )


@transaction.atomic
def revoke(grant_id: UUID, *, actor: Actor, reason: str = "") -> EngagementGrant:
    """End an auditor's access now; their next request finds nothing."""
    return _revoke(EngagementGrant, grant_id, lambda held: {"account": str(held.user_id)}, actor, reason)


def _revoke(
    kind: type[Grant], grant_id: UUID, holder: Callable[[Grant], dict[str, str]], actor: Actor, reason: str
) -> Grant:
    held = kind._default_manager.filter(pk=grant_id, organization_id=actor.organization_id).first()
    if held is None:
        raise NotFound("There is no such access.")
    engagement = _locked(held.content_object_id, actor)
    actor.require("engagements.manage", engagement)
    if held.revoked_at is None:
        _end(held, actor)
        ledger.record(events.ENGAGEMENT_REVOKED, subject=engagement, actor=actor, after=holder(held), reason=reason)
    return held


@transaction.atomic
def at_version(engagement_id: UUID, *, version: int, actor: Actor) -> Engagement:
    """Lock the engagement for the caller's transaction. Raises Stale unless it is still at this version."""
    engagement = _locked(engagement_id, actor)
    if engagement.version != version:
        raise Stale("Somebody else changed this engagement meanwhile. Nothing of yours was saved.")
    return engagement


def note_opened(
    engagement: Engagement, *, actor: Actor, object_type: str, object_id: UUID | None = None, ref: str = ""
) -> None:
    """Keep that an auditor opened something. Runs in the caller's transaction, which must be the app's own."""
    ledger.record(
        events.ENGAGEMENT_OPENED,
        subject=engagement,
        actor=actor,
        data={"object_type": object_type, "object_id": str(object_id) if object_id else None, "ref": ref},
    )


def _end(held: EngagementGrant | EngagementTeamGrant, actor: Actor) -> None:
    held.revoked_at, held.revoked_by_id = clock.now(), actor.person_id
    held.save(update_fields=["revoked_at", "revoked_by"])


def _read_permission() -> Permission:
    return Permission.objects.get(content_type__app_label="engagements", codename=READ)


def _locked(engagement_id: UUID, actor: Actor) -> Engagement:
    found = (
        Engagement.objects.select_for_update().filter(pk=engagement_id, organization_id=actor.organization_id).first()
    )
    if found is None:
        raise NotFound("There is no such engagement.")
    return found


def _save(engagement: Engagement) -> None:
    engagement.version += 1
    engagement.save()


def _lines(values: Iterable[str]) -> list[str]:
    return [text for value in values if (text := value.strip())]


def _told(engagement: Engagement) -> dict[str, Any]:
    return {
        "state": engagement.state,
        "kind": engagement.kind,
        "period_start": engagement.period_start.isoformat(),
        "period_end": engagement.period_end.isoformat(),
        "categories": list(engagement.categories),
    }


__all__ = [
    "Facts", "State", "at_version", "change_state", "create", "edit", "grant", "grant_team", "narrow", "note_opened", "release", "revoke", "revoke_team", "scope",
    "scope_everything",
]  # fmt: skip
