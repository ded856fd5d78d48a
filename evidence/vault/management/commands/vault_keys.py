"""manage.py vault_keys: list, create and turn the keys that wrap the data keys of stored files."""

from argparse import ArgumentParser
from collections import Counter
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from evidence.actors import Actor
from evidence.errors import Refused
from evidence.organizations.models import Organization
from evidence.vault import keys, rotation
from evidence.vault.checking import entering


class Command(BaseCommand):
    help = "Lists the vault's keys; --create makes a new current one; --rewrap moves every file's key under it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--create", action="store_true", help="make a new key and make it the current one")
        parser.add_argument("--rewrap", action="store_true", help="wrap all data keys with the current key")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["create"] and settings.CLEARHOLD_VAULT_KEYRING:
                raise CommandError("Keys are kept by CLEARHOLD_VAULT_KEYRING; make a new one there.", returncode=2)
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
        counts: Counter[str] = Counter()
        for organization in Organization.objects.all():
            with entering(organization.pk)():
                counts.update({one.kek_id: one.files for one in rotation.wrappings()})
        for kek_id in sorted({*ring.known(), *counts}):
            word = "current" if kek_id == ring.current else "here" if kek_id in ring.known() else "MISSING"
            self.stdout.write(f"{kek_id}  {word}  wraps {counts[kek_id]} files")

    def _rewrap(self) -> None:
        count = 0
        for organization in Organization.objects.all():
            actor = Actor.system(organization.pk, "vault_keys")
            count += rotation.rewrap_all(actor=actor, inside=entering(organization.pk), watch=lambda *given: None)
        self.stdout.write(f"{count} data keys were wrapped anew.")
