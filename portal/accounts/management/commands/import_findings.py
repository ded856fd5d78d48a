"""Import findings from a file on the command line, as a person of the organization."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from evidence import tenancy
from evidence.actors import Actor
from evidence.errors import Refused
from evidence.organizations.models import Organization
from portal.accounts.models import Account
from remediation.importers import services
from remediation.importers.services import Counts, RowsInError


class Command(BaseCommand):
    help = "Imports findings from a file, all of them or none. Exit code 1 when the file or a row is refused."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--organization", required=True, metavar="SLUG")
        parser.add_argument("--as", dest="email", required=True, metavar="EMAIL", help="who imports")
        parser.add_argument("--format", metavar="NAME", help="instead of finding it by content")
        parser.add_argument("--map", action="append", default=[], metavar="COLUMN=FIELD", help="for tables; repeatable")
        parser.add_argument("--dates", choices=("day", "month"), default="", help="which comes first in 03/04/2026")
        parser.add_argument("--dry-run", action="store_true", help="say what would happen; save nothing")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        counts, failure = Counts(), ""
        try:
            counts = self._run(options)
        except RowsInError as refusal:
            counts, failure = refusal.counts, refusal.message
        except Refused as refusal:
            failure = f"{refusal.message} {refusal.help or ''}".strip()
        if options["json"]:
            answer = counts.as_json()
            if failure and not counts.errors:
                answer["errors"] = [{"row": None, "message": failure}]
            if failure:
                answer.update(
                    dict.fromkeys(("created", "updated", "reopened", "unchanged", "merged", "proposed_fixed"), 0)
                )
            self.stdout.write(json.dumps(answer, ensure_ascii=False))
        if failure or counts.errors:
            if not options["json"]:
                for error in counts.errors[:20]:
                    self.stderr.write(error.message)
                if not counts.errors:
                    self.stderr.write(failure)
                self.stderr.write("Nothing was saved.")
            raise SystemExit(1)
        if not options["json"]:
            self._tell(counts, dry=options["dry_run"])

    def _run(self, options: dict[str, Any]) -> Counts:
        path: Path = options["file"]
        mapping = dict(_pair(text) for text in options["map"])
        organization = Organization.objects.filter(slug=options["organization"]).first()
        account = (
            Account.objects.filter(email__iexact=options["email"], is_active=True).select_related("person").first()
        )
        if organization is None:
            raise CommandError(f"There is no organization “{options['organization']}”.")
        if account is None:
            raise CommandError(f"There is no active account “{options['email']}”.")
        try:
            file = path.open("rb")
        except OSError as error:
            raise CommandError(f"{path} can't be read: {error.strerror}.") from error
        with file, transaction.atomic(), tenancy.entered(organization.pk, account.person_id):
            actor = Actor(
                organization_id=organization.pk, account_id=account.pk, person_id=account.person_id, via="job",
                name=account.person.name, rights=account,
            )  # fmt: skip
            choices = {
                "actor": actor,
                "name": path.name,
                "format": options["format"],
                "mapping": mapping,
                "date_order": options["dates"],
            }
            if options["dry_run"]:
                return services.preview(file, limit=0, **choices).counts
            return services.run_import(file, **choices)[1]

    def _tell(self, counts: Counts, *, dry: bool) -> None:
        done = counts.as_json()
        said = (
            ", ".join(
                f"{done[name]:,} {name}"
                for name in ("created", "updated", "reopened", "unchanged", "merged")
                if done[name]
            )
            or "nothing to do"
        )
        self.stdout.write(f"{counts.format}: {counts.rows:,} results; {'would be ' if dry else ''}{said}.")
        for reason, count in done["ignored"].items():
            self.stdout.write(f"  ignored, {reason}: {count:,}")
        if counts.proposed_fixed:
            self.stdout.write(f"  {counts.proposed_fixed:,} that this file no longer shows are proposed as fixed.")


def _pair(text: str) -> tuple[str, str]:
    column, equals, field = text.rpartition("=")
    if not equals:
        raise CommandError(f"--map takes COLUMN=FIELD, not “{text}”.")
    return column, field
