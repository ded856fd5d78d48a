"""The one e-mail this app sends: an invitation's link. It carries no content of the organization."""

from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.urls import reverse

from portal.accounts.services import INVITATION_DAYS, Issued


def send_invitation(issued: Issued, *, organization: Any) -> None:
    """Mail the link after the transaction commits. The secret is nowhere else."""
    address = settings.CLEARHOLD_BASE_URL + reverse("accounts:invitation", args=[organization.slug, issued.secret])
    text = (
        f"You were invited to {organization.name} on Clearhold.\n\n"
        f"Open this link within {INVITATION_DAYS} days to accept:\n{address}\n\n"
        "If you did not expect it, ignore this message; nothing happens without you.\n"
    )
    transaction.on_commit(
        lambda: send_mail(f"Invitation to {organization.name}", text, settings.DEFAULT_FROM_EMAIL, [issued.row.email])  # type: ignore[union-attr]
    )
