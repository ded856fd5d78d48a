"""The letters of this app: an invitation's link, and what changed about signing in. None carries content."""

from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.urls import reverse

from evidence import clock
from portal.accounts.models import Account
from portal.accounts.services import INVITATION_DAYS, Issued


def send_invitation(issued: Issued, *, organization: Any) -> None:
    """Mail the link after the transaction commits. The secret is nowhere else."""
    address = settings.CLEARHOLD_BASE_URL + reverse("accounts:invitation", args=[organization.slug, issued.secret])
    text = (
        f"You were invited to {organization.name} on Clearhold.\n\n"
        f"Open this link within {INVITATION_DAYS} days to accept:\n{address}\n\n"
        "If you did not expect it, ignore this message; nothing happens without you.\n"
    )
    _post(f"Invitation to {organization.name}", text, issued.row.email)  # type: ignore[union-attr]


def tell_of_change(account: Account, what: str) -> None:
    """Tell the owner of an account that something about their signing in changed, whoever did it."""
    page = settings.CLEARHOLD_BASE_URL + reverse("security:home")
    text = (
        f"{what}\n\nWhen: {clock.now():%d %b %Y, %H:%M} UTC\n\n"
        f"If it was you, there is nothing to do. If not, end your other sessions at once and tell an administrator:\n{page}\n"
    )
    _post("Your sign-in to Clearhold changed", text, account.email)


def _post(subject: str, text: str, to: str) -> None:
    # After the commit: nobody is told of what was rolled back.
    transaction.on_commit(lambda: send_mail(subject, text, settings.DEFAULT_FROM_EMAIL, [to]))
