"""A real web server over a database of the test's own: gunicorn with one worker, as in production but for its size."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest
from django.db import connections, transaction

from evidence import tenancy
from evidence.artifacts.models import Artifact
from evidence.organizations.models import Organization
from evidence.vault.models import Blob
from tests.people import People, hire
from tests.portal.edge.test_who_is_let_in import bearer

ROOT = Path(__file__).resolve().parents[1]
# Playwright keeps an event loop in the thread that drives the browser; the tests that also ask the database are
# synchronous all the same.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")


@dataclass
class Portal:
    port: int
    process: subprocess.Popen | None
    organization: Organization
    people: People
    token: str
    blobs: Path
    var: Path
    environment: dict[str, str] = field(default_factory=dict)

    def start(self, config: str = "deploy/gunicorn.py", **more: str) -> None:
        """Start the server, with more in its environment, and wait until it answers."""
        command = f"-m gunicorn --config {config} --workers 1 portal.wsgi:application --bind"
        words = [sys.executable, *command.split(), f"127.0.0.1:{self.port}"]
        with (self.var / "web.log").open("ab") as log:
            environment = {**self.environment, **more}
            self.process = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=log, stderr=log)
        wait(lambda: get(self, "/healthz")[0] == 200, seconds=60)

    def kill(self) -> None:
        """End the server and its workers as a power cut would."""
        for process in [*self.workers(), psutil.Process(self.process.pid)]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait(30)

    @property
    def path(self) -> str:
        return f"/api/v1/organizations/{self.organization.slug}/evidence/"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", "Content-Type": "application/octet-stream"}

    def workers(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()

    def files(self) -> list[Path]:
        return [path for path in self.blobs.rglob("*") if path.is_file()]

    def rows(self) -> tuple[int, int]:
        with transaction.atomic(), tenancy.entered(self.organization.pk):
            return Artifact.objects.count(), Blob.objects.count()


def address(alias: str) -> str:
    given = connections.settings[alias]
    host, port, options = given["HOST"], given["PORT"], given.get("OPTIONS") or {}
    login = quote(given["USER"]) + (f":{quote(given['PASSWORD'])}" if given["PASSWORD"] else "")
    extra = "&".join(f"{name}={quote(str(value))}" for name, value in options.items() if name != "options")
    if host.startswith("/"):
        extra = "&".join(filter(None, [f"host={quote(host, safe='')}", f"port={port}" if port else "", extra]))
        return f"postgresql://{login}@/{given['NAME']}?{extra}"
    return f"postgresql://{login}@{host}:{port}/{given['NAME']}?{extra}"


@pytest.fixture(scope="session")
def collected(tmp_path_factory) -> Path:
    """The static files as the server wants them, hashed and compressed: once for all, since it takes seconds."""
    var = tmp_path_factory.mktemp("collected")
    nowhere = "postgresql://clearhold_{}@127.0.0.1:1/none"
    names = {"": "app", "AUDITOR_": "auditor", "SEQUENCER_": "sequencer", "OWNER_": "migrator"}
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "portal.settings.development",
        "CLEARHOLD_VAR": str(var),
        "REDIS_URL": "redis://127.0.0.1:1/0",
        **{f"DATABASE_{infix}URL": nowhere.format(login) for infix, login in names.items()},
    }
    words = [sys.executable, "manage.py", "collectstatic", "--noinput", "-v0"]
    subprocess.run(words, cwd=ROOT, env=environment, check=True)
    return var / "static"


@pytest.fixture
def served(own_database, collected, tmp_path, settings) -> Iterator[Portal]:
    settings.CLEARHOLD_BLOBS_DIR = tmp_path / "blobs"
    settings.CLEARHOLD_KEYS_DIR, settings.CLEARHOLD_SIGNER_DIR = tmp_path / "keys", tmp_path / "signer"
    # The server runs with real settings and knows no test hasher.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
    organization = Organization.objects.create(slug="lumenroll", name="Lumenroll")
    with transaction.atomic(), tenancy.entered(organization.pk):
        people = hire(organization)
        headers, _ = bearer(people.ines, "evidence.upload", "evidence.view", "evidence.download")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "portal.settings.development",
        "CLEARHOLD_VAR": str(tmp_path),
        "DATABASE_URL": address("default"),
        "DATABASE_AUDITOR_URL": address("auditor"),
        "DATABASE_SEQUENCER_URL": address("sequencer"),
        "DATABASE_OWNER_URL": address("owner"),
        "REDIS_URL": settings.REDIS_URL,
    }
    (tmp_path / "static").symlink_to(collected)
    token = headers["Authorization"].removeprefix("Bearer ")
    found = Portal(port, None, organization, people, token, tmp_path / "blobs", tmp_path, environment)
    try:
        found.start()
        yield found
    finally:
        if found.process is not None:
            found.process.terminate()
            found.process.wait(30)


def wait(true: Callable[[], bool], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if true():
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError("it never came true")


def get(portal: Portal, path: str) -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", portal.port, timeout=60)) as connection:
        connection.request("GET", path, headers={"Authorization": f"Bearer {portal.token}", "Connection": "close"})
        answer = connection.getresponse()
        return answer.status, answer.read()
