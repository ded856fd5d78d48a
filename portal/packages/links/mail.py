"""The letter that brings a link to its recipient. It names who sends it and nothing of the package's content."""

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction

from portal.packages.links.services import Made


def send(made: Made, *, address: str, sender: str, organization: str) -> None:
    """Mail the link after the transaction commits. A passphrase never goes with it."""
    row = made.row
    phrase = f"It asks for a passphrase. {sender} gives it to you by another way.\n\n" if made.passphrase else ""
    text = (
        f"Dear {row.recipient}\n\n"
        f"{sender} of {organization} gives you an evidence package: a PDF, and the proof that it was not changed.\n\n"
        f"Read what it is and download it until {row.ends_at:%d %b %Y, %H:%M} UTC:\n\n{address}\n\n"
        f"{phrase}You need no account. The page also shows how to check the package, offline if you like.\n\n"
        f"The link is for you alone, and {organization} sees when it is used. If a colleague needs the package,\n"
        f"ask {sender} for another link. If you did not expect this message, ask before you open it.\n"
    )
    subject = f"Evidence package from {organization}".replace("\n", " ")
    transaction.on_commit(lambda: send_mail(subject, text, settings.DEFAULT_FROM_EMAIL, [row.email]))
