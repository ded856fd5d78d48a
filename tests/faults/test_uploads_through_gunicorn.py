"""Uploads through the real server: with curl, in flat memory, and what stays when the sender or the server dies."""

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time

import pytest
from django.db import transaction

from evidence import tenancy
from evidence.vault import services as vault
from evidence.vault.models import Blob
from tests.serving import Portal, get, wait

pytestmark = [pytest.mark.faults]
MB = 1024 * 1024


def begin(served: Portal, announced: int) -> socket.socket:
    """An upload of which only the head was sent."""
    sender = socket.create_connection(("127.0.0.1", served.port), timeout=60)
    lines = [f"POST {served.path}?filename=big.bin HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {announced}"]
    lines += [f"{name}: {value}" for name, value in served.headers.items()]
    sender.sendall("\r\n".join([*lines, "", ""]).encode())
    return sender


def test_curl_pushes_a_file_in_one_line_and_gets_it_back(served, tmp_path):
    if shutil.which("curl") is None:
        pytest.skip("curl is not here")
    report = tmp_path / "report.csv"
    report.write_bytes(b"week,result\nW12,OK\n" * 1000)
    base = f"http://127.0.0.1:{served.port}{served.path}"
    auth = ["curl", "-sS", "--fail-with-body", "-H", f"Authorization: Bearer {served.token}"]
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
    assert served.rows() == (4, 4)


def test_a_sender_who_goes_away_leaves_nothing(served):
    with begin(served, 50 * MB) as sender:
        sender.sendall(os.urandom(5 * MB))
        wait(lambda: served.files() != [])
    wait(lambda: served.files() == [])
    assert served.rows() == (0, 0)


def test_a_file_over_the_limit_is_refused_without_being_read(served):
    with begin(served, 6 * 1024 * MB) as sender:
        answer = sender.recv(65536)
    assert answer.startswith(b"HTTP/1.1 413")
    assert served.files() == []


def test_a_killed_server_leaves_no_row_and_only_a_draft_for_the_janitor(served):
    with begin(served, 50 * MB) as sender:
        sender.sendall(os.urandom(5 * MB))
        wait(lambda: served.files() != [])
        [worker] = served.workers()
        os.kill(worker.pid, signal.SIGKILL)
        wait(lambda: get(served, "/healthz")[0] == 200)
    assert served.rows() == (0, 0)
    assert all(".incoming" in path.parts for path in served.files())


def test_200_mb_pass_in_flat_memory(served):
    piece = os.urandom(MB)
    [worker] = served.workers()
    for size in (8, 200):
        before = worker.memory_info().rss
        with begin(served, size * MB) as sender:
            started = time.monotonic()
            for _ in range(size):
                sender.sendall(piece)
            answer = sender.recv(65536)
            seconds = time.monotonic() - started
        assert answer.startswith(b"HTTP/1.1 201"), answer[:500]
        grown = (worker.memory_info().rss - before) / MB
    print(f"upload through gunicorn: {size / seconds:.0f} MB/s, grown by {grown:.0f} MB")
    assert grown < 32
    with transaction.atomic(), tenancy.entered(served.organization.pk):
        blob = Blob.objects.order_by("-size").first()
    assert sum(map(len, vault.open(blob))) == 200 * MB


def test_a_connection_goes_on_behind_an_upload(served):
    """The body is read past gunicorn's own reader; what stands behind it on the line is the next request."""
    path = f"{served.path}?filename=a.bin"
    data = os.urandom(3 * MB + 7)
    head = ["Host: 127.0.0.1", *(f"{name}: {value}" for name, value in served.headers.items())]
    first = "\r\n".join([f"POST {path} HTTP/1.1", f"Content-Length: {len(data)}", *head, "", ""]).encode()
    second = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as sender:
        sender.sendall(first + data + second)
        answers = b""
        while piece := sender.recv(65536):
            answers += piece
    assert answers.startswith(b"HTTP/1.1 201")
    assert answers.count(b"HTTP/1.1 200") == 1
    assert hashlib.sha256(data).hexdigest().encode() in answers
