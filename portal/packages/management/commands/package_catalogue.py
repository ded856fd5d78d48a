"""Writes the template for translators, or compiles their catalogues; what each language still lacks is said."""

import io
from argparse import ArgumentParser
from typing import Any

from babel.messages.pofile import PoFileError, read_po
from django.core.management.base import BaseCommand, CommandError

from portal.packages import catalogue, languages


class Command(BaseCommand):
    help = "Writes locale/django.pot, the messages of packages; with --compile, every locale/LANGUAGE/LC_MESSAGES/django.mo."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="write nothing; fail when the template is out of date")
        parser.add_argument("--compile", action="store_true", help="compile the catalogues of all languages")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["compile"]:
            self._compile()
            return
        text = catalogue.template()
        known = catalogue.TEMPLATE.read_text() if catalogue.TEMPLATE.is_file() else ""
        if options["check"]:
            if text != known:
                raise CommandError("locale/django.pot is out of date: run manage.py package_catalogue.")
            return
        catalogue.TEMPLATE.parent.mkdir(exist_ok=True)
        catalogue.TEMPLATE.write_text(text)
        self.stdout.write(f"{catalogue.TEMPLATE.name}: {text.count('msgid ') - 1} messages")

    def _compile(self) -> None:
        for source in sorted(languages.FOLDER.glob("*/LC_MESSAGES/django.po")):
            locale, text = source.parents[1].name, source.read_bytes()
            try:
                source.with_suffix(".mo").write_bytes(catalogue.compiled(text, locale))
            except (PoFileError, ValueError) as fault:
                raise CommandError(f"{locale}: {fault}") from fault
            messages = [message for message in read_po(io.BytesIO(text), locale=locale) if message.id]
            left = sum(not message.string or message.fuzzy for message in messages)
            self.stdout.write(f"{locale}: {len(messages)} messages, {left} still in English")
