"""`make run`: one process that starts servers, web, worker, sequencer and scheduler, and stops them all with itself.

However it ends, nothing stays: each child has its own process group, the kernel tells it of its parent's death where
it can (Linux), and the keeper ends the groups that are left.
"""

import contextlib
import ctypes
import fcntl
import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from portal.embedded import servers
from portal.embedded.account import PR_SET_PDEATHSIG

ROOT = servers.PROJECT
FIRST_PORT = 8000
PORTS_TRIED = 50
GRACE_SECONDS = 20.0
STEADY_SECONDS = 60.0
LONGEST_PAUSE_SECONDS = 30.0
WATCH_SECONDS = 3.0
QUIET_ABOUT_ROOT = "ignore:You're running the worker with superuser"
# Workers don't talk to each other: the job table is the truth.
CELERY_ALONE = "--without-gossip --without-mingle --without-heartbeat"


class CannotServe(RuntimeError):
    """`make run` can't go on; the message says what would help."""


class Interrupted(Exception):
    """Somebody asked us to stop."""


def command(*words: str) -> list[str]:
    return [sys.executable, str(ROOT / "manage.py"), *words]


def programs(port: int) -> dict[str, list[str]]:
    """The processes of an installation, the same that deploy/ has units for."""
    web = f"-m gunicorn --config deploy/gunicorn.py --bind 127.0.0.1:{port} portal.wsgi:application"
    worker = "-m celery --quiet --app portal.celery worker --loglevel WARNING --concurrency 2"
    return {
        "web": [sys.executable, *web.split()],
        "worker": [sys.executable, "-W", QUIET_ABOUT_ROOT, *worker.split(), *CELERY_ALONE.split()],
        "sequencer": command("sequencer"),
        "scheduler": command("scheduler"),
    }


@dataclass
class Child:
    """One process under the supervisor, and how often it has ended."""

    name: str
    words: list[str]
    process: subprocess.Popen[bytes]
    created: float = field(default_factory=time.monotonic)
    deaths: int = 0
    again_at: float | None = None


class Supervisor:
    """Starts, watches, restarts and stops the children."""

    def __init__(self, var: Path) -> None:
        self.var = var
        self.children: dict[str, Child] = {}
        self.is_asked_to_stop = False
        self.is_undisturbed = False
        self.libc = ctypes.CDLL(None) if sys.platform == "linux" else None
        self.widest = max(map(len, programs(0)))

    def ask_to_stop(self) -> None:
        """From a signal handler. It interrupts any wait, but never the moment in which a child is born or buried."""
        self.is_asked_to_stop = True
        if not self.is_undisturbed:
            raise Interrupted

    def start(self, name: str, words: list[str]) -> None:
        self.is_undisturbed = True
        process = subprocess.Popen(
            words,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=self._die_with_parent,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        deaths = self.children[name].deaths if name in self.children else 0
        self.children[name] = Child(name, words, process, deaths=deaths)
        if process.stdout is not None:
            threading.Thread(target=self._copy_lines, args=(name, process.stdout), daemon=True).start()
        self._note_groups()
        self.is_undisturbed = False
        if self.is_asked_to_stop:
            raise Interrupted

    def step(self, title: str, words: list[str], *, keep_output: bool = False) -> str:
        """Runs one command to its end; returns what it printed when that is kept."""
        say(f"{title} ...")
        done = subprocess.run(
            words,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if keep_output else None,
            text=True,
            start_new_session=True,
            preexec_fn=self._die_with_parent,
        )
        if done.returncode != 0:
            say(done.stdout or "")
            raise CannotServe(f"{title} failed; its message is above. `make reset` removes all data and starts anew.")
        return done.stdout or ""

    def watch(self) -> None:
        """Tends the children until a signal interrupts."""
        looked = time.monotonic()
        while True:
            time.sleep(0.25)
            for child in list(self.children.values()):
                self._tend(child)
            if time.monotonic() - looked > WATCH_SECONDS:
                looked = time.monotonic()
                self._tend_servers()

    def stop(self) -> None:
        self.is_undisturbed = True
        for child in self.children.values():
            if child.process.poll() is None:
                child.process.terminate()
        deadline = time.monotonic() + GRACE_SECONDS
        for child in self.children.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(max(0.1, deadline - time.monotonic()))
            # The whole group, so that a pool's processes go with it.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.process.pid, signal.SIGKILL)
            child.process.wait()
        self._groups.unlink(missing_ok=True)

    def _tend(self, child: Child) -> None:
        now = time.monotonic()
        if child.again_at is None and child.process.poll() is not None:
            if now - child.created > STEADY_SECONDS:
                child.deaths = 0
            pause = min(LONGEST_PAUSE_SECONDS, 2.0**child.deaths - 1)
            child.deaths += 1
            child.again_at = now + pause
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.process.pid, signal.SIGKILL)
            say(f"{child.name} ended ({child.process.returncode}); starting it again in {pause:.0f} s.")
        if child.again_at is not None and now >= child.again_at:
            self.start(child.name, child.words)

    def _tend_servers(self) -> None:
        if not servers.running(self.var) and servers.holds(self.var):
            say("The embedded servers are gone; starting them again.")
            before = dict(os.environ)
            os.environ.update({k: v for k, v in servers.ensure(self.var).environment().items() if k in before})
            if dict(os.environ) != before:
                for child in self.children.values():
                    child.process.terminate()

    @property
    def _groups(self) -> Path:
        return servers.Places(self.var.resolve()).groups

    def _note_groups(self) -> None:
        """For the keeper, which ends what we could not."""
        if servers.holds(self.var):
            servers.write_private(self._groups, json.dumps([c.process.pid for c in self.children.values()]))

    def _die_with_parent(self) -> None:
        if self.libc is not None:
            self.libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)

    def _copy_lines(self, name: str, source: IO[bytes]) -> None:
        with source:
            for line in source:
                text = line.decode(errors="replace").rstrip("\n")
                sys.stdout.write(f"{name:<{self.widest}} | {text}\n")
                sys.stdout.flush()


