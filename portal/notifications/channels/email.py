"""Plain text by e-mail. What the server refuses is an error to the caller; nothing is sent twice from here."""

import smtplib

from django.conf import settings
from django.core.mail import send_mail

from portal.notifications.rules import Letter

FAILURES = (smtplib.SMTPException, OSError)


def send(address: str, letter: Letter) -> None:
    """Hand the letter to the mail server. Raises one of FAILURES when it was not taken."""
    send_mail(letter.subject, letter.text, settings.DEFAULT_FROM_EMAIL, [address])
