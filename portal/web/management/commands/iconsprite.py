"""`manage.py iconsprite`: write the sprite with the glyphs in use; `--check` only compares."""

import difflib
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.web import iconsprite


class Command(BaseCommand):
    help = "Write portal/static/icons.svg from the icons that templates, scripts and vocabularies name."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="exit 1 when an icon in use is not in the sprite")
        parser.add_argument("--prune", action="store_true", help="drop glyphs that nothing names any more")

    def handle(self, *args: Any, **options: Any) -> None:
        wanted, have = iconsprite.used(), iconsprite.in_sprite()
        known = iconsprite.glyphs()
        for name in sorted(wanted - set(known)):
            near = ", ".join(difflib.get_close_matches(name, known, 5)) or "none"
            raise CommandError(f"Lucide has no icon named {name}; near it: {near}")
        if options["check"]:
            missing = wanted - have
            if missing:
                raise CommandError(f"not in the sprite, run manage.py iconsprite: {', '.join(sorted(missing))}")
            self.stdout.write(f"{len(wanted)} icons in use, all in the sprite")
            return
        names = wanted if options["prune"] else wanted | have
        iconsprite.SPRITE.write_text(iconsprite.build(names))
        self.stdout.write(f"{len(names)} icons, {iconsprite.SPRITE.stat().st_size:,} bytes")
