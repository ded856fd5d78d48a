"""Checks a package offline; exit 0 when all of it holds, 1 when something was altered, 2 when it can't be read."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from portal.packages import verification


class Command(BaseCommand):
    help = "Checks a package and the proof beside it, without database or network, as verify.py does and deeper."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="the PDF, or a folder with its files")
        parser.add_argument("--json", action="store_true", dest="as_json")
        parser.add_argument(
            "--key", action="append", default=[], help="the ledger's public key, its file or fingerprint, got elsewhere"
        )
        parser.add_argument(
            "--earlier", action="append", default=[], type=Path, help="an earlier package or checkpoint that you kept"
        )
        parser.add_argument("--partial", action="store_true", help="accept that the proof is not beside the file")

    def handle(self, *args: Any, **options: Any) -> None:
        package = verification.verify(
            options["file"], keys=options["key"], earlier=options["earlier"], partial=options["partial"]
        )
        shown = json.dumps(package.plain(), ensure_ascii=False, indent=1) if options["as_json"] else package.told()
        self.stdout.write(shown)
        if package.verdict:
            sys.exit(package.verdict)
