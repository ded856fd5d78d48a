from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from evidence.errors import Invalid
from portal.accounts import services


class Command(BaseCommand):
    help = "Creates an organization and prints the link by which its first administrator joins."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("slug", help="its name in addresses, for instance lumenroll")
        parser.add_argument("--name", required=True)
        parser.add_argument("--timezone", default="UTC", help="IANA name; periods and due dates are counted in it")
        parser.add_argument("--admin-email", required=True)
        parser.add_argument("--admin-name", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            issued = services.found_organization(
                slug=options["slug"],
                name=options["name"],
                timezone=options["timezone"],
                admin_email=options["admin_email"],
                admin_name=options["admin_name"],
            )
        except Invalid as refusal:
            lines = [f"{field}: {' '.join(words)}" for field, words in refusal.fields.items()]
            raise CommandError("\n".join([refusal.message, *lines])) from refusal
        link = settings.CLEARHOLD_BASE_URL + reverse("accounts:invitation", args=[options["slug"], issued.secret])
        self.stdout.write(f"{options['name']} was created. Within {services.INVITATION_DAYS} days, open:\n{link}")
