from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import ProgrammingError, transaction
from django.urls import reverse

from evidence import tenancy
from evidence.errors import DutyConflict, Invalid
from evidence.organizations.models import Organization
from portal.accounts import roles, services

OWNER = "owner"


class Command(BaseCommand):
    help = (
        "Invites a person to a role where the organization has not two administrators to give it, and prints the link."
        " It works through the owner's login and stands in the organization's history as the operator's act."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="the organization's name in addresses")
        parser.add_argument("--email", required=True, help="of the person; an account they have already is used")
        parser.add_argument("--name", required=True)
        parser.add_argument("--role", required=True, choices=list(roles.ROLES))
        parser.add_argument("--department", default="")
        parser.add_argument("--reason", required=True, help="why no two administrators gave it; the history keeps it")

    def handle(self, *args: Any, **options: Any) -> None:
        organization = Organization.objects.filter(slug=options["slug"]).first()
        if organization is None:
            raise CommandError(f"There is no organization “{options['slug']}”.")
        if len(options["reason"].split()) < 3:
            raise CommandError("Say in a few words why: at least three of them.")
        given = {name: options[name] for name in ("email", "name", "role", "department", "reason")}
        try:
            with (
                transaction.atomic(using=OWNER),
                tenancy.acting_as_operator(),
                tenancy.entered(organization.pk, system=True),
            ):
                issued = services.invite_as_operator(organization.pk, **given)
        except Invalid as refusal:
            lines = [f"{field}: {' '.join(words)}" for field, words in refusal.fields.items()]
            raise CommandError("\n".join([refusal.message, *lines])) from refusal
        except ProgrammingError as error:
            raise CommandError(
                "The owner's login of the database is needed: set DATABASE_OWNER_URL for this command."
            ) from error
        except DutyConflict as refusal:
            raise CommandError(f"{refusal.message} {refusal.help or ''}".strip()) from refusal
        link = settings.CLEARHOLD_BASE_URL + reverse("accounts:invitation", args=[options["slug"], issued.secret])
        word = roles.ROLES[options["role"]].word
        self.stdout.write(f"{word}. Within {services.INVITATION_DAYS} days, the person opens:\n{link}")
