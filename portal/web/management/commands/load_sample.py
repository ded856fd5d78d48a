from typing import Any

from django.core.management.base import BaseCommand

from portal.sample import cast, load


class Command(BaseCommand):
    help = "Makes the sample organization on first start, and prints how to sign in, where its package lies, and a buyer's link."

    def handle(self, *args: Any, **options: Any) -> None:
        # `make run` keeps what goes to stdout and shows it at every start; progress is for the first one alone.
        if not load.exists():
            self.progress("Making the sample organization:")
        made = load.load(self.progress)
        self.stdout.write("\nSign in with the password " + cast.password() + " as")
        for role, name, email in cast.sign_ins():
            self.stdout.write(f"  {email:24} {name}, {role}")
        self.stdout.write(f"\nThe package an auditor reads: {made.path}")
        if made.link:
            self.stdout.write(f"What a buyer sees by a link, without an account: {made.link}")
        self.stdout.write("")

    def progress(self, line: str) -> None:
        self.stderr.write(line, style_func=str)
