"""Reads of acceptances and deferrals: what stands, what ends soon."""

from datetime import date, timedelta
from uuid import UUID

from evidence import clock
from evidence.organizations import queries as organizations
from remediation.findings import sla
from remediation.risk.models import Acceptance, AcceptanceState, Deferral


def acceptances(finding_id: UUID) -> list[Acceptance]:
    """Every acceptance asked for a finding, newest first."""
    rows = Acceptance.objects.filter(finding_id=finding_id).select_related("requested_by", "accepted_by", "request")
    return list(rows.order_by("-requested_at"))


def deferrals(finding_id: UUID) -> list[Deferral]:
    """Every deferral asked for a finding, newest first."""
    rows = Deferral.objects.filter(finding_id=finding_id).select_related("requested_by", "request")
    return list(rows.order_by("-requested_at"))


def latest_expiry(organization_id: UUID, severity: str) -> date:
    """The last day a risk of this severity may be accepted until, asked today."""
    days = int(organizations.policy(organization_id, "risk_expiry").body["max_days"][severity])
    return sla.rules(organization_id).day_of(clock.now()) + timedelta(days=days)


def ending_soon(organization_id: UUID) -> list[Acceptance]:
    """Active acceptances that end within the first warning of the policy, soonest first."""
    policy = organizations.policy(organization_id, "risk_expiry").body
    today = sla.rules(organization_id).day_of(clock.now())
    rows = Acceptance.objects.filter(
        organization_id=organization_id,
        state=AcceptanceState.ACTIVE,
        expires_on__lte=today + timedelta(days=max(policy["warn_days"])),
    )
    return list(rows.select_related("finding").order_by("expires_on"))
