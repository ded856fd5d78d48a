"""Reads of hands: what a person holds on an item, and which duties that leaves them."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.core.exceptions import FieldDoesNotExist
from django.db import connections
from django.db.models import BooleanField, Q, UUIDField
from django.db.models.expressions import RawSQL

from evidence import clock, tenancy
from evidence.organizations import queries as organizations
from remediation.sod import matrix
from remediation.sod.judgement import Conflict, Held, Terms, judge, worded
from remediation.sod.models import Hand
from remediation.sod.policy import parse

__all__ = [
    "Conflict",
    "Standing",
    "conflicts",
    "hands_on",
    "held_by",
    "is_same",
    "members",
    "roles_of",
    "same_people",
    "severity_of",
    "terms",
    "toxic_with",
    "voice",
    "voices",
    "who_may",
]


@dataclass(frozen=True)
class Member:
    """A person's standing in the organization: their roles and one department per role."""

    person_id: UUID
    name: str
    departments: dict[str, str]

    @property
    def roles(self) -> frozenset[str]:
        return frozenset(self.departments)


def conflicts(
    person_id: UUID,
    duty: str,
    *,
    subject_type: str,
    subject_id: UUID,
    cycle: int,
    severity: str | None = None,
    extra: Sequence[Held] = (),
    organization_id: UUID | None = None,
) -> list[Conflict]:
    """Why this person may not take this duty here; empty when they may. `extra` adds what leaves no hand (a request)."""
    organization_id = organization_id or current_organization()
    return judge(
        [*held_by(person_id, subject_type=subject_type, subject_id=subject_id, cycle=cycle), *extra],
        duty,
        roles=roles_of(person_id, organization_id),
        terms=terms(
            organization_id, severity_of(subject_type, subject_id) if severity is None else severity, person_id
        ),
    )


def held_by(person_id: UUID, *, subject_type: str, subject_id: UUID, cycle: int) -> list[Held]:
    """The hands on this cycle of the person and of everybody who is the same human being, oldest first."""
    return hands_on([subject_id], subject_type=subject_type, person_id=person_id).get(
        (subject_id, cycle, person_id), []
    )


def hands_on(
    subject_ids: Iterable[UUID], *, subject_type: str | None = None, person_id: UUID | None = None
) -> dict[tuple[UUID, int, UUID], list[Held]]:
    """Hands by (subject, cycle, person), in one query. Persons who are one human being hold them together."""
    rows = Hand.objects.filter(subject_id__in=list(subject_ids)).order_by("at", "id")
    if subject_type is not None:
        rows = rows.filter(subject_type=subject_type)
    if person_id is not None:
        rows = rows.extra(where=["sod_hand.person_id = ANY (accounts_same_people(%s))"], params=[person_id])
    rows = rows.annotate(same=RawSQL("accounts_same_people(sod_hand.person_id)", [])) if person_id is None else rows
    columns = ["subject_id", "cycle", "duty", "at", "about", *(["same"] if person_id is None else [])]
    found: dict[tuple[UUID, int, UUID], list[Held]] = defaultdict(list)
    for subject, cycle, duty, at, about, *same in rows.values_list(*columns):
        for person in same[0] if person_id is None else [person_id]:
            found[subject, cycle, person].append(Held(duty, at, about))
    return found


def same_people(person_id: UUID) -> frozenset[UUID]:
    """The person and everybody whom an identity link makes the same human being."""
    with connections[tenancy.alias()].cursor() as cursor:
        cursor.execute("SELECT accounts_same_people(%s)", [person_id])
        return frozenset(cursor.fetchone()[0])


def voices() -> dict[UUID, UUID]:
    """For persons whom a link made one human being, the key they are counted by; all others count by their own."""
    with connections[tenancy.alias()].cursor() as cursor:
        cursor.execute(
            "SELECT person_id, least(person_id, min(other_id::text)::uuid) FROM accounts_sameperson GROUP BY 1"
        )
        return dict(cursor.fetchall())


def is_same(field: str, person_id: UUID | None) -> RawSQL:
    """For `annotate`: whether a column of persons names the person, or somebody who is the same human being."""
    return RawSQL(f"accounts_is_same({field}, %s)", [person_id], output_field=BooleanField())  # noqa: S611


def voice(field: str) -> RawSQL:
    """For `annotate`: one key for all persons of a human being, to count people by."""
    return RawSQL(f"accounts_first_of({field})", [], output_field=UUIDField())  # noqa: S611


