"""The keys that sign checkpoints: list the epochs, or hand over to the next one."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from evidence.errors import Refused
from evidence.ledger import keys, rotation
from evidence.organizations.models import Organization


class Command(BaseCommand):
    help = "Lists the signing keys by epoch; --rotate hands over to a new one. Run it as the sequencer's user."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rotate", action="store_true", help="make a new key and let it sign from now on")
        parser.add_argument("--reason", default="", help="why, in a few words; kept in the history")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["rotate"]:
                rotation.rotate(Organization.objects.order_by("slug"), reason=options["reason"])
            self._list()
        except Refused as refusal:
            raise CommandError(f"{refusal.message} {refusal.help or ''}".strip()) from refusal

    def _list(self) -> None:
        found = keys.epochs()
        if not found:
            self.stdout.write("There is no key yet; the sequencer makes the first one.")
        for epoch, public in found:
            state = "signs" if epoch == found[-1][0] else "signed earlier"
            place = "private key here" if keys.may_sign(epoch) else "public key only"
            self.stdout.write(f"epoch {epoch}  {rotation.fingerprint(public)}  {state}, {place}")
