"""Reads of the rules an organization gave itself, and of what a change of them would do."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.db import connections

from evidence import clock, tenancy
from evidence.actors import Actor
from evidence.errors import NotFound
from evidence.organizations import queries as organizations
from evidence.organizations.models import Policy
from evidence.organizations.policies import DEFAULTS
from remediation.approvals.models import Request
from remediation.policies import wording
from remediation.policies.guards import POLICY_ACTION, WAIVER_ACTION
from remediation.policies.models import Proposal
from remediation.sod.duties import WORDS
from remediation.sod.models import Waiver

KINDS = ("sod", "quorum")
ACTIONS = {Proposal.Kind.POLICY: POLICY_ACTION, Proposal.Kind.WAIVER: WAIVER_ACTION}


@dataclass(frozen=True)
class Gain:
    """What somebody could do after a change that they can't now."""

    person_id: UUID
    name: str
    words: str


@dataclass(frozen=True)
class Blocked:
    """Work that a change stands in the way of."""

    ref: str
    words: str


@dataclass(frozen=True)
class Effect:
    """What a change would do: its sentences, who gains, what it blocks, what it would leave without a decider."""

    differences: list[str]
    gains: list[Gain] = field(default_factory=list)
    voided: int = 0
    tasks: list[Blocked] = field(default_factory=list)
    orphans: list[Blocked] = field(default_factory=list)


@dataclass(frozen=True)
class Version:
    """One version of a policy: who proposed it, when it began, why, and what it changed."""

    kind: str
    number: int
    at: datetime
    by: str
    ref: str
    reason: str
    differences: list[str]
    deciders: list[str]


def in_force(organization_id: UUID) -> dict[str, organizations.PolicyValue]:
    """Both parts of the policy as they stand."""
    return {kind: organizations.policy(organization_id, kind) for kind in KINDS}


def effect(organization_id: UUID, wanted: Mapping[str, Mapping[str, Any]]) -> Effect:
    """What would change if these bodies came into force now."""
    now = {kind: value.body for kind, value in in_force(organization_id).items()}
    words = wording.differences(now, wanted)
    if not words:
        return Effect(words)
    after = {**now, **wanted}
    return Effect(
        words,
        gains=gains(organization_id, now, after),
        voided=Request.objects.filter(organization_id=organization_id, state="open").count(),
        tasks=_blocked_tasks(organization_id, now["sod"], after["sod"]),
        orphans=orphans(organization_id, now["sod"], after["sod"], after["quorum"]),
    )


def gains(
    organization_id: UUID, now: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]
) -> list[Gain]:
    """Who could do or hold what they can't now; the database asks the same when the version begins."""
    bodies = [json.dumps(body) for body in (now["sod"], after["sod"], now["quorum"], after["quorum"])]
    rows = _rows(
        "SELECT g.person, p.name, g.kind, g.number, g.wanted, g.items"
        " FROM policies_gains(%s, %s, %s, %s, %s) g JOIN accounts_person p ON p.id = g.person ORDER BY p.name, g.number",
        [organization_id, *bodies],
    )
    return [
        Gain(person, name, _gain(kind, number, wanted, items)) for person, name, kind, number, wanted, items in rows
    ]


def _gain(kind: str, number: str, wanted: str, items: int) -> str:
    if kind == "roles":
        return f"could hold the roles {wanted} together"
    if kind == "quorum":
        return f"asked for {items} open decision{'s' * (items != 1)} that would need fewer people"
    return f"could {WORDS[wanted].instead} on {items} item{'s' * (items != 1)} ({number})"


def orphans(
    organization_id: UUID, old: Mapping[str, Any], new: Mapping[str, Any], quorum: Mapping[str, Any]
) -> list[Blocked]:
    """Open requests that somebody can decide now and nobody could afterwards."""
    rows = _rows(
        "SELECT ref, word FROM policies_orphans(%s, %s, %s, %s)",
        [organization_id, json.dumps(old), json.dumps(new), json.dumps(quorum)],
    )
    return [Blocked(ref, f"{word} of {ref}: nobody could decide it") for ref, word in rows]


def _blocked_tasks(organization_id: UUID, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Blocked]:
    rows = _rows(
        "SELECT t.ref, p.name, string_agg(DISTINCT r.number, ', ' ORDER BY r.number) FROM tasks_task t"
        " JOIN findings_finding f ON f.id = t.finding_id AND f.cycle = t.cycle"
        " JOIN accounts_person p ON p.id = t.assignee_id"
        " JOIN sod_hand h ON h.organization_id = %s AND h.subject_id = f.id AND h.cycle = f.cycle"
        "  AND h.subject_type = 'findings.finding' AND h.person_id = t.assignee_id"
        " JOIN sod_rule r ON r.matrix_version = sod_matrix_version() AND r.held = h.duty"
        "  AND r.wanted IN ('implementer', 'uploader') AND r.number = ANY (policies_loosened(%s, %s))"
        " WHERE t.organization_id = %s AND t.state <> 'done' GROUP BY t.ref, t.number, p.name ORDER BY t.number LIMIT 200",
        # What the change loosens backwards is what it tightens.
        [organization_id, json.dumps(new), json.dumps(old), organization_id],
    )
    return [Blocked(ref, f"{ref}: {name} could not finish it ({numbers})") for ref, name, numbers in rows]


