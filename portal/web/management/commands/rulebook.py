"""Prints the rulebook as docs/rulebook.md has it: `manage.py rulebook > docs/rulebook.md`."""

from typing import Any

from django.core.management.base import BaseCommand

from remediation.sod import printing


class Command(BaseCommand):
    help = "Prints every numbered rule as a page in Markdown."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(printing.document(), ending="")
