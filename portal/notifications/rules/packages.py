"""What people are told about packages: that one was sealed, released to them, or not made. A link and the PDF's SHA-256.

The notice names its people; nothing of what a package says goes into a letter.
"""

from typing import Any
from uuid import UUID

from django.conf import settings

from evidence.organizations.models import Organization
from portal.accounts.models import Account
from portal.notifications.rules import Letter, Rule

KEY = "packages"
WORDS: dict[str, tuple[str, str]] = {
    "sealed": (
        "Package sealed",
        "It was approved and sealed. From its page you release it to the auditors, or give it to somebody by a link.",
    ),
    "released": (
        "A package was released to you",
        "It is sealed and waits on your page of the engagement. The page shows how to check it.",
    ),
    "failed": ("A package was not made", "Its job ended without it. The page says why, what stands, and what to do."),
}
#: What a later release of the portal told and this one does not know.
NEWS = ("News of a package", "The page says what happened.")


def letter(organization: Organization, data: dict[str, Any]) -> Letter:
    """The number of the package and its issue, where it is, and what its file must hash to once there is one."""
    title, text = WORDS.get(data["what"], NEWS)
    where = f"{settings.CLEARHOLD_BASE_URL}/o/{organization.slug}/{data['path']}"
    proof = f"\nSHA-256 of the PDF:\n{data['sha256']}\n" if data.get("sha256") else ""
    return Letter(f"{title}: {data['ref']} ({organization.name})", f"{text}\n\n{where}\n{proof}")


def nobody(organization_id: UUID) -> list[Account]:
    """A notice of this rule names its people itself."""
    return []


RULE = Rule(KEY, nobody, letter)
