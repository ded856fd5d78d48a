"""`manage.py remove_sample`: takes the sample organization away, with its people, files and history."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError

from evidence.errors import Refused
from portal.sample import remove


class Command(BaseCommand):
    help = "Removes the sample organization with all that is in it. Real organizations can't be removed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--yes", action="store_true", help="don't ask")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = remove.find()
            if not options["yes"] and not self._confirmed(found.name):
                self.stdout.write("Nothing was removed.")
                return
            gone = remove.remove()
        except Refused as refusal:
            raise CommandError(refusal.message) from refusal
        except OperationalError as error:
            raise CommandError(f"Nothing was removed, for the tables are in use: {error}Try again.") from error
        self.stdout.write(f"Removed {found.name}: {gone.rows} rows, {gone.people} people, {gone.files} files.")
        if gone.kept_people:
            self.stdout.write(f"{gone.kept_people} people stay, for they belong to other organizations, too.")

    def _confirmed(self, name: str) -> bool:
        asked = f"Remove {name} with its people, files and history? Nothing brings it back. [y/N] "
        return input(asked).strip().lower() in ("y", "yes")
