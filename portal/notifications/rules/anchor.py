"""The weekly anchor: the newest signed checkpoint, to auditors and executives, so that it stands outside this house.

The letter holds size, root and note. Whoever keeps it can show later that the history was not written anew.
"""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q

from evidence import clock
from evidence.ledger import queries as ledger
from evidence.ledger import services
from evidence.organizations.models import Organization
from portal.accounts.models import Account, Membership
from portal.engagements.models import EngagementGrant, State
from portal.notifications.rules import Letter, Rule

KEY = "anchor"
SUNDAY, MOMENT = 6, time(23, 59)


def last_occasion(now: datetime) -> datetime:
    """The latest Sunday, 23:59 UTC, that has passed (UX.md section 11)."""
    today = now.astimezone(UTC)
    day = today.date() - timedelta(days=(today.weekday() - SUNDAY) % 7)
    found = datetime.combine(day, MOMENT, UTC)
    return found if found <= today else found - timedelta(days=7)


def recipients(organization_id: UUID) -> list[Account]:
    """Executives, and auditors whose grant to an open or planned engagement holds now."""
    moment = clock.now()
    executives = Membership.objects.filter(
        Q(ended_at=None) | Q(ended_at__gt=moment),
        organization_id=organization_id,
        role="executive",
        starts_at__lte=moment,
    )
    grants = EngagementGrant.objects.filter(
        organization_id=organization_id, revoked_at=None, valid_from__lte=moment, valid_until__gt=moment
    ).exclude(content_object__state=State.CLOSED)
    wanted = Q(person_id__in=executives.values("person_id")) | Q(pk__in=grants.values("user_id"))
    return list(Account.objects.filter(wanted, is_active=True).order_by("pk"))


def letter(organization: Organization, data: dict[str, Any]) -> Letter:
    """The checkpoint that the notice was made with."""
    note = services.checkpoint(organization.pk, data["size"])
    alarms = ledger.standing(organization.pk).alarms
    warning = f"An alarm is open over this history: {alarms[0]}\n\n" if alarms else ""
    return Letter(
        f"Signed checkpoint of {organization.name}: {data['size']} events",
        f"{warning}Keep this message. With it anyone can show later whether the history up to here was changed.\n\n"
        f"Events: {data['size']}\nRoot (SHA-256): {data['root']}\n\n{note}",
    )


RULE = Rule(KEY, recipients, letter)