def eligible(organization_id: UUID, part: str) -> tuple[int, int]:
    """The fewest people and departments that a decision of this part of the quorum could find."""
    people, places = _rows("SELECT people, places FROM policies_eligible(%s, %s)", [organization_id, part])[0]
    return people, places


def floor(part: str, severity: str) -> int:
    """How many people the product asks for at least."""
    return int(_rows("SELECT approvals_floor(%s, %s)", [part, severity])[0][0])


def is_quorum_waived(organization_id: UUID) -> bool:
    """Whether an exception lets the quorum be lower than the product's now."""
    return bool(_rows("SELECT policies_quorum_waived(%s)", [organization_id])[0][0])


def team(organization_id: UUID, number: str) -> int:
    """How many people could take the duty that a rule forbids."""
    return int(_rows("SELECT policies_team(%s, %s)", [organization_id, number])[0][0])


def carriers(organization_id: UUID) -> list[UUID]:
    """Who carries an exception that is open now."""
    rows = Waiver.objects.filter(organization_id=organization_id, ended_at=None, ends_at__gt=clock.now())
    return list(rows.exclude(person=None).values_list("person_id", flat=True).distinct())


def double_holders(organization_id: UUID, pairs: Iterable[frozenset[str]]) -> list[str]:
    """Names of those who hold both roles of a pair already."""
    wanted = [sorted(pair) for pair in pairs]
    if not wanted:
        return []
    memberships = apps.get_model(settings.MEMBERSHIP_MODEL)._default_manager.filter(
        organization_id=organization_id, ended_at=None, role__in={role for pair in wanted for role in pair}
    )
    roles: dict[UUID, set[str]] = {}
    names: dict[UUID, str] = {}
    for person, name, role in memberships.values_list("person_id", "person__name", "role"):
        roles.setdefault(person, set()).add(role)
        names[person] = name
    return sorted(names[person] for person, held in roles.items() if any(set(pair) <= held for pair in wanted))


def proposals(organization_id: UUID, *, kind: str, limit: int = 50) -> list[tuple[Proposal, Request | None]]:
    """The newest proposals of a kind, each with its request, in two queries."""
    rows = list(
        Proposal.objects.filter(organization_id=organization_id, kind=kind)
        .select_related("proposed_by")
        .order_by("-number")[:limit]
    )
    requests = Request.objects.filter(subject_type="policies.proposal", subject_id__in=[row.pk for row in rows])
    found = {request.subject_id: request for request in requests}
    return [(row, found.get(row.pk)) for row in rows]


def get(proposal_id: UUID, *, actor: Actor) -> Proposal:
    """One proposal of the actor's organization. Raises NotFound."""
    found = (
        Proposal.objects.filter(organization_id=actor.organization_id, pk=proposal_id)
        .select_related("proposed_by")
        .first()
    )
    if found is None:
        raise NotFound("There is no such proposal.")
    return found


def versions(organization_id: UUID) -> list[Version]:
    """Every version of both parts, newest first: who, when, why, and what changed."""
    rows = list(
        Policy.objects.filter(organization_id=organization_id, kind__in=KINDS)
        .select_related("set_by")
        .order_by("-effective_from", "-id")[:100]
    )
    asked = {
        request.pk: request
        for request in Request.objects.filter(
            pk__in=[row.request_id for row in rows if row.request_id]
        ).prefetch_related("decisions__person")
    }
    bodies = {(row.kind, row.version): row.body for row in rows}
    return [_version(row, asked, bodies) for row in rows]


def _version(
    row: Policy, asked: Mapping[UUID, Request], bodies: Mapping[tuple[str, int], Mapping[str, Any]]
) -> Version:
    request = asked.get(row.request_id) if row.request_id else None
    default = DEFAULTS[row.kind]
    before = {**default, **bodies.get((row.kind, row.version - 1), {})}
    return Version(
        row.kind,
        row.version,
        row.effective_from,
        row.set_by.name if row.set_by else "",
        request.subject_ref if request else "",
        request.reason if request else "",
        wording.differences({row.kind: before}, {row.kind: {**default, **row.body}}),
        [decision.person.name for decision in request.decisions.all()] if request else [],
    )


def body_of(organization_id: UUID, kind: str, version: int) -> dict[str, Any]:
    """The body of one version of a policy; the product's default for 0."""
    kept = Policy.objects.filter(organization_id=organization_id, kind=kind, version=version).first()
    return {**DEFAULTS[kind], **(kept.body if kept else {})}


def waivers(organization_id: UUID, *, limit: int = 100) -> Sequence[Waiver]:
    """Every exception, newest first, with the person and what it carried."""
    return list(
        Waiver.objects.filter(organization_id=organization_id)
        .select_related("person", "ended_by")
        .prefetch_related("uses__person")
        .order_by("-number")[:limit]
    )


def _rows(statement: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    with connections[tenancy.alias()].cursor() as cursor:
        cursor.execute(statement, parameters)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found
