from typing import Any

from django.core.management.commands import migrate


class Command(migrate.Command):
    """Django's migrate, always as the owner of the tables: the app's role may not create any."""

    def add_arguments(self, parser: Any) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database="owner")
