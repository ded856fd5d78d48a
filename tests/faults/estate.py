"""An installation with servers of its own, which a test may kill, starve and set back: PostgreSQL, Valkey, and programs.

A migrated cluster is made once for each state of the code and copied for every test.
"""

import contextlib
import fcntl
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.db import connections, transaction
from django.test import Client

from evidence import tenancy
from evidence.ledger.models import Checkpoint, Entry, Event, Queue
from evidence.organizations.models import Organization
from portal.embedded import servers
from portal.embedded.run import programs
from portal.jobs.models import Job
from remediation.findings.models import Finding
from tests import databases
from tests.people import People, account_of, hire
from tests.portal.edge.test_who_is_let_in import bearer

ROOT = databases.ROOT
PATIENCE_SECONDS = 120.0
WORDS = ("door", "window", "cellar", "roof")
SETTINGS = "portal.settings.development"


def seed() -> Path:
    """A stopped, migrated cluster to copy; of several processes that want it one makes it."""
    home = ROOT / "var" / "faults"
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = home / f"seed-{databases._fingerprint()[:16]}"
        if not (made / "whole").exists():
            for old in home.glob("seed-*"):
                shutil.rmtree(old)
            _migrate(made / "var")
            (made / "whole").touch()
        return made / "var"


def _migrate(var: Path) -> None:
    urls = servers.ensure(var, throwaway=True)
    try:
        words = [sys.executable, "manage.py", "migrate", "--no-input", "--verbosity", "0"]
        subprocess.run(words, cwd=ROOT, env=_environment(var, urls), check=True)
        with psycopg.connect(urls.database_owner_url) as owner:
            owner.execute(databases.PLANT)
    finally:
        servers.stop(var)


def _environment(var: Path, urls: servers.Urls) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_URL") and name != "CRASH_AT"}
    return {**kept, **urls.environment(), "CLEARHOLD_VAR": str(var), "DJANGO_SETTINGS_MODULE": SETTINGS}


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A copy of the seed under a short path, as sockets need it."""
    home = Path(tempfile.mkdtemp(prefix="clearhold-", dir="/tmp"))
    try:
        # With its owners: PostgreSQL's files belong to an account of their own when we are root.
        subprocess.run(["cp", "-a", str(seed()), str(home / "var")], check=True)
        yield home / "var"
    finally:
        servers.stop(home / "var")
        shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def _pointed_at(urls: servers.Urls) -> Iterator[None]:
    """This process reads and writes there, with a login of its own for each alias."""
    before = {alias: dict(connections.settings[alias]) for alias in settings.DATABASES}
    broker = settings.REDIS_URL, settings.CELERY_BROKER_URL
    connections.close_all()
    databases.point_aliases(urls)
    connections["default"].settings_dict.pop("SHARED_LOGIN", None)
    try:
        yield
    finally:
        connections.close_all()
        for alias, kept in before.items():
            connections.settings[alias].clear()
            connections.settings[alias].update(kept)
        settings.REDIS_URL, settings.CELERY_BROKER_URL = broker


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Estate:
    """What runs, who works there, and how to ask it."""

    var: Path
    environment: dict[str, str]
    port: int
    organization: Organization
    people: People
    token: str
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    # --- programs

    def start(self, *names: str, **extra: str) -> None:
        for name in names:
            with (self.var / "log" / f"{name}.log").open("ab") as log:
                self.processes[name] = subprocess.Popen(
                    programs(self.port)[name],
                    cwd=ROOT,
                    env={**self.environment, **extra},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
        if "web" in names:
            wait(lambda: self.get("/healthz").status == 200, self.said)

    def stop(self, *names: str, word: signal.Signals = signal.SIGTERM) -> None:
        """The program and all its children. SIGKILL gives them no time for anything."""
        for name in names or tuple(self.processes):
            process = self.processes.pop(name)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, word)
            try:
                process.wait(PATIENCE_SECONDS / 2)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def are_the_same(self, *names: str) -> bool:
        """Whether these programs still run as they were started."""
        return all(self.processes[name].poll() is None for name in names)

    def said(self) -> str:
        return "\n".join(
            f"--- {path.name}\n{path.read_text()[-3000:]}" for path in sorted((self.var / "log").glob("*.log"))
        )

    # --- servers

    def server(self, name: str) -> psutil.Process:
        """PostgreSQL or Valkey, as the keeper last told."""
        return psutil.Process(self._state()["servers"][name])

    @contextlib.contextmanager
    def without(self, name: str, word: signal.Signals) -> Iterator[None]:
        """That server is gone, and the keeper, held for so long, doesn't bring it back before the block ends."""
        keeper, process = psutil.Process(self._state()["keeper"]), self.server(name)
        keeper.send_signal(signal.SIGSTOP)
        try:
            process.send_signal(word)
            wait(lambda: process.status() == psutil.STATUS_ZOMBIE, self.said)
            yield
        finally:
            keeper.send_signal(signal.SIGCONT)
            connections.close_all()
        wait(lambda: self.server(name).pid != process.pid, self.said)

    def _state(self) -> dict[str, Any]:
        return servers._state(servers.Places(self.var.resolve()))

    def valkey(self, *words: str) -> Any:
        import redis

        with contextlib.closing(redis.Redis.from_url(self.environment["REDIS_URL"])) as client:
            return client.execute_command(*words)

    # --- asking

    @property
    def api(self) -> str:
        return f"/api/v1/organizations/{self.organization.slug}"

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        sent = {"Connection": "close", **{name.replace("_", "-"): value for name, value in headers.items()}}
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)) as connection:
            connection.request(method, path, body=body, headers=sent)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())

    def get(self, path: str) -> Answer:
        return self.ask("GET", path, Authorization=f"Bearer {self.token}")

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = "text/csv" if isinstance(body, bytes) else "application/json"
        return self.ask("POST", path, data, Authorization=f"Bearer {self.token}", Content_Type=kind, **headers)

    def session(self, who: Any) -> str:
        """The cookie of somebody who has just signed in."""
        client = Client()
        client.force_login(account_of(who), backend="portal.accounts.backend.RoleBackend")
        return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"

    def page(self, path: str, cookie: str) -> Answer:
        return self.ask("GET", f"/o/{self.organization.slug}{path}", Cookie=cookie)

    def parts(self) -> tuple[int, dict[str, str]]:
        answer = self.ask("GET", "/readyz")
        return answer.status, answer.json()["parts"]

    def import_rows(self, count: int, name: str = "") -> str:
        """An import of so many findings, put into the queue through the web; the job's id."""
        name = name or secrets.token_hex(4)
        lines = [f"{word} of {name} is open,high,CRM,{name}-{word}" for word in WORDS[:count]]
        body = "\n".join(["title,severity,asset,source_ref", *lines, ""]).encode()
        answer = self.post(f"{self.api}/imports/?name={name}.csv", body)
        assert answer.status == 202, answer.body
        return str(answer.json()["id"])

    # --- looking

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        with transaction.atomic(), tenancy.entered(self.organization.pk):
            yield

    def job(self, key: str) -> Job:
        with self.inside():
            return Job.objects.get(pk=key)

    def ends(self, key: str, state: str = "succeeded", reviving: Sequence[str] = ()) -> Job:
        """The job once it is over; `reviving` are programs that are started again when they die, as a supervisor does."""

        def over() -> bool:
            self.start(*(name for name in reviving if self.processes[name].poll() is not None))
            return self.job(key).is_over

        wait(over, self.said)
        job = self.job(key)
        assert job.state == state, (job.state, job.error, self.said())
        return job

    def findings(self) -> int:
        with self.inside():
            return Finding.objects.count()

    def sealed(self) -> bool:
        """Whether every event has its place under a checkpoint."""
        with self.inside():
            newest = Checkpoint.objects.order_by("-size").first()
            return (
                not Queue.objects.exists()
                and (newest.size if newest else 0) == Entry.objects.count() == Event.objects.count()
            )

    def imports(self) -> int:
        with self.inside():
            return Event.objects.filter(kind="import.completed").count()

    def let_the_lease_run_out(self, key: str) -> None:
        with self.inside(), connections["default"].cursor() as cursor:
            cursor.execute("UPDATE jobs_job SET lease_until = now() - interval '1 second' WHERE id = %s", [key])

    def command(self, *words: str, **extra: str) -> subprocess.CompletedProcess[str]:
        environment = {**self.environment, **extra}
        line = [sys.executable, "manage.py", *words]
        return subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True)

    def verify(self) -> None:
        for command in ("verify_ledger", "verify_vault"):
            done = self.command(command)
            assert done.returncode == 0, done.stdout + done.stderr


