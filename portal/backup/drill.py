"""`make backup-drill`: a backup is made, restored into an empty place of its own, and compared; exit 0 when all agrees.

Without arguments it founds a small installation in a temporary folder and backs it up twice while somebody keeps
writing. With `--from DIR --keys KEYDIR` it restores that backup instead. It never touches the installation in var/.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from portal.embedded import servers

ROOT = servers.PROJECT
SEEDED = 60
#: How many pieces of evidence the writer adds before the backup begins, so that it is surely at work.
UNDER_WAY = 5
PATIENCE_SECONDS = 600.0
#: Addresses and places of a real installation, which a drill must not meet.
FOREIGN = ("DATABASE_", "REDIS_URL", "CLEARHOLD_", "DJANGO_SETTINGS_MODULE", "SECRET_KEY", "ALLOWED_HOSTS")


class Failed(RuntimeError):
    """A step did not end as it should; the message is what it said."""


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="make backup-drill", description=__doc__)
    parser.add_argument("--from", dest="source", type=Path, help="a folder of backups to restore, instead of a new one")
    parser.add_argument("--keys", type=Path, help="where its keys were kept apart")
    parser.add_argument("--report", type=Path, help="keep the restore report there (.md, and .json beside it)")
    chosen = parser.parse_args(words)
    if bool(chosen.source) != bool(chosen.keys):
        parser.error("--from and --keys belong together")
    with place() as root:
        try:
            faults = Drill(root, chosen.report).run(chosen.source, chosen.keys)
        except (Failed, servers.ServersFailed) as failure:
            say(f"FAILED  {failure}")
            return 1
    for fault in faults:
        say(f"WRONG   {fault}")
    say("The drill holds: what was restored is what was backed up." if not faults else "The drill does not hold.")
    return 1 if faults else 0


@contextlib.contextmanager
def place() -> Iterator[Path]:
    """A temporary folder whose servers are stopped and whose files are gone afterwards, whatever happened."""
    root = Path(tempfile.mkdtemp(prefix="clearhold-drill-"))
    root.chmod(0o755)
    try:
        yield root
    finally:
        for var in (root / "source", root / "target"):
            servers.stop(var)
        shutil.rmtree(root, ignore_errors=True)


class Drill:
    """One drill in one folder."""

    def __init__(self, root: Path, report: Path | None = None) -> None:
        self.root, self.report = root, report or root / "report.md"
        self.source, self.target = root / "source", root / "target"
        self.backups, self.keys, self.log = root / "backups", root / "apart", root / "acknowledged.jsonl"

    def run(self, source: Path | None, keys: Path | None) -> list[str]:
        """What does not agree."""
        if source is not None and keys is not None:
            self._restore(source.resolve(), keys.resolve())
            return []
        with servers.serving(self.source):
            acknowledged = self._back_up_under_load()
            with servers.serving(self.target):
                kept = ("--record-as", "maya@drill.example", "--organization", "drill", "--control", "AC-01")
                self._restore(self.backups, self.keys, *kept)
                return self._compare(acknowledged)

    def _back_up_under_load(self) -> list[dict[str, str]]:
        self.manage(self.source, "migrate", "--verbosity", "0")
        self.exercise("seed", str(SEEDED))
        say(f"Founded an installation with {SEEDED} pieces of evidence in {self.source}.")
        with self._running("manage.py", "sequencer"), self._running("-m", "portal.backup.exercise", "write", self.log):
            self._wait_for_writer(UNDER_WAY)
            self.manage(self.source, "backup", self.backups, "--keys", self.keys)
            acknowledged = self._acknowledged()
            self._wait_for_writer(len(acknowledged) + UNDER_WAY)
            acknowledged = self._acknowledged()
            self.manage(self.source, "backup", self.backups, "--keys", self.keys)
        self.manage(self.source, "verify_ledger")
        say(
            f"{len(self._acknowledged())} pieces were written meanwhile, {len(acknowledged)} of them before the second set."
        )
        return acknowledged

    def _restore(self, backups: Path, keys: Path, *more: str) -> None:
        began = time.monotonic()
        self.manage(self.target, "restore", backups, "--keys", keys, "--report", self.report, *more)
        self.manage(self.target, "verify_vault")
        say(f"Restored and proven in {time.monotonic() - began:.0f} s.")

    def _compare(self, acknowledged: list[dict[str, str]]) -> list[str]:
        told = json.loads(self.report.with_suffix(".json").read_text())
        faults = list(told["faults"])
        for organization in told["organizations"]:
            history = organization["ledger"]
            here = self.heads(self.target, organization["id"], history["size"])
            there = self.heads(self.source, organization["id"], history["size"])
            if not here["root"] == there["root"] == history["root"]:
                faults.append(f"{organization['slug']}: the roots at {history['size']} events differ")
            lost = [each["ref"] for each in acknowledged if here["versions"].get(each["ref"]) != each["sha256"]]
            if lost:
                faults.append(f"{len(lost)} acknowledged files are not there with their hash: {', '.join(lost[:5])}")
            own = {ref: sha256 for ref, sha256 in here["versions"].items() if there["versions"].get(ref) != sha256}
            if len(own) != 2:
                faults.append(f"{len(own)} pieces differ from the source, and only the two reports should")
            say(
                f"{organization['slug']}: root {history['root'][:16]}… at {history['size']} events, the same in both places;"
            )
            say(f"  {len(acknowledged)} acknowledged files and {len(here['versions'])} in all compared by SHA-256.")
        return faults

    def heads(self, var: Path, organization: str, size: int) -> dict[str, dict[str, str]]:
        told: dict[str, dict[str, str]] = json.loads(self.exercise("heads", organization, str(size), var=var))
        return told

    def _acknowledged(self) -> list[dict[str, str]]:
        if not self.log.exists():
            return []
        text = self.log.read_text()
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    def _wait_for_writer(self, count: int) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(self._acknowledged()) < count:
            if time.monotonic() > deadline:
                raise Failed("nobody managed to write")
            time.sleep(0.05)

    @contextlib.contextmanager
    def _running(self, *words: str | Path) -> Iterator[None]:
        process = subprocess.Popen(
            [sys.executable, *map(str, words)], cwd=ROOT, env=surroundings(self.source), stdin=subprocess.DEVNULL
        )
        try:
            yield
            if process.poll() is not None:
                raise Failed(f"{words[-2]} {words[-1]} ended by itself")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE_SECONDS)

    def manage(self, var: Path, *words: str | Path) -> str:
        return run(["manage.py", *words], var, tell=words[0] != "migrate")

    def exercise(self, *words: str | Path, var: Path | None = None) -> str:
        return run(["-m", "portal.backup.exercise", *words], var or self.source, tell=False)


def run(words: list[str | Path], var: Path, *, tell: bool) -> str:
    """One command against the installation in `var`, to its end; what it printed. Raises Failed."""
    if tell:
        say(f"$ {' '.join(map(str, words))}")
    done = subprocess.run(
        [sys.executable, *map(str, words)], cwd=ROOT, env=surroundings(var), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False,
    )  # fmt: skip
    if tell:
        say("".join(f"  {line}\n" for line in done.stdout.splitlines()).rstrip())
    if done.returncode != 0:
        raise Failed(
            f"{' '.join(map(str, words))} ended with {done.returncode}: {(done.stderr or done.stdout)[-2000:]}"
        )
    return done.stdout


def surroundings(var: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    return kept | {"CLEARHOLD_VAR": str(var), "PYTHONUNBUFFERED": "1"}


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
