"""Checks a package offline; exit 0 when all of it holds, 1 when something was altered, 2 when it can't be read."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from portal.packages import verification


class Command(BaseCommand):
    help = "Checks a package and the proof beside it, without database or network."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--json", action="store_true", dest="as_json")
        parser.add_argument("--key", default="", help="the ledger's public key, got by another way than this file")
        parser.add_argument("--partial", action="store_true", help="accept that the proof is not beside the file")

    def handle(self, *args: Any, **options: Any) -> None:
        report = verification.verify(options["file"], key=options["key"], partial=options["partial"])
        if options["as_json"]:
            self.stdout.write(json.dumps(report.plain(), ensure_ascii=False, indent=1))
        else:
            for check in report.checks:
                mark = {0: "holds", 1: "ALTERED", 2: "unread"}[int(check.verdict)]
                self.stdout.write(f"{mark:8} {check.name:12} {check.words}")
            for words in report.uncovered:
                self.stdout.write(f"{'note':8} {'':12} {words}")
            self.stdout.write(_sentence(report))
        if report.verdict:
            sys.exit(int(report.verdict))


def _sentence(report: verification.Report) -> str:
    wrong = report.first_wrong
    if wrong is None:
        return f"{report.package}, issue {report.issue}: all of it holds. SHA-256 {report.sha256}"
    start = {1: "Something was altered", 2: "It cannot be checked in full"}[int(report.verdict)]
    first = next(check for check in report.checks if check.verdict == report.verdict)
    return f"{start}; the first thing: {first.words}"
