"""manage.py vault_keys: list, create and turn the keys that wrap the data keys of stored files."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from evidence import tenancy
from evidence.actors import Actor
from evidence.errors import Refused
from evidence.organizations.models import Organization
from evidence.vault import keys, services
from evidence.vault.models import Blob


class Command(BaseCommand):
    help = "Lists the vault's keys; --create makes a new current one; --rewrap moves every file's key under it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--create", action="store_true", help="make a new key and make it the current one")
        parser.add_argument("--rewrap", action="store_true", help="wrap all data keys with the current key")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["create"]:
                kek_id = keys.create(Path(settings.CLEARHOLD_KEYS_DIR))
                self.stdout.write(f"Key {kek_id} is made and current. Back it up apart from database and files.")
            if options["rewrap"]:
                self._rewrap()
            self._list()
        except Refused as refusal:
            raise CommandError(refusal.message, returncode=2) from refusal

    def _list(self) -> None:
        ring = keys.keyring()
        counts: dict[str, int] = {}
        for organization in Organization.objects.all():
            with transaction.atomic(), tenancy.entered(organization.pk):
                for kek_id in Blob.objects.values_list("kek_id", flat=True):
                    counts[kek_id] = counts.get(kek_id, 0) + 1
        for kek_id in sorted({*ring.keys, *counts}):
            word = "current" if kek_id == ring.current else "here" if kek_id in ring.keys else "MISSING"
            self.stdout.write(f"{kek_id}  {word}  wraps {counts.get(kek_id, 0)} files")

    def _rewrap(self) -> None:
        count = 0
        for organization in Organization.objects.all():
            actor = Actor.system(organization.pk, "vault_keys")
            with transaction.atomic(), tenancy.entered(organization.pk):
                waiting = list(Blob.objects.exclude(kek_id=keys.keyring().current).values_list("pk", flat=True))
            for blob_id in waiting:
                with transaction.atomic(), tenancy.entered(organization.pk):
                    count += services.rewrap(blob_id, actor=actor)
        self.stdout.write(f"{count} data keys were wrapped anew.")
