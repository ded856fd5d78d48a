"""Finds the embedded servers running or starts them, and tells where they are; no Django here.

Whoever uses them holds a shared lock that the kernel drops with the process, however it ends. The keeper, a small
process of its own, starts the servers and stops them when the last lock is gone: so nothing is left behind, and one
command never stops the servers under another.
"""

import atexit
import contextlib
import fcntl
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

DATABASE = "clearhold"
PROJECT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 90.0
LOGINS = ("clearhold_migrator", "clearhold_app", "clearhold_auditor", "clearhold_sequencer")
ADMINISTRATOR = "clearhold_admin"

_held: dict[Path, int] = {}
_started: list[subprocess.Popen[bytes]] = []


class ServersFailed(RuntimeError):
    """The servers did not start; the message says why and where the log is."""


@dataclass(frozen=True)
class Urls:
    """Where the servers are, one address per login role."""

    database_url: str
    database_owner_url: str
    database_auditor_url: str
    database_sequencer_url: str
    database_admin_url: str
    redis_url: str

    def environment(self) -> dict[str, str]:
        return {
            "DATABASE_URL": self.database_url,
            "DATABASE_OWNER_URL": self.database_owner_url,
            "DATABASE_AUDITOR_URL": self.database_auditor_url,
            "DATABASE_SEQUENCER_URL": self.database_sequencer_url,
            "REDIS_URL": self.redis_url,
        }


@dataclass(frozen=True)
class Places:
    """The files and folders under one root (`var`, or `var/test`)."""

    root: Path

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def valkey(self) -> Path:
        return self.root / "valkey"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def log(self) -> Path:
        return self.root / "log"

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def passwords(self) -> Path:
        return self.keys / "embedded.json"

    @property
    def state(self) -> Path:
        return self.run / "servers.json"

    @property
    def groups(self) -> Path:
        """The process groups of `make run`, for the keeper to end when their supervisor could not."""
        return self.keys / "groups.json"

    def make(self) -> None:
        for folder in (self.root, self.run, self.log, self.keys, self.root / "blobs"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o755 if folder == self.root else 0o700)


def ensure(root: Path, *, throwaway: bool = False) -> Urls:
    """The servers under `root`, running until this process (and all others that asked) are gone.

    `throwaway` is for tests: a new cluster that trades its safety on power loss for speed.
    """
    places = _places(root)
    if places.root in _held:
        # A forked child holds its parent's lock already.
        if _state(places).get("state") == "serving" and _keeper_lives(places):
            return urls(places.root)
        release(places.root)
    _own(places)
    holder = _open(places.run / "users.lock")
    lock(holder, fcntl.LOCK_SH, "the embedded servers to finish stopping")
    try:
        starter = _open(places.run / "start.lock")
        try:
            lock(starter, fcntl.LOCK_EX, "another command to start the embedded servers")
            _start(places, throwaway=throwaway)
        finally:
            os.close(starter)
    except BaseException:
        os.close(holder)
        raise
    _held[places.root] = holder
    atexit.register(_release_at_exit, places.root, os.getpid())
    return urls(places.root)


def running(root: Path) -> bool:
    """Whether the servers under `root` are up."""
    places = _places(root)
    return places.run.is_dir() and _keeper_lives(places) and _state(places).get("state") == "serving"


def holds(root: Path) -> bool:
    """Whether this process has asked for the servers under `root`."""
    return _places(root).root in _held


def release(root: Path) -> None:
    """Says that this process no longer needs them. If nobody does, returns when they have stopped."""
    places = _places(root)
    holder = _held.pop(places.root, None)
    if holder is None:
        return
    os.close(holder)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and _keeper_lives(places):
        if _state(places).get("state") == "serving" and not _free(places.run / "users.lock", fcntl.LOCK_EX):
            # Either somebody else uses them, or the keeper has just woken; its next word tells which.
            time.sleep(0.1)
            if _state(places).get("state") == "serving":
                return
        time.sleep(0.02)
    for process in _started:
        process.poll()


