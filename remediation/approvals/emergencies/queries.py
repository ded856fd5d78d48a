"""Reads of emergency access: what runs, what waits for an activation or a review, and who could give either."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet

from evidence import clock
from evidence.actors import Actor
from evidence.counting import Count
from evidence.errors import NotAllowed, NotFound
from evidence.ledger import queries as ledger
from remediation.approvals.absences import queries as absences
from remediation.approvals.emergencies.bars import ACTIVATORS
from remediation.approvals.models import Emergency
from remediation.sod import queries as sod
from remediation.sod import rulebook

_A_DAY = timedelta(days=1)


def listed(actor: Actor, *, limit: int = 100) -> list[Emergency]:
    """What the actor may see, newest first: their own, and for those who activate, review or look after people all."""
    rows = _people().filter(organization_id=actor.organization_id)
    if not _sees_all(actor):
        rows = rows.filter(person_id__in=[actor.person_id] if actor.person_id else [])
    return list(rows.order_by("-number")[:limit])


def get(emergency_id: UUID, *, actor: Actor) -> Emergency:
    """One that the actor may see. Raises NotFound."""
    found: Emergency | None = _people().filter(organization_id=actor.organization_id, pk=emergency_id).first()
    if found is None or not (found.person_id == actor.person_id or _sees_all(actor)):
        raise NotFound("There is no such emergency access.")
    return found


def running_of(person_id: UUID, organization_id: UUID) -> Emergency | None:
    """The person's emergency access that runs now."""
    now = clock.now()
    return Emergency.objects.filter(
        organization_id=organization_id,
        person_id__in=sod.same_people(person_id),
        activated_at__isnull=False,
        ended_at=None,
        ends_at__gt=now,
    ).first()


def overdue(organization_id: UUID) -> list[Emergency]:
    """Used, over, unreviewed in time, and no finding opened yet."""
    return list(
        Emergency.objects.select_related("person").filter(
            organization_id=organization_id, reviewed_at=None, review_due_at__lt=clock.now(), finding_ref=""
        )
    )


def waiting_for(actor: Actor) -> int:
    """How many wait for this person's activation or review."""
    asked = _asked(actor.organization_id, actor.person_id) if actor.may("emergency.activate") else 0
    return asked + (_unreviewed(actor.organization_id, actor.person_id) if actor.may("emergency.review") else 0)


_asked = Count(
    lambda organization, person, now: Emergency.objects.filter(
        organization_id=organization, activated_at=None, ended_at=None, asked_at__gt=now - _A_DAY
    ).exclude(person_id=person)
)
_unreviewed = Count(
    lambda organization, person, now: (
        Emergency.objects.filter(
            Q(ends_at__lt=now) | Q(ended_at__isnull=False),
            organization_id=organization,
            activated_at__isnull=False,
            reviewed_at=None,
        )
        .exclude(person_id=person)
        .exclude(activated_by_id=person)
    )
)


def during(organization_id: UUID, since: datetime, until: datetime) -> list[Emergency]:
    """What was activated in a period; for packages and reports."""
    rows = _people().filter(organization_id=organization_id, activated_at__gte=since, activated_at__lte=until)
    return list(rows.order_by("number"))


def acts(row: Emergency) -> list[ledger.Fact]:
    """All that the person did while it ran, and the jobs they started then did later, oldest first."""
    if row.activated_at is None or row.over_at is None:
        return []
    found: list[ledger.Fact] = []
    for person in sorted(sod.same_people(row.person_id)):
        found += ledger.acts_of(row.organization_id, person, row.activated_at, row.over_at)
        found += ledger.acts_tagged(row.organization_id, person, "emergency", row.pk, since=row.over_at)
    return sorted(found, key=lambda fact: fact.at)


def activators(organization_id: UUID, *, without: UUID) -> list[sod.Member]:
    """Who may activate it and is here now."""
    same, away = sod.same_people(without), absences.away(organization_id)
    return [
        member
        for member in sod.members(organization_id, roles=ACTIVATORS)
        if member.person_id not in same and member.person_id not in away
    ]


def refuse_grant(actor: Actor) -> None:
    """Raise NotAllowed for a grant or an invitation by somebody whose emergency access runs."""
    if actor.emergency is not None:
        raise NotAllowed(
            "While your emergency access runs you grant no role and invite nobody (rule B-11).",
            rule="B-11",
            help=rulebook.rule("B-11").instead,
        )


def _sees_all(actor: Actor) -> bool:
    return actor.may("emergency.activate") or actor.may("emergency.review") or actor.may("people.view")


def _people() -> QuerySet[Emergency]:
    return Emergency.objects.select_related("person", "activated_by", "reviewed_by", "ended_by")
