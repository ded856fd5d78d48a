"""The signer's alarms: list them, clear them once the history holds again, or declare a loss."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from evidence import tenancy
from evidence.errors import Refused
from evidence.ledger import recovery
from evidence.ledger.models import Alarm
from evidence.organizations.models import Organization


class Command(BaseCommand):
    help = "Lists open alarms of the signer. docs/history.md says what to do about one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--organization", metavar="SLUG", help="only this one; needed to change anything")
        act = parser.add_mutually_exclusive_group()
        act.add_argument("--clear", action="store_true", help="the history holds again: end the alarm")
        act.add_argument(
            "--declare-loss",
            action="store_true",
            help="sealed events are gone for good: go on under another name, with an event that says so",
        )
        parser.add_argument("--reason", default="", help="why, in a few words; kept in the history")

    def handle(self, *args: Any, **options: Any) -> None:
        found = Organization.objects.order_by("slug")
        if options["organization"]:
            found = found.filter(slug=options["organization"])
        chosen = list(found)
        if options["organization"] and not chosen:
            raise CommandError(f"There is no organization “{options['organization']}”.")
        if not options["clear"] and not options["declare_loss"]:
            self._list(chosen)
            return
        if not options["organization"]:
            raise CommandError("Name one organization: --organization SLUG.")
        try:
            self._act(chosen[0], clear=options["clear"], reason=options["reason"])
        except Refused as refusal:
            raise CommandError(f"{refusal.message} {refusal.help or ''}".strip()) from refusal

    def _act(self, organization: Organization, *, clear: bool, reason: str) -> None:
        if clear:
            recovery.clear(organization, reason=reason)
            self.stdout.write(f"{organization.slug}: the history holds, the alarm is cleared.")
            return
        lost = recovery.declare_loss(organization, reason=reason)
        count = "an unknown number of" if lost.lost is None else lost.lost
        self.stdout.write(
            f"{organization.slug}: {count} sealed events declared lost; {lost.kept} go on as line {lost.line}."
            " Earlier checkpoints stay valid for what they were signed for; tell whoever holds one."
        )

    def _list(self, organizations: list[Organization]) -> None:
        count = 0
        for organization in organizations:
            with transaction.atomic(), tenancy.entered(organization.pk, system=True):
                for alarm in Alarm.objects.filter(organization_id=organization.pk, cleared_at=None):
                    count += 1
                    self.stdout.write(
                        f"{organization.slug}: {alarm.raised_at:%Y-%m-%d %H:%M} UTC {alarm.kind}: {alarm.message}"
                    )
        if not count:
            self.stdout.write("No alarm is open.")
