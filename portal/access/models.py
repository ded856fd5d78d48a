"""Teams, and who is let in to what is restricted. A grant is dated, has an end, and says who gave it and why."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

from evidence import clock
from evidence.organizations.models import TenantModel
from portal.accounts.object_grants import TimeBoxedGrant, TimeBoxedTeamGrant
from remediation.findings.models import Finding


class Team(TenantModel):
    """A named group of people of one organization, to let in together. An ended team reaches nobody."""

    name = models.CharField(max_length=80)
    purpose = models.CharField(max_length=300, blank=True)
    created_by = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    created_at = models.DateTimeField(default=clock.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "organization", Lower("name"), condition=Q(ended_at=None), name="team_name_once_while_it_lasts"
            ),
            models.CheckConstraint(condition=~Q(name=""), name="team_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.name


class TeamMember(TenantModel):
    """One person in one team from a moment until another, or until somebody ends it."""

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="members", db_index=False)
    person = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    starts_at = models.DateTimeField(default=clock.now)
    ends_at = models.DateTimeField(null=True, blank=True)
    added_by = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    ended_by = models.ForeignKey(
        settings.PERSON_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(ends_at__gte=F("starts_at")), name="team_member_in_order"
            ),
        ]
        indexes = [
            models.Index(fields=["person", "team"], name="team_member_by_person"),
            models.Index(fields=["team"], name="team_member_by_team"),
        ]


class FindingGrant(TimeBoxedGrant):
    """A person is let in to a restricted finding."""

    content_object = models.ForeignKey(Finding, on_delete=models.PROTECT, related_name="grants", db_index=False)
    reason = models.CharField(max_length=300)
    revoked_by = models.ForeignKey(
        settings.PERSON_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )

    class Meta(TimeBoxedGrant.Meta):
        unique_together: list[str] = []
        constraints = [
            models.UniqueConstraint(
                fields=["user", "permission", "content_object"],
                condition=Q(revoked_at=None),
                name="finding_grant_live_once",
            ),
            models.CheckConstraint(condition=Q(valid_until__gt=F("valid_from")), name="finding_grant_has_an_end"),
        ]
        indexes = [models.Index(fields=["content_object"], name="finding_grant_by_finding")]


class FindingTeamGrant(TimeBoxedTeamGrant):
    """A team is let in to a restricted finding."""

    content_object = models.ForeignKey(Finding, on_delete=models.PROTECT, related_name="team_grants", db_index=False)
    reason = models.CharField(max_length=300)
    revoked_by = models.ForeignKey(
        settings.PERSON_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["team", "content_object"], condition=Q(revoked_at=None), name="finding_team_grant_live_once"
            ),
            models.CheckConstraint(condition=Q(valid_until__gt=F("valid_from")), name="finding_team_grant_has_an_end"),
        ]
        indexes = [models.Index(fields=["content_object"], name="finding_team_grant_by_finding")]
