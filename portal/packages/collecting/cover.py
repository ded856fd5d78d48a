"""Who decided in whose place, and which emergency access there was, in the period of the engagement."""

from datetime import UTC, datetime, time, timedelta

from django.utils.translation import gettext

from portal.accounts import roles
from portal.packages import wording
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
        Delegation.Scope.ALL: gettext("for everything"),
        Delegation.Scope.SEVERITY: gettext("up to %(severity)s severity") % {"severity": row.ceiling},
        Delegation.Scope.ENGAGEMENT: gettext("for engagement %(engagement)s") % {"engagement": row.names},
        Delegation.Scope.ITEMS: gettext("for %(items)s") % {"items": row.names},
    }[Delegation.Scope(row.scope)]
    return gettext(
        "%(deputy)s for %(giver)s: %(duty)s, %(reach)s, from %(start)s to %(end)s; decisions under it: %(number)s."
    ) % {
        "deputy": row.deputy.name,
        "giver": row.giver.name,
        "duty": wording.label(Duty(row.duty).label).lower(),
        "reach": reach,
        "start": wording.full_day(ground.day(row.starts_at)),
        "end": wording.full_day(ground.day(last)),
        "number": decided,
    }


def _emergency(ground: Ground, row: Emergency) -> str:
    told = {
        "access": row.ref,
        "person": row.person.name,
        "role": roles.ROLES[row.role].word.lower(),
        "day": wording.full_day(ground.day(row.activated_at)),
        "hours": row.hours,
        "activated": _hand(row),
        "review": _review(ground, row),
    }
    return (
        gettext(
            "%(access)s: %(person)s as %(role)s on %(day)s, at most %(hours)s h, activated %(activated)s; %(review)s."
        )
        % told
    )


def _hand(row: Emergency) -> str:
    if row.alarmed:
        # Translators: how emergency access was activated.
        return gettext("alone, with an alarm to two people")
    return gettext("by %(person)s") % {"person": row.activated_by.name} if row.activated_by else ""


def _review(ground: Ground, row: Emergency) -> str:
    if row.reviewed_at and row.reviewed_by:
        # Translators: emergency access, at the end of a sentence.
        return gettext("reviewed by %(person)s on %(day)s: %(verdict)s") % {
            "person": row.reviewed_by.name,
            "day": wording.full_day(ground.day(row.reviewed_at)),
            "verdict": wording.label(row.get_verdict_display()).lower(),
        }
    if row.finding_ref:
        return gettext("not reviewed in time; finding %(finding)s was opened") % {"finding": row.finding_ref}
    return gettext("not reviewed yet")