def stop(root: Path) -> None:
    """Stops the servers under `root` for everyone."""
    places = _places(root)
    if not places.run.is_dir() or not _keeper_lives(places):
        return
    keeper = _state(places).get("keeper")
    if isinstance(keeper, int):
        with contextlib.suppress(ProcessLookupError):
            os.kill(keeper, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while _keeper_lives(places):
        if time.monotonic() > deadline:
            raise ServersFailed(f"The embedded servers did not stop in {PATIENCE_SECONDS:.0f} s; see {places.log}.")
        time.sleep(0.02)
    holder = _held.pop(places.root, None)
    if holder is not None:
        os.close(holder)
    for process in _started:
        process.poll()


@contextlib.contextmanager
def serving(root: Path) -> Iterator[Urls]:
    """The servers for the time of a block."""
    addresses = ensure(root)
    try:
        yield addresses
    finally:
        release(root)


def export_environment(root: Path) -> None:
    """Fills DATABASE_URL and its companions, and REDIS_URL, from the embedded servers where they are not set.

    A database of one's own and an embedded broker, or the other way round, are both fine.
    """
    own_database = bool(os.environ.get("DATABASE_URL"))
    if own_database and os.environ.get("REDIS_URL"):
        return
    for name, value in ensure(root).environment().items():
        if name == "REDIS_URL":
            if not os.environ.get(name):
                os.environ[name] = value
        elif not own_database:
            os.environ[name] = value


def urls(root: Path) -> Urls:
    """The addresses, from what the keeper wrote."""
    places = _places(root)
    state = _state(places)
    words = json.loads(places.passwords.read_text())
    folder = str(state["socket_folder"])

    def database(login: str, name: str = DATABASE, **extra: str) -> str:
        query = urlencode({"host": folder, **extra}, quote_via=quote)
        return f"postgresql://{login}:{words[login]}@/{name}?{query}"

    return Urls(
        database_url=database("clearhold_app"),
        database_owner_url=database("clearhold_migrator", options="-c role=clearhold_owner"),
        database_auditor_url=database("clearhold_auditor"),
        database_sequencer_url=database("clearhold_sequencer"),
        database_admin_url=database(ADMINISTRATOR, "postgres"),
        redis_url=f"redis://:{words['valkey']}@127.0.0.1:{state['valkey_port']}/0",
    )


def _places(root: Path) -> Places:
    return Places(Path(root).resolve())


def make_folders(root: Path) -> None:
    """The folders under `root`, refused when they are another user's."""
    _own(_places(root))


def _own(places: Places) -> None:
    if places.root.exists() and os.geteuid() != places.root.stat().st_uid:
        raise ServersFailed(f"{places.root} belongs to another user. Run as that user, or remove it and start anew.")
    places.make()
    if not places.passwords.exists():
        starter = _open(places.keys / "embedded.lock")
        try:
            lock(starter, fcntl.LOCK_EX, "another command to write the passwords")
            if not places.passwords.exists():
                words = {name: secrets.token_urlsafe(24) for name in (*LOGINS, ADMINISTRATOR, "valkey")}
                write_private(places.passwords, json.dumps(words, indent=1))
        finally:
            os.close(starter)


def write_private(path: Path, text: str) -> None:
    """Replaces a file of ours at once, readable by us alone."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _start(places: Places, *, throwaway: bool) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    keeper: subprocess.Popen[bytes] | None = None
    while time.monotonic() < deadline:
        state = _state(places)
        lives = _keeper_lives(places)
        if lives and state.get("state") == "serving" and _answer(state):
            return
        if keeper is not None and keeper.poll() is not None:
            reason = state.get("reason") or "the keeper ended"
            raise ServersFailed(f"The embedded servers did not start: {reason} (logs in {places.log})")
        if not lives and keeper is None:
            places.state.unlink(missing_ok=True)
            keeper = _start_keeper(places, throwaway=throwaway)
        time.sleep(0.02)
    raise ServersFailed(f"The embedded servers did not start in {PATIENCE_SECONDS:.0f} s (logs in {places.log})")


def _answer(state: dict[str, Any]) -> bool:
    """Whether both take a connection: one of them may have died a moment ago, its keeper too."""
    doors = (
        (socket.AF_UNIX, f"{state['socket_folder']}/.s.PGSQL.5432"),
        (socket.AF_INET, ("127.0.0.1", state["valkey_port"])),
    )
    for family, address in doors:
        with socket.socket(family, socket.SOCK_STREAM) as door:
            door.settimeout(5)
            if door.connect_ex(address) != 0:
                return False
    return True


def _start_keeper(places: Places, *, throwaway: bool) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "portal.embedded.keeper", str(places.root)]
    with open(places.log / "keeper.log", "ab") as log:
        keeper = subprocess.Popen(
            words + (["--throwaway"] if throwaway else []),
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    _started.append(keeper)
    return keeper


def _state(places: Places) -> dict[str, Any]:
    try:
        state = json.loads(places.state.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def _keeper_lives(places: Places) -> bool:
    # A lock, not a pid: it can't be stale, and no other process can take its number. The probe is a shared lock, so
    # that two who ask at once don't take each other for the keeper.
    return (places.run / "keeper.lock").exists() and not _free(places.run / "keeper.lock", fcntl.LOCK_SH)


def _free(path: Path, kind: int) -> bool:
    probe = _open(path)
    try:
        fcntl.flock(probe, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(probe)
    return True


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def lock(descriptor: int, kind: int, waiting_for: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise ServersFailed(f"Waited {PATIENCE_SECONDS:.0f} s for {waiting_for}.") from None
            time.sleep(0.02)
        else:
            return


def _release_at_exit(root: Path, process_id: int) -> None:
    # A forked child must not speak for its parent.
    if os.getpid() == process_id:
        release(root)
        for process in _started:
            if process.poll() is None:
                # It serves others still; as long as it has no code, Python warns about it on its way out.
                process.returncode = 0
