"""Who decided in whose place, and which emergency access there was, in the period of the engagement."""

from datetime import UTC, datetime, time, timedelta

from portal.accounts import roles
from portal.packages.collecting.ground import Ground
from remediation.approvals.delegations import queries as delegations
from remediation.approvals.emergencies import queries as emergencies
from remediation.approvals.models import Delegation, Emergency
from remediation.sod.duties import Duty


def lent(ground: Ground) -> tuple[str, ...]:
    """A sentence for each delegation that was accepted and touches the period, with what was decided under it."""
    rows = delegations.during(ground.organization.pk, *_period(ground))
    counts = dict.fromkeys((row.pk for row in rows), 0)
    for row in Delegation.objects.filter(pk__in=counts, decisions__isnull=False).values_list("pk", flat=True):
        counts[row] += 1
    return tuple(_lent(ground, row, counts[row.pk]) for row in rows)


def emergency(ground: Ground) -> tuple[str, ...]:
    """A sentence for each emergency access that was activated in the period, with its review."""
    return tuple(_emergency(ground, row) for row in emergencies.during(ground.organization.pk, *_period(ground)))


def _period(ground: Ground) -> tuple[datetime, datetime]:
    first = datetime.combine(ground.engagement.period_start, time.min, ground.zone)
    after = datetime.combine(ground.engagement.period_end + timedelta(days=1), time.min, ground.zone)
    return first.astimezone(UTC), after.astimezone(UTC)


def _lent(ground: Ground, row: Delegation, decided: int) -> str:
    last = row.ended_at or row.ends_at
    reach = {
        Delegation.Scope.ALL: "for everything",
        Delegation.Scope.SEVERITY: f"up to {row.ceiling} severity",
        Delegation.Scope.ENGAGEMENT: f"for engagement {row.names}",
        Delegation.Scope.ITEMS: f"for {row.names}",
    }[Delegation.Scope(row.scope)]
    return (
        f"{row.deputy.name} for {row.giver.name}: {Duty(row.duty).label.lower()}, {reach}, from "
        f"{ground.day(row.starts_at):%d %b %Y} to {ground.day(last):%d %b %Y}; decisions under it: {decided}."
    )


def _emergency(ground: Ground, row: Emergency) -> str:
    hand = (
        "alone, with an alarm to two people"
        if row.alarmed
        else f"by {row.activated_by.name}"
        if row.activated_by
        else ""
    )
    if row.reviewed_at and row.reviewed_by:
        review = f"reviewed by {row.reviewed_by.name} on {ground.day(row.reviewed_at):%d %b %Y}: {row.get_verdict_display().lower()}"
    elif row.finding_ref:
        review = f"not reviewed in time; finding {row.finding_ref} was opened"
    else:
        review = "not reviewed yet"
    return (
        f"{row.ref}: {row.person.name} as {roles.ROLES[row.role].word.lower()} on {ground.day(row.activated_at):%d %b %Y}, "
        f"at most {row.hours} h, activated {hand}; {review}."
    )
