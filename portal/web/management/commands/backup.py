"""Write a backup: exit 0 when it is whole, 1 when the vault had lost files, 2 when none was made."""

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from evidence.errors import Refused
from evidence.vault.services import readable
from portal.backup import making


class Command(BaseCommand):
    help = (
        "Adds a set to a folder of backups: the rows of one moment, the stored files that it does not hold yet, the "
        "signer's memory. Exit 0: whole; 1: whole but for files that the vault has lost; 2: not made."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, metavar="DIR")
        parser.add_argument("--keys", type=Path, metavar="KEYDIR", help="copy the keys there too, apart from DIR")
        parser.add_argument("--json", action="store_true", help="one JSON object on standard output, nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        say = (lambda text: None) if options["json"] else self._say
        try:
            made = making.make(options["folder"], keys=options["keys"], say=say)
        except Refused as refusal:
            raise CommandError(f"{refusal.message} {refusal.help or ''}".strip(), returncode=2) from refusal
        if options["json"]:
            self.stdout.write(json.dumps(asdict(made), indent=2))
        else:
            self._tell(made)
        sys.exit(made.exit_code)

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def _tell(self, made: making.Made) -> None:
        for name in made.cleared:
            self.stdout.write(f"Removed {name}, which a killed backup had left unfinished.")
        for lost in made.lost:
            self.stdout.write(f"LOST  {lost}")
        self.stdout.write(
            f"Set {made.name} in {made.folder} is whole: {made.rows:,} rows of {made.tables} tables, {made.files:,} files, "
            f"{made.new_files:,} of them new ({readable(made.new_bytes)})."
        )
        if made.lost:
            self.stdout.write(
                f"{len(made.lost)} files are not in it: the vault has lost them. See manage.py verify_vault."
            )
        if made.keys is None:
            self.stdout.write("No key was copied. Keep the keys apart (--keys): without them no file can be opened.")
