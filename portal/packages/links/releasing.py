"""Releases a sealed package to the auditors of its engagement; before that they do not know of it."""

from uuid import UUID

from django.db import transaction

from evidence.actors import Actor
from evidence.errors import NotFound, WrongState
from evidence.ledger import services as ledger
from portal.packages.links import events
from portal.packages.links.models import Release
from portal.packages.models import Package


@transaction.atomic
def release(package_id: UUID, *, actor: Actor) -> Release:
    """Let the engagement's auditors see it, those of now and of later. It can't be taken back."""
    package = (
        Package.objects.select_for_update(of=("self",))
        .select_related("engagement")
        .filter(pk=package_id, organization_id=actor.organization_id)
        .first()
    )
    if package is None:
        raise NotFound("There is no such package.")
    actor.require("engagements.release", package.engagement)
    if not package.is_final:
        raise WrongState("Only a sealed package can be released to auditors.", help="Have it approved first.")
    if Release.objects.filter(package=package).exists():
        raise WrongState("It is released to the auditors already.")
    row = Release.objects.create(
        organization_id=package.organization_id, package=package, released_by_id=actor.person_id
    )
    told = {"engagement": package.engagement.ref, "issue": package.issue, "sha256": package.sha256}
    ledger.record(events.PACKAGE_RELEASED, subject=package, actor=actor, after=told)
    return row
