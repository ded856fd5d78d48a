"""What people are told about decisions: only that something waits and where, never what it says.

The notice names its people; its letter carries a title and a link.
"""

from typing import Any
from uuid import UUID

from django.conf import settings

from evidence.organizations.models import Organization
from portal.accounts.models import Account
from portal.notifications.rules import Letter, Rule

WORDS: dict[str, tuple[str, str]] = {
    "wanted": ("Approval wanted", "A decision waits that you may make."),
    "reminder": (
        "Approval still wanted",
        "Half of the time for a decision has passed, and it waits for somebody like you.",
    ),
    "escalation": ("A decision runs out of time", "Nobody has decided yet, and the request ends soon."),
    "emergency_asked": (
        "Emergency access asked for",
        "Somebody asks for emergency access. A second person activates it.",
    ),
    "emergency_alone": (
        "ALARM: emergency access activated alone",
        "Somebody activated emergency access without a second person. Look at it now.",
    ),
    "emergency_review": ("Emergency access to review", "Emergency access is over. Somebody uninvolved reviews it."),
    "same_passkey": (
        "Two accounts hold one passkey",
        "They may be one person. Somebody who looks after people settles it.",
    ),
    "role_asked": (
        "A role waits for you",
        "An administrator asks that a role be given. It takes a second administrator.",
    ),
    "delegation": ("A colleague asks you to decide in their place", "It holds once you accept."),
}


def letter(organization: Organization, data: dict[str, Any]) -> Letter:
    """Title and link. No content of a request, no name, no reason."""
    title, text = WORDS[data["what"]]
    where = f"{settings.CLEARHOLD_BASE_URL}/o/{organization.slug}/{data['path']}"
    ref = f": {data['ref']}" if data.get("ref") else ""
    return Letter(f"{title}{ref} ({organization.name})", f"{text}\n\n{where}\n")


def nobody(organization_id: UUID) -> list[Account]:
    """A notice of this rule names its people itself."""
    return []


RULE = Rule("deciding", nobody, letter)
