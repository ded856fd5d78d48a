"""`manage.py vendor --check`: every shipped third-party file is listed, unchanged and credited."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.web import vendoring


class Command(BaseCommand):
    help = "Check the third-party files of the pages against vendor.toml, or write NOTICE from it."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--check", action="store_true", help="compare hashes; exit 1 when something differs")
        what.add_argument("--notice", action="store_true", help="write NOTICE")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["notice"]:
            vendoring.NOTICE.write_text(vendoring.notice())
            self.stdout.write(f"wrote {vendoring.NOTICE.name}")
            return
        faults = vendoring.faults()
        if faults:
            raise CommandError("\n".join(faults))
        packages = vendoring.read()
        self.stdout.write(
            f"{len(packages)} packages, {sum(len(one.files) for one in packages)} files, all as published"
        )
