"""Uploads through the real server: with curl, in flat memory, and what stays when the sender or the server dies."""

import hashlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest
from django.db import connections, transaction

from evidence import tenancy
from evidence.artifacts.models import Artifact
from evidence.organizations.models import Organization
from evidence.vault import services as vault
from evidence.vault.models import Blob
from tests.people import hire
from tests.portal.edge.test_who_is_let_in import bearer

pytestmark = [pytest.mark.faults]
ROOT = Path(__file__).resolve().parents[2]
MB = 1024 * 1024


@dataclass
class Portal:
    port: int
    process: subprocess.Popen
    organization: Organization
    token: str
    blobs: Path

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


@pytest.fixture
def portal(own_database, tmp_path, settings):
    settings.CLEARHOLD_BLOBS_DIR = tmp_path / "blobs"
    settings.CLEARHOLD_KEYS_DIR = tmp_path / "keys"
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
    command = "-m gunicorn --config deploy/gunicorn.py --workers 1 portal.wsgi:application --bind"
    with (tmp_path / "web.log").open("wb") as log:
        words = [sys.executable, *command.split(), f"127.0.0.1:{port}"]
        process = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=log, stderr=log)
    found = Portal(port, process, organization, headers["Authorization"].removeprefix("Bearer "), tmp_path / "blobs")
    try:
        _wait(lambda: get(found, "/healthz")[0] == 200, seconds=40)
        yield found
    finally:
        process.terminate()
        process.wait(30)


def _wait(true, seconds: float = 15) -> None:
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


def begin(portal: Portal, announced: int) -> socket.socket:
    """An upload of which only the head was sent."""
    sender = socket.create_connection(("127.0.0.1", portal.port), timeout=60)
    lines = [f"POST {portal.path}?filename=big.bin HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {announced}"]
    lines += [f"{name}: {value}" for name, value in portal.headers.items()]
    sender.sendall("\r\n".join([*lines, "", ""]).encode())
    return sender


def test_curl_pushes_a_file_in_one_line_and_gets_it_back(portal, tmp_path):
    if shutil.which("curl") is None:
        pytest.skip("curl is not here")
    report = tmp_path / "report.csv"
    report.write_bytes(b"week,result\nW12,OK\n" * 1000)
    base = f"http://127.0.0.1:{portal.port}{portal.path}"
    auth = ["curl", "-sS", "--fail-with-body", "-H", f"Authorization: Bearer {portal.token}"]
    ways = [
        ["--data-binary", f"@{report}", f"{base}?filename=report.csv&title=Leavers&kind=report"],
        ["-T", str(report), f"{base}?title=Leavers"],
        ["-F", f"file=@{report}", "-F", "title=Leavers", base],
        # From a pipe, so that no length is known: chunked.
        ["-T", "-", f"{base}piped.csv?title=Leavers"],
    ]
    for number, way in enumerate(ways, 1):
        done = subprocess.run([*auth, *way], input=report.read_bytes(), capture_output=True)
        assert done.returncode == 0 and done.stdout, (number, done.stderr)
        body = json.loads(done.stdout)
        assert body["ref"] == f"E-{number:03d}"
        assert body["latest"]["sha256"] == hashlib.sha256(report.read_bytes()).hexdigest()
    original = subprocess.run([*auth, f"{base}E-001/versions/1/original"], capture_output=True)
    assert original.stdout == report.read_bytes()
    assert portal.rows() == (4, 4)


def test_a_sender_who_goes_away_leaves_nothing(portal):
    with begin(portal, 50 * MB) as sender:
        sender.sendall(os.urandom(5 * MB))
        _wait(lambda: portal.files() != [])
    _wait(lambda: portal.files() == [])
    assert portal.rows() == (0, 0)


def test_a_file_over_the_limit_is_refused_without_being_read(portal):
    with begin(portal, 6 * 1024 * MB) as sender:
        answer = sender.recv(65536)
    assert answer.startswith(b"HTTP/1.1 413")
    assert portal.files() == []


def test_a_killed_server_leaves_no_row_and_only_a_draft_for_the_janitor(portal):
    with begin(portal, 50 * MB) as sender:
        sender.sendall(os.urandom(5 * MB))
        _wait(lambda: portal.files() != [])
        [worker] = portal.workers()
        os.kill(worker.pid, signal.SIGKILL)
        _wait(lambda: get(portal, "/healthz")[0] == 200)
    assert portal.rows() == (0, 0)
    assert all(".incoming" in path.parts for path in portal.files())


def test_200_mb_pass_in_flat_memory_at_a_fair_share_of_a_plain_copy(portal, tmp_path):
    piece = os.urandom(MB)
    [worker] = portal.workers()
    for size in (8, 200):
        before = worker.memory_info().rss
        with begin(portal, size * MB) as sender:
            started = time.monotonic()
            for _ in range(size):
                sender.sendall(piece)
            answer = sender.recv(65536)
            seconds = time.monotonic() - started
        assert answer.startswith(b"HTTP/1.1 201"), answer[:500]
        grown = (worker.memory_info().rss - before) / MB
    print(f"upload through gunicorn: {size / seconds:.0f} MB/s, grown by {grown:.0f} MB")
    assert grown < 32
    with transaction.atomic(), tenancy.entered(portal.organization.pk):
        blob = Blob.objects.order_by("-size").first()
    assert sum(map(len, vault.open(blob))) == 200 * MB
