"""Reads of engagements. What an auditor may see starts from `open_to` and the released rows, never from all rows."""

from datetime import datetime
from uuid import UUID

from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet

from evidence import clock
from evidence.actors import Actor
from evidence.artifacts import holding, withholding
from evidence.artifacts.models import Artifact, ArtifactLink
from evidence.controls.models import Control
from evidence.errors import NotFound
from portal.access.models import TeamMember
from portal.accounts import object_grants
from portal.accounts.models import Account, Membership
from portal.engagements.models import Engagement, EngagementGrant, EngagementTeamGrant, ScopedControl, ScopedFinding
from remediation.findings.models import Finding

READ = "engagement.read"


def engagements(actor: Actor) -> QuerySet[Engagement]:
    """For staff: every engagement of the organization, newest first, with the sizes of its scope."""
    actor.require("engagements.view")
    return (
        Engagement.objects.filter(organization_id=actor.organization_id)
        .annotate(
            control_count=Count("scoped_controls", distinct=True),
            finding_count=Count("scoped_findings", distinct=True),
        )
        .order_by("-number")
    )


def find(actor: Actor, ref: str) -> Engagement:
    """For staff: one engagement by its public id. Raises NotFound, also for an auditor."""
    found = (
        Engagement.objects.filter(organization_id=actor.organization_id, ref=ref).first()
        if actor.may("engagements.view")
        else None
    )
    if found is None:
        raise NotFound(f"There is no engagement {ref[:40]} here.")
    return found


def granted_to(actor: Actor) -> QuerySet[Engagement]:
    """For an auditor: the engagements whose grant holds at this moment."""
    own = object_grants.live(EngagementGrant, actor.account_id, "engagement_read")
    through_teams = object_grants.live_for_teams(EngagementTeamGrant, actor.account_id)
    return Engagement.objects.filter(
        Q(pk__in=own.values("content_object_id")) | Q(pk__in=through_teams.values("content_object_id")),
        organization_id=actor.organization_id,
    ).order_by("-number")


def access_ends(actor: Actor, engagement: Engagement) -> datetime | None:
    """Until when the actor may read the engagement, by the longest of their grants."""
    own = object_grants.live(EngagementGrant, actor.account_id, "engagement_read")
    through_teams = object_grants.live_for_teams(EngagementTeamGrant, actor.account_id)
    ends = [
        grants.filter(content_object_id=engagement.pk).aggregate(last=Max("valid_until"))["last"]
        for grants in (own, through_teams)
    ]
    return max(filter(None, ends), default=None)


def open_to(actor: Actor, ref: str) -> Engagement:
    """For an auditor: one granted engagement. Raises NotFound when there is none or the grant has ended."""
    found = granted_to(actor).filter(ref=ref).first()
    if found is None:
        raise NotFound("There is no such engagement, or your access to it has ended.")
    return found


def findings(engagement: Engagement, *, released_only: bool = False) -> QuerySet[Finding]:
    """The findings in scope; for auditors only what was released. Drafts are never among them."""
    # One filter call, so that both conditions are on the same row of the join.
    return Finding.objects.filter(_in_scope(engagement, released_only)).exclude(state="draft")


def controls(engagement: Engagement, *, released_only: bool = False) -> QuerySet[Control]:
    return Control.objects.filter(_in_scope(engagement, released_only))


def _in_scope(engagement: Engagement, released_only: bool) -> Q:
    scoped = Q(engagement_scopes__engagement_id=engagement.pk)
    return scoped & Q(engagement_scopes__released_at__isnull=False) if released_only else scoped


def artifacts(engagement: Engagement, *, released_only: bool = False) -> QuerySet[Artifact]:
    """Evidence that a finding, a task or a control of the scope uses.

    Never what is in quarantine, held or was returned, nor a redacted copy that nobody approved and what it was made from.
    """
    found = findings(engagement, released_only=released_only)
    used = ArtifactLink.objects.filter(artifact_id=OuterRef("pk"))
    rows = Artifact.objects.filter(
        Exists(
            used.filter(
                Q(target_type="findings.finding", target_id__in=found.values("pk"))
                | Q(target_type="tasks.task", target_id__in=found.values("tasks__pk"))
                | Q(
                    target_type="controls.control",
                    target_id__in=controls(engagement, released_only=released_only).values("pk"),
                )
            )
        ),
        ~withholding.kept_back("latest"),
        latest__isnull=False,
        state__in=["received", "accepted", "disposed"],
    )
    return holding.showable(rows)


def scope_rows(engagement: Engagement) -> tuple[QuerySet[ScopedControl], QuerySet[ScopedFinding]]:
    """For staff: the scope with who released what."""
    return (
        engagement.scoped_controls.select_related("control", "released_by").order_by("control__number"),
        engagement.scoped_findings.select_related("finding", "released_by").order_by("finding__number"),
    )


def grants(engagement: Engagement) -> QuerySet[EngagementGrant]:
    return engagement.grants.select_related("user__person", "granted_by", "revoked_by").order_by("-valid_from", "-pk")


def team_grants(engagement: Engagement) -> QuerySet[EngagementTeamGrant]:
    """The teams that are or were let in, newest first."""
    return engagement.team_grants.select_related("team", "granted_by", "revoked_by").order_by("-valid_from", "-pk")


def readers(engagement: Engagement) -> list[str]:
    """Who is let in at this moment: auditors by name, then teams."""
    moment = clock.now()
    live = Q(revoked_at=None, valid_from__lte=moment, valid_until__gt=moment)
    people = engagement.grants.filter(live, user__is_active=True).values_list("user__person__name", flat=True)
    teams = engagement.team_grants.filter(live, team__ended_at=None).values_list("team__name", flat=True)
    return [*sorted(set(people)), *(f"the team {name}" for name in sorted(set(teams)))]


def reading(engagement: Engagement) -> set[UUID]:
    """The persons who are let in at this moment, by themselves or with a team."""
    moment = clock.now()
    live = Q(revoked_at=None, valid_from__lte=moment, valid_until__gt=moment)
    alone = engagement.grants.filter(live, user__is_active=True).values_list("user__person_id", flat=True)
    teams = engagement.team_grants.filter(live, team__ended_at=None).values("team")
    members = TeamMember.objects.filter(
        Q(ends_at=None) | Q(ends_at__gt=moment), team__in=teams, starts_at__lte=moment
    ).values_list("person_id", flat=True)
    return {*alone, *members}


def auditors(organization_id: UUID) -> QuerySet[Account]:
    """Accounts that hold the role Auditor here and can be given an engagement."""
    held = Membership.objects.filter(organization_id=organization_id, role="auditor", ended_at=None)
    return Account.objects.filter(is_active=True, person_id__in=held.values("person_id")).select_related("person")
