"""Reads about an organization and the policies in force."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from evidence.organizations.models import Policy
from evidence.organizations.policies import DEFAULTS


@dataclass(frozen=True)
class PolicyValue:
    """A policy as it stands: `version` 0 is the product's default."""

    kind: str
    version: int
    body: dict[str, Any]


def policy(organization_id: UUID, kind: str) -> PolicyValue:
    """The newest version of a policy, else the default. Raises KeyError for an unknown kind."""
    row = Policy.objects.filter(organization_id=organization_id, kind=kind).order_by("-version").first()
    if row is None:
        return PolicyValue(kind, 0, DEFAULTS[kind])
    return PolicyValue(kind, row.version, {**DEFAULTS[kind], **row.body})
