"""The only door to django-guardian: time-boxed grants of one object to one account.

An inactive account holds nothing, a grant outside its dates is no grant, and both are decided in SQL
(SECURITY.md section 3). Models subclass `TimeBoxedGrant` with a foreign key `content_object` to the object.
"""

from collections.abc import Collection, Iterator
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from guardian.models import UserObjectPermissionBase

from evidence import clock
from evidence.identifiers import uuid7


class TimeBoxedGrant(UserObjectPermissionBase):
    """A permission on one object, from `valid_from` until `valid_until`, given by a person."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey("organizations.Organization", on_delete=models.PROTECT, related_name="+")
    valid_from = models.DateTimeField(default=clock.now)
    valid_until = models.DateTimeField()
    granted_by = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+")
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta(UserObjectPermissionBase.Meta):
        abstract = True


class TimeBoxedTeamGrant(models.Model):
    """The same for a team: it reaches whoever is a member at the moment of asking, and nobody after."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey("organizations.Organization", on_delete=models.PROTECT, related_name="+")
    team = models.ForeignKey("access.Team", on_delete=models.PROTECT, related_name="+")
    valid_from = models.DateTimeField(default=clock.now)
    valid_until = models.DateTimeField()
    granted_by = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+")
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True


_grants: dict[type[models.Model], type[TimeBoxedGrant]] = {}


def register(model: type[models.Model], grant: type[TimeBoxedGrant]) -> None:
    """Say which table holds the grants of a model."""
    _grants[model] = grant


def live(grant: type[TimeBoxedGrant], account_id: Any, codename: str) -> "models.QuerySet[TimeBoxedGrant]":
    """The grants that hold at this moment, as a query to join or narrow by."""
    moment = clock.now()
    return grant._default_manager.filter(
        user_id=account_id,
        user__is_active=True,
        permission__codename=codename,
        revoked_at=None,
        valid_from__lte=moment,
        valid_until__gt=moment,
    ).filter(Q(valid_until__gt=F("valid_from")))


def live_for_teams(grant: type[TimeBoxedTeamGrant], account_id: Any) -> "models.QuerySet[TimeBoxedTeamGrant]":
    """The grants that hold at this moment for a team the account's person is in at this moment."""
    moment = clock.now()
    members = grant._meta.get_field("team").related_model._meta.get_field("members").related_model  # type: ignore[union-attr]
    inside = members._default_manager.filter(  # type: ignore[union-attr]
        team_id=models.OuterRef("team_id"),
        person__accounts__id=account_id,
        person__accounts__is_active=True,
        starts_at__lte=moment,
    ).filter(Q(ends_at=None) | Q(ends_at__gt=moment))
    return grant._default_manager.filter(
        models.Exists(inside), team__ended_at=None, revoked_at=None, valid_from__lte=moment, valid_until__gt=moment
    )


def holds(account: Any, permission: str, obj: models.Model) -> bool:
    """Whether the account holds the permission on this object now."""
    grant = _grants.get(type(obj))
    if grant is None or not account.is_active:
        return False
    return live(grant, account.pk, permission.replace(".", "_")).filter(content_object_id=obj.pk).exists()


def end_all(account_ids: Collection[Any], *, organization_id: Any, by: Any) -> int:
    """End every grant of these accounts in the organization now; their next request finds nothing. Returns how many."""
    moment, ended = clock.now(), 0
    for grant in TimeBoxedGrant.__subclasses__():
        rows = grant._default_manager.filter(user_id__in=account_ids, organization_id=organization_id, revoked_at=None)
        ended += rows.update(revoked_at=moment, revoked_by_id=by)
    return ended


def all_live(organization_id: Any) -> Iterator[TimeBoxedGrant]:
    """Every grant of the organization that holds now, with its account, object and giver."""
    moment = clock.now()
    for grant in TimeBoxedGrant.__subclasses__():
        rows = grant._default_manager.filter(
            organization_id=organization_id, revoked_at=None, valid_from__lte=moment, valid_until__gt=moment
        )
        yield from rows.select_related("user", "content_object", "granted_by").iterator()


def end_one(grant_id: Any, *, by: Any) -> None:
    """End one grant now, whichever table holds it."""
    for grant in TimeBoxedGrant.__subclasses__():
        grant._default_manager.filter(pk=grant_id, revoked_at=None).update(revoked_at=clock.now(), revoked_by_id=by)
