"""Restore a backup into an empty place and prove it: exit 0 when all holds, 1 when a check fails, 2 when not restored."""

import sys
from argparse import ArgumentParser
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from evidence.errors import Refused
from portal.backup import keeping, places, proving, report, restoring


class Command(BaseCommand):
    help = (
        "Restores the newest whole set of a folder into an empty database and store, then proves it: counts, guards, "
        "histories to their signed roots, every file opened and hashed. Exit 0: all holds; 1: restored, but a check "
        "fails; 2: not restored."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, metavar="DIR")
        parser.add_argument("--keys", type=Path, metavar="KEYDIR", help="where the keys were kept apart")
        parser.add_argument("--set", default="", metavar="NAME", help="another set than the newest")
        parser.add_argument(
            "--without-signer",
            action="store_true",
            help="the machine that signed is lost: leave its memory out, and declare the loss (manage.py ledger_alarm)",
        )
        parser.add_argument("--check", action="store_true", help="restore nothing; prove what is there against the set")
        parser.add_argument(
            "--report", type=Path, metavar="FILE", help="write the report there (.md, and .json beside it)"
        )
        parser.add_argument("--record-as", metavar="EMAIL", help="keep the report as evidence, uploaded by this person")
        parser.add_argument("--organization", metavar="SLUG", help="in this organization (with --record-as)")
        parser.add_argument("--control", metavar="REF", help="and link it to this control (with --record-as)")

    def handle(self, *args: Any, **options: Any) -> None:
        if bool(options["record_as"]) != bool(options["organization"]):
            raise CommandError("--record-as and --organization belong together.", returncode=2)
        try:
            act = restoring.prove if options["check"] else self._restore(options)
            restored = act(options["folder"], name=options["set"], say=self._say)
        except Refused as refusal:
            raise CommandError(f"{refusal.message} {refusal.help or ''}".strip(), returncode=2) from refusal
        path = options["report"] or Path(settings.CLEARHOLD_WORK_DIR) / f"restore-{restored.chosen.name}.md"
        self._write(path, restored)
        self._tell(path, restored)
        if options["record_as"]:
            self._keep(restored, options)
        sys.exit(0 if restored.proof.holds else 1)

    def _restore(self, options: dict[str, Any]) -> Any:
        return partial(restoring.restore, keys=options["keys"], with_signer=not options["without_signer"])

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def _write(self, path: Path, restored: restoring.Restored) -> None:
        given = restored.proof, restored.manifest, restored.chosen.name
        places.put(path, report.markdown(*given).encode())
        places.put(path.with_suffix(".json"), proving.as_json(*given).encode())

    def _tell(self, path: Path, restored: restoring.Restored) -> None:
        for check in restored.proof.checks:
            self.stdout.write(f"{'ok   ' if check.holds else 'FAILS'}  {check.subject}: {check.found}")
        for fault in restored.proof.faults:
            self.stdout.write(f"WRONG  {fault}")
        words = "every check holds" if restored.proof.holds else f"{len(restored.proof.faults)} checks do not hold"
        self.stdout.write(f"Set {restored.chosen.name} is restored; {words}. Report: {path}")
        self.stdout.write(
            f"Nobody can know from a backup whether more was signed after {restored.manifest['snapshot_at'][:19]} UTC. Where "
            "it was, end the alarm honestly (manage.py ledger_alarm) before people work here."
        )

    def _keep(self, restored: restoring.Restored, options: dict[str, Any]) -> None:
        try:
            ref = keeping.keep(
                restored, email=options["record_as"], slug=options["organization"], control=options["control"] or ""
            )
        except Refused as refusal:
            message = f"The restore stands, but its report was not kept as evidence: {refusal.message}"
            raise CommandError(message, returncode=1) from refusal
        self.stdout.write(f"The report is kept as {ref}.")
