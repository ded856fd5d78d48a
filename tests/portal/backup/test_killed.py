"""kill -9 at each step of a backup and of a restore: what is whole stays whole, and nothing half is taken for it."""

import signal
import subprocess
import sys
import threading
import time

import pytest

from portal.backup import drill
from portal.backup.drill import Drill, surroundings
from portal.backup.places import COMPLETE, Folder
from portal.embedded import servers

pytestmark = [pytest.mark.faults, pytest.mark.slow]
PATIENCE_SECONDS = 600


@pytest.fixture(scope="module")
def here():
    with drill.place() as root:
        found = Drill(root)
        servers.ensure(found.source)
        servers.ensure(found.target)
        found.manage(found.source, "migrate", "--verbosity", "0")
        found.exercise("seed", "25")
        found.manage(found.source, "backup", found.backups, "--keys", found.keys)
        found.exercise("add", "25", "50")
        yield found
        servers.release(found.source)
        servers.release(found.target)


def start(here, var, *words) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "manage.py", *map(str, words)], cwd=drill.ROOT, env=surroundings(var),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1,
    )  # fmt: skip


def kill_when(process: subprocess.Popen, seen) -> None:
    """End it without mercy as soon as something can be seen; a process that was quicker has simply ended."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    try:
        while process.poll() is None and not seen():
            assert time.monotonic() < deadline, "the moment never came"
            # It shares the processor with the one it watches.
            time.sleep(0.001)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE_SECONDS)


def one_more(here, pattern: str):
    """Something new that matches."""
    before = set(here.backups.glob(pattern))
    return lambda: bool(set(here.backups.glob(pattern)) - before)


@pytest.mark.parametrize(
    "moment",
    [
        "sets/*",
        "sets/*/signer/*.json",
        "sets/*/database/accounts_account.gz",
        "sets/*/database/ledger_event.gz",
        "sets/*/database/vault_blob.gz",
        "sets/*/files.wanted.gz",
        "incoming/*",
        "files/*/*/*",
        "sets/*/files.jsonl.gz",
        "sets/*/public/*",
        "sets/*/manifest.json",
        "sets/*/COMPLETE",
    ],
    ids=lambda moment: moment.rpartition("/")[2].replace("*", "any") + "-" + str(moment.count("/")),
)
def test_a_killed_backup_is_never_taken_for_a_whole_one(here, moment):
    folder = Folder(here.backups)
    before = {each.name: each.manifest() for each in folder.whole()}
    process = start(here, here.source, "backup", here.backups)
    with process.stdout:
        kill_when(process, one_more(here, moment))
    for each in folder.whole():
        assert each.manifest()["tables"], "a set that has its mark can be read"
        assert before.get(each.name, each.manifest()) == each.manifest()
    assert set(before) <= {each.name for each in folder.whole()}
    here.manage(here.source, "backup", here.backups)
    assert all((each.folder / COMPLETE).exists() for each in folder.sets())
    assert list(folder.incoming.iterdir()) == []


def restore_until(here, seen) -> None:
    """Restore, and be killed when `seen`, which is given the lines that were printed so far."""
    process = start(here, here.target, "restore", here.backups, "--keys", here.keys)
    lines: list[str] = []
    reading = threading.Thread(target=lambda: lines.extend(iter(process.stdout.readline, "")), daemon=True)
    with process.stdout:
        reading.start()
        kill_when(process, lambda: seen(lines))
        reading.join(PATIENCE_SECONDS)


def test_after_all_of_it_the_newest_set_is_restored_whole(here):
    """A restore is killed at five moments and given again each time; what stands in the end is compared."""
    here.manage(here.source, "backup", here.backups, "--keys", here.keys)
    blobs, signer = here.target / "blobs", here.target / "signer"
    moments = [
        (lambda lines: (here.target / "keys" / "vault-current").exists()),
        (lambda lines: sum(path.is_file() for path in blobs.rglob("*")) > 10),
        (lambda lines: any(signer.glob("*.json"))),
        (lambda lines: any("database: 10 of" in line for line in lines)),
        (lambda lines: any("database: 40 of" in line for line in lines)),
    ]
    for seen in moments:
        restore_until(here, seen)
        if here.exercise("count", var=here.target) != "0":
            break  # it was past its one commit already, so there is nothing to give again
    again = ("restore", here.backups, "--report", here.report)
    is_in = here.exercise("count", var=here.target) != "0"
    here.manage(here.target, *again, *(("--check",) if is_in else ("--keys", here.keys)))
    history = Folder(here.backups).chosen().manifest()["organizations"][0]
    size = history["ledger"]["size"]
    assert here.heads(here.target, history["id"], size) == here.heads(here.source, history["id"], size)
