"""Verify the history of one organization or of all: exit 0 when it holds, 1 when something is wrong, 2 when unreadable."""

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any, NoReturn

from django.core.management.base import BaseCommand
from django.db import DatabaseError

from evidence.errors import Unavailable
from evidence.ledger.verification import Report, verify
from evidence.organizations.models import Organization


class Command(BaseCommand):
    help = "Recomputes every leaf, tile, root and signature of the history. Exit 0: holds; 1: altered; 2: unreadable."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--organization", metavar="SLUG", help="only this one")
        parser.add_argument("--json", action="store_true", help="one JSON object on standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        organization, as_json = options["organization"], options["json"]
        try:
            found = Organization.objects.order_by("slug")
            chosen = list(found.filter(slug=organization) if organization else found)
            if organization and not chosen:
                self._stop(f"There is no organization “{organization}”.", as_json=as_json)
            reports = [verify(each.pk, each.slug) for each in chosen]
        except (DatabaseError, Unavailable) as fault:
            self._stop(f"The history cannot be read: {fault}", as_json=as_json)
        self._print(reports, as_json=as_json)
        sys.exit(0 if all(report.holds for report in reports) else 1)

    def _print(self, reports: list[Report], *, as_json: bool) -> None:
        if as_json:
            whole = {"holds": all(each.holds for each in reports), "organizations": [_plain(each) for each in reports]}
            self.stdout.write(json.dumps(whole, indent=2))
            return
        for each in reports:
            self.stdout.write(
                f"{each.slug}: {each.sealed} events sealed, {each.waiting} waiting, {each.checkpoints} checkpoints,"
                f" {each.texts} texts"
            )
            self.stdout.write(f"  root {each.root}" if each.holds else f"  WRONG: {each.place}: {each.fault}")

    def _stop(self, message: str, *, as_json: bool) -> NoReturn:
        self.stdout.write(json.dumps({"holds": None, "error": message})) if as_json else self.stderr.write(message)
        sys.exit(2)


def _plain(report: Report) -> dict[str, object]:
    return {**asdict(report), "organization_id": str(report.organization_id), "holds": report.holds}
