"""Reads of delegations: whose duty somebody carries now, and whether a delegation reaches a request."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connections
from django.db.models import Q

from evidence import clock, tenancy
from evidence.actors import Actor
from evidence.counting import Count
from evidence.errors import NotFound
from remediation.approvals.actions import ACTIONS
from remediation.approvals.models import Delegation, Request
from remediation.sod import queries as sod
from remediation.sod.matrix import toxic_with

SEVERITIES = ("low", "medium", "high", "critical")


@dataclass(frozen=True)
class Listed:
    """The delegations one reader sees: those they gave, those they were given, and all when they look after people."""

    given: list[Delegation]
    received: list[Delegation]
    others: list[Delegation]


def get(delegation_id: UUID, *, actor: Actor) -> Delegation:
    """A delegation the actor takes part in or looks after. Raises NotFound."""
    found: Delegation | None = _people().filter(organization_id=actor.organization_id, pk=delegation_id).first()
    if found is None or not may_see(found, actor):
        raise NotFound("There is no such delegation.")
    return found


def may_see(loan: Delegation, actor: Actor) -> bool:
    """Whether the actor is one of the two, or looks after people."""
    return actor.person_id in (loan.giver_id, loan.deputy_id) or actor.may("people.view")


def listed(actor: Actor, *, limit: int = 200) -> Listed:
    """What the actor may see, newest first, in two queries at most."""
    rows = _people().filter(organization_id=actor.organization_id).order_by("-id")
    own = list(rows.filter(Q(giver_id=actor.person_id) | Q(deputy_id=actor.person_id))[:limit])
    others: list[Delegation] = []
    if actor.may("people.view"):
        others = list(rows.exclude(giver_id=actor.person_id).exclude(deputy_id=actor.person_id)[:limit])
    return Listed(
        given=[row for row in own if row.giver_id == actor.person_id],
        received=[row for row in own if row.deputy_id == actor.person_id],
        others=others,
    )


def running(organization_id: UUID, *, deputy_id: UUID | None = None) -> list[Delegation]:
    """Accepted delegations within their dates; with `deputy_id`, those that this person carries."""
    now = clock.now()
    rows = _people().filter(
        organization_id=organization_id, ended_at=None, accepted_at__isnull=False, starts_at__lte=now, ends_at__gt=now
    )
    if deputy_id is not None:
        rows = rows.filter(deputy_id=deputy_id)
    return list(rows.order_by("giver__name", "id"))


def is_deputy(person_id: UUID, organization_id: UUID) -> bool:
    """Whether this person may decide in somebody's place now."""
    return _carried(organization_id, person_id) > 0


_carried = Count(
    lambda organization, person, now: Delegation.objects.filter(
        organization_id=organization,
        deputy_id=person,
        ended_at=None,
        accepted_at__isnull=False,
        starts_at__lte=now,
        ends_at__gt=now,
    ),
    at_most=1,
)

offered_to = Count(
    lambda organization, person, now: Delegation.objects.filter(
        organization_id=organization, deputy_id=person, accepted_at=None, ended_at=None, ends_at__gt=now
    )
)
"""How many delegations wait for this person to accept or decline them."""


def overlapping(organization_id: UUID, duty: str, starts_at: Any, ends_at: Any) -> list[Delegation]:
    """Delegations of a duty, offered or accepted, whose time meets this one's."""
    return list(
        Delegation.objects.filter(
            organization_id=organization_id, duty=duty, ended_at=None, starts_at__lt=ends_at, ends_at__gt=starts_at
        )
    )


def during(organization_id: UUID, since: Any, until: Any) -> list[Delegation]:
    """Delegations that were accepted and touch a period; for packages and reports."""
    rows = _people().filter(
        Q(ended_at=None) | Q(ended_at__gt=since),
        organization_id=organization_id,
        accepted_at__isnull=False,
        starts_at__lte=until,
        ends_at__gt=since,
    )
    return list(rows.order_by("starts_at", "id"))


def covers(loan: Delegation, request: Request, severity: str) -> bool:
    """Whether the delegation is about this request: its duty, its action and its scope."""
    if ACTIONS[request.action].duty != loan.duty or (loan.actions and request.action not in loan.actions):
        return False
    if loan.scope == Delegation.Scope.SEVERITY:
        # An unknown severity counts as critical: unknown is never good.
        return _rank(severity) <= _rank(loan.ceiling)
    if loan.scope == Delegation.Scope.ITEMS:
        return str(request.subject_id) in loan.items
    if loan.scope == Delegation.Scope.ENGAGEMENT:
        return _in_engagement(request, loan.engagement)
    return True


def roles_for(duty: str) -> tuple[str, ...]:
    """The roles that hold a duty, in the order of the actions."""
    return tuple(dict.fromkeys(role for known in ACTIONS.values() if known.duty == duty for role in known.roles))


def duties_of(roles: Iterable[str]) -> list[str]:
    """The deciding duties that holders of these roles have."""
    held = frozenset(roles)
    duties = dict.fromkeys(str(known.duty) for known in ACTIONS.values())
    return [duty for duty in duties if held & frozenset(roles_for(duty))]


def may_deputise(roles: frozenset[str], duty: str) -> bool:
    """Whether somebody with these roles may hold the duty's role beside them."""
    return bool(roles) and any(toxic_with(role, roles - {role}) is None for role in roles_for(duty))


def possible_deputies(organization_id: UUID, duty: str, *, without: UUID | None) -> list[sod.Member]:
    """Members to whom the duty can be lent."""
    same = sod.same_people(without) if without else frozenset()
    return [
        member
        for member in sod.members(organization_id)
        if member.person_id not in same and may_deputise(member.roles, duty)
    ]


def is_one_person(one: UUID | None, other: UUID | None) -> bool:
    """Whether two rows are one natural person; the database asks approvals_one_person."""
    if one is None or other is None:
        return False
    return one == other or other in sod.same_people(one)


def _people() -> Any:
    return Delegation.objects.select_related("giver", "deputy", "ended_by")


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES) - 1


def _in_engagement(request: Request, engagement: UUID | None) -> bool:
    # Engagements stand two floors up; the guard finds their table by its name, and this asks the guard.
    with connections[tenancy.alias()].cursor() as cursor:
        cursor.execute(
            "SELECT approvals_in_engagement(%s, %s, %s)", [request.subject_type, request.subject_id, engagement]
        )
        return bool(cursor.fetchone()[0])
