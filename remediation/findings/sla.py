"""Due dates by policy: calendar days to remediate, business days to triage, counted in the organization's zone.

The clock starts at detection and never restarts on re-rating, reassignment, or reopening within 90 days.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from evidence.organizations import queries as organizations
from evidence.organizations.calendar import Calendar
from evidence.organizations.models import Organization

REOPENING_GRACE_DAYS = 90


@dataclass(frozen=True)
class SlaRules(Calendar):
    """An organization's policy made ready for counting. Remembers each (severity, day) it was asked for."""

    remediate_days: dict[str, int]
    triage_business_days: dict[str, int]
    version: int = 0
    _known: dict[tuple[str, str, date], datetime] = field(default_factory=dict, repr=False, compare=False)


def rules_from(body: dict[str, Any], zone: str, version: int = 0) -> SlaRules:
    """The rules of a policy's body in a zone."""
    return SlaRules(
        zone=ZoneInfo(zone),
        remediate_days=dict(body["remediate_days"]),
        triage_business_days=dict(body["triage_business_days"]),
        holidays=frozenset(date.fromisoformat(day) for day in body.get("holidays", [])),
        version=version,
    )


def rules(organization_id: UUID) -> SlaRules:
    """The rules in force for an organization."""
    policy = organizations.policy(organization_id, "sla")
    zone = Organization.objects.values_list("timezone", flat=True).get(pk=organization_id)
    return rules_from(policy.body, zone, policy.version)


def due_for(severity: str, clock_started_at: datetime, rules: SlaRules) -> datetime:
    """When a finding of this severity must be fixed: the end of the n-th calendar day after the clock's start."""
    key = ("due", severity, rules.day_of(clock_started_at))
    if (known := rules._known.get(key)) is None:
        known = rules._known[key] = rules.end_of(key[2] + timedelta(days=rules.remediate_days[severity]))
    return known


def triage_due_for(severity: str, reported_at: datetime, rules: SlaRules) -> datetime:
    """When a finding must be triaged: the end of the n-th business day after it was reported."""
    key = ("triage", severity, rules.day_of(reported_at))
    if (known := rules._known.get(key)) is None:
        day = rules.after_business_days(key[2], rules.triage_business_days[severity])
        known = rules._known[key] = rules.end_of(day)
    return known


def clock_start_after_reopening(clock_started_at: datetime, settled_at: datetime, reopened_at: datetime) -> datetime:
    """The old start, unless the finding had stayed settled for more than 90 days."""
    if reopened_at - settled_at <= timedelta(days=REOPENING_GRACE_DAYS):
        return clock_started_at
    return reopened_at


def share_used(clock_started_at: datetime, due_at: datetime, moment: datetime) -> int:
    """Per cent of the time that is used, 0 to 100."""
    whole = (due_at - clock_started_at).total_seconds()
    if whole <= 0:
        return 100
    return max(0, min(100, round(100 * (moment - clock_started_at).total_seconds() / whole)))
