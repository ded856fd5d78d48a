from typing import Any

from django.core.management.base import BaseCommand

from portal.sample import cast, load


class Command(BaseCommand):
    help = "Makes the sample organization on first start, and prints how to sign in and where its package lies."

    def handle(self, *args: Any, **options: Any) -> None:
        # `make run` keeps what goes to stdout and shows it at every start; progress is for the first one alone.
        if not load.exists():
            self.progress("Making the sample organization:")
        path = load.load(self.progress)
        self.stdout.write("\nSign in with the password " + cast.password() + " as")
        for role, name, email in cast.sign_ins():
            self.stdout.write(f"  {email:24} {name}, {role}")
        self.stdout.write(f"\nThe package an auditor reads: {path}\n")

    def progress(self, line: str) -> None:
        self.stderr.write(line, style_func=str)
