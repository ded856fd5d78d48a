"""Writes about an organization: public numbers and policies."""

from typing import Any
from uuid import UUID

from django.db import connections, transaction

from evidence import clock, tenancy
from evidence.actors import Actor
from evidence.errors import Invalid, WrongState
from evidence.identifiers import uuid7
from evidence.organizations.models import Organization, Policy
from evidence.organizations.policies import DECIDED_BY_ANOTHER, DEFAULTS, LIMITS


def take_numbers(organization_id: UUID, prefix: str, count: int = 1) -> range:
    """The next `count` public numbers of a prefix ("F" gives F-001). Gapless within a committed transaction.

    The counter's row stays locked until the transaction ends, so two writers never share a number.
    """
    with connections[tenancy.alias()].cursor() as cursor:
        cursor.execute(
            "INSERT INTO organizations_counter (id, organization_id, prefix, last) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (organization_id, prefix) DO UPDATE SET last = organizations_counter.last + EXCLUDED.last"
            " RETURNING last",
            [uuid7(), organization_id, prefix, count],
        )
        last = cursor.fetchone()[0]
    return range(last - count + 1, last + 1)


def take_ref(organization_id: UUID, prefix: str, *, digits: int = 3) -> tuple[str, int]:
    """One public id and its number: ("F-001", 1)."""
    number = take_numbers(organization_id, prefix)[0]
    return f"{prefix}-{number:0{digits}d}", number


@transaction.atomic
def set_policy(kind: str, body: dict[str, Any], *, actor: Actor) -> Policy:
    """Put a new version of a policy in force from now on. Earlier versions stay readable."""
    actor.require("settings.manage")
    if kind not in DEFAULTS:
        raise Invalid(f"There is no policy called “{kind}”.", fields={"kind": ["Choose one of the listed policies."]})
    if kind in DECIDED_BY_ANOTHER:
        raise WrongState(
            "This policy changes by a proposal that somebody else decides (rule Q-01).",
            help="Propose the change under Settings, Rules, Own policy.",
            rule="Q-01",
        )
    for name, (least, most) in LIMITS.get(kind, {}).items():
        if not least <= body.get(name, least) <= most:
            raise Invalid(
                f"{name.capitalize()} may be between {least} and {most} here.",
                fields={name: [f"Between {least} and {most}."]},
            )
    Organization.objects.select_for_update().get(pk=actor.organization_id)
    newest = Policy.objects.filter(organization_id=actor.organization_id, kind=kind).order_by("-version").first()
    return Policy.objects.create(
        organization_id=actor.organization_id,
        kind=kind,
        version=newest.version + 1 if newest else 1,
        body=body,
        effective_from=clock.now(),
        set_by_id=actor.person_id,
    )


def put_in_force(
    kind: str, body: dict[str, Any], *, version: int, person_id: UUID, request_id: UUID, organization_id: UUID
) -> Policy:
    """The version that a granted request made. The database refuses one that the request is not about (rule Q-01)."""
    return Policy.objects.create(
        organization_id=organization_id,
        kind=kind,
        version=version,
        body=body,
        effective_from=clock.now(),
        set_by_id=person_id,
        request_id=request_id,
    )
