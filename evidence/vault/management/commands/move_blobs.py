"""manage.py move_blobs --to NAME: copy stored files to another store, check each copy, then ask for it there."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from evidence.actors import Actor
from evidence.errors import Refused
from evidence.organizations.models import Organization
from evidence.vault import moving
from evidence.vault.checking import entering
from evidence.vault.services import readable


class Command(BaseCommand):
    help = "Moves stored files to another store; may be stopped and started again. Exit 0: all moved; 1: damaged ones stay."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--to", required=True, metavar="NAME", help="local or s3")
        parser.add_argument("--organization", default="", metavar="SLUG", help="only this organization")

    def handle(self, *args: Any, **options: Any) -> None:
        slug, damaged = options["organization"], 0
        organizations = Organization.objects.filter(**({"slug": slug} if slug else {})).order_by("slug")
        if slug and not organizations:
            raise CommandError(f"There is no organization “{slug}”.", returncode=2)
        try:
            moving.target(options["to"])
            for organization in organizations:
                damaged += self._move(organization, options["to"])
        except Refused as refusal:
            raise CommandError(f"{refusal.message} What was moved until then is moved.", returncode=2) from refusal
        if damaged:
            sys.exit(1)

    def _move(self, organization: Organization, to: str) -> int:
        actor = Actor.system(organization.pk, "move_blobs")
        moved = moving.move_all(to, actor=actor, inside=entering(organization.pk), watch=lambda *given: None)
        self.stdout.write(f"{organization.slug}: {moved.files} files ({readable(moved.bytes)}) moved to {to}.")
        if moved.kept_old:
            self.stdout.write(f"{organization.slug}: {moved.kept_old} also stay in the old store, which locks them.")
        for blob_id in moved.damaged:
            self.stdout.write(f"DAMAGED  {organization.slug}: blob {blob_id} stays where it is.")
        return len(moved.damaged)
