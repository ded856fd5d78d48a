"""Fixed is not yet operating: how often the control ran since the fix, against what policy asks (PRACTICE 3.5)."""

from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from django.db import transaction

from evidence.actors import Actor
from evidence.controls.models import Control
from evidence.organizations import queries as organizations
from remediation.findings import events
from remediation.findings.models import Finding
from remediation.findings.services import lifecycle

# Days between two occurrences, to say from when there can be enough of them.
_DAYS_EACH = {
    "continuous": 1.2, "daily": 1.4, "weekly": 7, "monthly": 31, "quarterly": 92, "half_yearly": 184, "annual": 366,
    "event": 4, "automated": 1,
}  # fmt: skip


@dataclass(frozen=True)
class Owed:
    """How often the slowest of a finding's controls must run after the fix, and from when that is possible."""

    needed: int | None
    until: date | None


def owed(finding: Finding, fixed_on: date) -> Owed:
    """What operating history the finding's controls owe. Nothing is known without a control: `needed` is None."""
    frequencies = Control.objects.filter(
        pk__in=finding.control_rows.values("control_id"), organization_id=finding.organization_id
    ).values_list("frequency", flat=True)
    least = organizations.policy(finding.organization_id, "operating_history").body
    slowest: Owed = Owed(None, None)
    for frequency in frequencies:
        needed = int(least[frequency])
        until = fixed_on + timedelta(days=round(needed * _DAYS_EACH[frequency]))
        if slowest.until is None or until > slowest.until:
            slowest = Owed(needed, until)
    return slowest


def is_satisfied(finding: Finding) -> bool:
    """Whether enough runs since the fix are on record."""
    return finding.operating_needed is not None and finding.operating_seen >= finding.operating_needed


@transaction.atomic
def count_operation(finding_id: UUID, *, seen: int, needed: int | None, actor: Actor) -> Finding:
    """Keep how many runs the slowest control has on record since the fix. No event when nothing changed."""
    finding = lifecycle.lock(finding_id, actor=actor)
    if (finding.operating_seen, finding.operating_needed) == (seen, needed):
        return finding
    return lifecycle.change(
        finding,
        events.FINDING_OPERATION_COUNTED,
        actor=actor,
        changes={"operating_seen": seen, "operating_needed": needed},
    )