def members(organization_id: UUID, *, roles: Iterable[str] | None = None) -> list[Member]:
    """Everyone whose membership runs now, by name; with `roles`, only those who hold one of them."""
    rows = _running(organization_id).select_related("person").order_by("person__name", "person_id", "role")
    people: dict[UUID, Member] = {}
    for row in rows:
        member = people.setdefault(row.person_id, Member(row.person_id, row.person.name, {}))
        member.departments[row.role] = row.department
    wanted = None if roles is None else frozenset(roles)
    return [member for member in people.values() if wanted is None or member.roles & wanted]


def roles_of(person_id: UUID, organization_id: UUID) -> frozenset[str]:
    """The roles the person holds in the organization now."""
    return frozenset(_running(organization_id).filter(person_id=person_id).values_list("role", flat=True))


def terms(organization_id: UUID, severity: str, person_id: UUID | None = None) -> Terms:
    """What decides besides the matrix for an item of this severity, with the person's exceptions, in one query."""
    with connections[tenancy.alias()].cursor() as cursor:
        cursor.execute(
            "SELECT sod_policy(%s)::text, sod_waived_of(%s, %s)::text", [organization_id, organization_id, person_id]
        )
        body, waived = map(json.loads, cursor.fetchone())
    return Terms(severity, parse(body), frozenset((number, wanted) for number, wanted in waived))


@dataclass(frozen=True)
class Standing:
    """One member towards one duty on one item: free when there is no conflict. `waivers` carry what a rule forbids."""

    person_id: UUID
    name: str
    departments: dict[str, str]
    is_active: bool
    conflicts: list[Conflict]
    waivers: list[UUID]

    @property
    def roles(self) -> frozenset[str]:
        return frozenset(self.departments)


def who_may(
    duty: str,
    *,
    subject_type: str,
    subject_id: UUID,
    cycle: int,
    severity: str,
    organization_id: UUID,
    requester_id: UUID | None = None,
    asked_at: datetime | None = None,
) -> list[Standing]:
    """Everybody of the organization towards this duty, by name, in one query however many they are.

    It judges persons and their roles; whether a role takes the duty at all is the caller's question.
    """
    with connections[tenancy.alias()].cursor() as cursor:
        cursor.execute(
            "SELECT person, name, roles, departments, is_active, number, held, at, about, sentence, waiver"
            " FROM sod_who_may(%s, %s, %s, %s, %s, %s, %s, %s)",
            [organization_id, subject_type, subject_id, cycle, str(duty), severity, requester_id, asked_at],
        )
        rows = cursor.fetchall()
    found: dict[UUID, Standing] = {}
    for person, name, roles, departments, is_active, number, held, at, about, sentence, waiver in rows:
        standing = found.get(person)
        if standing is None:
            places = dict(zip(roles, departments, strict=True))
            standing = found[person] = Standing(person, name, places, is_active, [], [])
        if waiver is not None:
            standing.waivers.append(waiver)
        elif number is not None:
            standing.conflicts.append(worded(number, Held(held, at, about), str(duty), sentence))
    return list(found.values())


def severity_of(subject_type: str, subject_id: UUID) -> str:
    """The subject's severity as its own table has it; "" where there is none, which no conditional cell allows."""
    try:
        model = apps.get_model(subject_type)
        model._meta.get_field("severity")
    except (LookupError, FieldDoesNotExist):
        return ""
    return model._default_manager.filter(pk=subject_id).values_list("severity", flat=True).first() or ""


def matrix_version() -> int:
    """The version of the matrix in force."""
    return matrix.VERSION


def policy_version(organization_id: UUID) -> int:
    """The version of the organization's segregation policy in force; 0 while it has none of its own."""
    return organizations.policy(organization_id, "sod").version


def toxic_with(role: str, held: Iterable[str], *, organization_id: UUID) -> tuple[str, str] | None:
    """The rule and the held role that keep `role` from the same person, or None. R-01 stands for the own pairs."""
    others = sorted(set(held) - {role})
    for pair in matrix.TOXIC:
        if role in (pair.one, pair.other):
            clash = pair.other if role == pair.one else pair.one
            if clash in others:
                return pair.number, clash
    own = parse(organizations.policy(organization_id, "sod").body).toxic
    clash = next((other for other in others if frozenset({role, other}) in own), "")
    return ("R-01", clash) if clash else None


def current_organization() -> UUID:
    """The organization this transaction entered. Raises LookupError when it entered none."""
    with connections[tenancy.alias()].cursor() as cursor:
        cursor.execute("SELECT current_organization()")
        found = cursor.fetchone()[0]
    if found is None:
        raise LookupError("no organization entered")
    return UUID(str(found))


def _running(organization_id: UUID) -> Any:
    now = clock.now()
    return apps.get_model(settings.MEMBERSHIP_MODEL)._default_manager.filter(
        Q(ended_at=None) | Q(ended_at__gt=now), organization_id=organization_id, starts_at__lte=now
    )