def main() -> int:
    os.chdir(ROOT)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings.development")
    var = Path(os.environ.get("CLEARHOLD_VAR") or ROOT / "var")
    supervisor = Supervisor(var)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: supervisor.ask_to_stop())
    try:
        with alone(var):
            serve(supervisor, var)
    except Interrupted:
        say("Stopped.")
    except (CannotServe, servers.ServersFailed) as failure:
        say(str(failure))
        return 1
    return 0


def serve(supervisor: Supervisor, var: Path) -> None:
    began = time.monotonic()
    try:
        servers.export_environment(var)
        port = choose_port()
        address = f"http://127.0.0.1:{port}/"
        os.environ.setdefault("CLEARHOLD_BASE_URL", address.rstrip("/"))
        supervisor.step("Migrating the database", command("migrate", "--no-input", "--verbosity", "0"))
        collect_static(supervisor)
        for name, words in programs(port).items():
            supervisor.start(name, words)
        wait_until_up(supervisor, port)
        load_sample(supervisor)
        say(f"Clearhold is at {address} (up in {time.monotonic() - began:.1f} s). Ctrl-C stops it.")
        supervisor.watch()
    finally:
        if supervisor.is_asked_to_stop:
            say("Stopping ...")
        supervisor.stop()
        servers.release(var)


def collect_static(supervisor: Supervisor) -> None:
    """Only when a file changed since it was last done: hashing and compressing them takes seconds."""
    marks = [(ROOT / "requirements.txt").read_bytes(), (ROOT / "portal/settings/base.py").read_bytes()]
    for path in sorted((ROOT / "portal/static").rglob("*")):
        if path.is_file():
            found = path.stat()
            marks.append(f"{path.relative_to(ROOT)} {found.st_size} {found.st_mtime_ns}".encode())
    digest = hashlib.sha256(b"\0".join(marks)).hexdigest()
    stamp = supervisor.var / "static" / ".collected"
    if not stamp.exists() or stamp.read_text() != digest:
        supervisor.step("Collecting static files", command("collectstatic", "--no-input", "--verbosity", "0"))
        stamp.write_text(digest)


def load_sample(supervisor: Supervisor) -> None:
    """Once: the file that keeps the sign-ins says that it is done, also after someone has removed the sample."""
    told = supervisor.var / "sample.txt"
    if not told.exists():
        title = "Loading the sample organization and doing the main job in it"
        servers.write_private(told, supervisor.step(title, command("load_sample"), keep_output=True))
    say(told.read_text().rstrip())


def wait_until_up(supervisor: Supervisor, port: int) -> None:
    deadline = time.monotonic() + servers.PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if answers(port):
            return
        if supervisor.children["web"].process.poll() is not None:
            raise CannotServe("The web process ended; its lines are above.")
        time.sleep(0.1)
    raise CannotServe(f"No answer on port {port} within {servers.PATIENCE_SECONDS:.0f} s.")


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def choose_port() -> int:
    wished = os.environ.get("PORT")
    if wished:
        if not wished.isdigit() or not 0 < int(wished) < 65536:
            raise CannotServe(f"PORT={wished} is no port; give a number from 1 to 65535.")
        if not is_free(int(wished)):
            raise CannotServe(f"Port {wished} is in use. Choose another: make run PORT=n.")
        return int(wished)
    for port in range(FIRST_PORT, FIRST_PORT + PORTS_TRIED):
        if is_free(port):
            if port != FIRST_PORT:
                say(f"Port {FIRST_PORT} is in use, so this is on {port} (PORT=n chooses one).")
            return port
    raise CannotServe(
        f"No port from {FIRST_PORT} to {FIRST_PORT + PORTS_TRIED - 1} is free. Choose one: make run PORT=n."
    )


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@contextlib.contextmanager
def alone(var: Path) -> Iterator[None]:
    """Two supervisors over the same data would be two of everything."""
    servers.make_folders(var)
    lock = os.open(servers.Places(var.resolve()).keys / "supervisor.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotServe(f"Clearhold already runs on {var}; stop that one first.") from None
        yield
    finally:
        os.close(lock)


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