def wait(true: Callable[[], bool], told: Callable[[], str] = str, seconds: float = PATIENCE_SECONDS) -> None:
    end = time.monotonic() + seconds
    fault: Exception | None = None
    while time.monotonic() < end:
        try:
            if true():
                return
        except (OSError, http.client.HTTPException, psycopg.Error, psutil.Error, KeyError) as error:
            fault = error
        time.sleep(0.1)
    raise AssertionError(f"it never came true ({fault!r}): {told()}")


@contextlib.contextmanager
def settled(collected: Path, given: Any) -> Iterator[Estate]:
    """The estate with its servers up and its people hired; no program runs yet."""
    with folder() as var:
        urls = servers.ensure(var)
        servers.write_private(var / "keys" / "django-secret", secrets.token_urlsafe(48))
        (var / "static").symlink_to(collected)
        for name in ("BLOBS", "KEYS", "SIGNER", "WORK"):
            setattr(given, f"CLEARHOLD_{name}_DIR", var / name.lower())
        given.PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
        # So that a session made here is one there.
        given.SECRET_KEY = (var / "keys" / "django-secret").read_text().strip()
        with _pointed_at(urls), socket.socket() as probe:
            organization = Organization.objects.create(slug="lumenroll", name="Lumenroll")
            with transaction.atomic(), tenancy.entered(organization.pk):
                people = hire(organization)
                rights = ("findings.import", "findings.report", "findings.view", "jobs.view", "packages.build")
                headers, _ = bearer(people.maya, *(right for right in rights if people.maya.may(right)))
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
            token = headers["Authorization"].removeprefix("Bearer ")
            made = Estate(var, _environment(var, urls), port, organization, people, token)
            probe.close()
            try:
                yield made
            finally:
                made.stop()


def session_key(cookie: str) -> SessionStore:
    return SessionStore(cookie.partition("=")[2])
