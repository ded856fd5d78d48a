"""The letter that brings a link to its recipient. It names who sends it and nothing of the package's content."""

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction

from portal.packages.links.services import Made


def send(made: Made, *, address: str, sender: str, organization: str) -> None:
    """Mail the link after the transaction commits. A passphrase never goes with it."""
    row = made.row
    phrase = "\nIt asks for a passphrase, which you get by another way.\n" if made.passphrase else ""
    text = (
        f"{sender} of {organization} gives you an evidence package.\n\n"
        f"Open this link until {row.ends_at:%d %b %Y, %H:%M} UTC to read what it is and to download it:\n{address}\n"
        f"{phrase}\nThe page also shows how to check, without an account, that nothing in the package was changed.\n"
        "Each opening and download is recorded. If you did not expect this message, ignore it.\n"
    )
    subject = f"Evidence package from {organization}".replace("\n", " ")
    transaction.on_commit(lambda: send_mail(subject, text, settings.DEFAULT_FROM_EMAIL, [row.email]))
