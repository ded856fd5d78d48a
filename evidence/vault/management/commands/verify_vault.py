"""manage.py verify_vault: read, decrypt and hash every stored file; exit 0 intact, 1 damaged, 2 not readable."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from evidence.organizations.models import Organization
from evidence.vault.checking import verify_all
from evidence.vault.services import readable


class Command(BaseCommand):
    help = "Reads, decrypts and hashes every stored file. Exit 0: all intact; 1: damaged ones; 2: some can't be read."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--organization", default="", metavar="SLUG", help="only this organization")
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        slug = options["organization"]
        if slug and not Organization.objects.filter(slug=slug).exists():
            raise CommandError(f"There is no organization “{slug}”.", returncode=2)
        report = verify_all(slug=slug)
        if options["json"]:
            facts = {
                "blobs": report.blobs,
                "erased": report.erased,
                "intact": report.intact,
                "bytes": report.plain_bytes,
                "damaged": report.damaged,
                "unread": report.unread,
            }
            self.stdout.write(json.dumps(facts, indent=2))
        else:
            for line in report.damaged:
                self.stdout.write(f"DAMAGED  {line}")
            for line in report.unread:
                self.stdout.write(f"UNREAD   {line}")
            self.stdout.write(
                f"{report.intact} of {report.blobs} stored files are intact ({readable(report.plain_bytes)} read)."
            )
            if report.erased:
                self.stdout.write(f"{report.erased} more were erased: their keys are destroyed on purpose.")
        if report.exit_code:
            sys.exit(report.exit_code)
