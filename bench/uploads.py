"""Uploads of 2 GB: raw and in pieces through gunicorn, against a bare loop that does the same work with nothing around.

The bare loop reads a socket, hashes, seals in chunks of 64 KiB, writes and forces to disk; it is a process of its own,
and sender and disk are the same for both. Memory is the worker's peak during the upload over what it held before.
"""

import contextlib
import hashlib
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench.figures import Figure, figure
from bench.server import Server

ROOT = Path(__file__).resolve().parents[1]
MB = 1024 * 1024
SIZE_MB = 2048
PIECE_MB = 8
LEAST_SHARE = 0.5
MOST_GROWN_MB = 32
ROUNDS = 3
WARMING = 12


def measure(
    found: list[Figure], var: Path, server: Server, place: tuple, *, size_mb: int = SIZE_MB, rounds: int = ROUNDS
) -> None:
    """Append megabytes a second of both ways, and by how much the worker grew."""
    organization, _, secret = place
    base = f"/api/v1/organizations/{organization.slug}"
    token = {"Authorization": f"Bearer {secret}"}
    blobs = var / "blobs"
    # Until each of the workers has had its first.
    for _ in range(WARMING):
        raw(server, base, token, 8)
    before = [_status(worker.pid, "VmRSS") for worker in server.workers]
    for worker in server.workers:
        Path(f"/proc/{worker.pid}/clear_refs").write_text("5")
    ours, theirs = [], []
    # In turn, so that a drift of the machine hits both; the median pair is the figure.
    for _ in range(rounds):
        theirs.append(bare(var, size_mb))
        with removed(blobs):
            ours.append(timed(size_mb, lambda: raw(server, base, token, size_mb)))
    after = [_status(worker.pid, "VmHWM") for worker in server.workers]
    name = f"upload of {size_mb:,} MB through gunicorn"
    share = statistics.median(mine / bare_ for mine, bare_ in zip(ours, theirs, strict=True))
    reference = statistics.median(theirs)
    found.append(figure(f"{name}, raw", share * reference, "MB/s", reference=reference, limit=LEAST_SHARE, least=True))
    grown = max(0.0, *(peak - start for peak, start in zip(after, before, strict=True)))
    found.append(figure(f"{name}: the worker grows by", grown, "MB", limit=MOST_GROWN_MB))
    with removed(blobs):
        rate = timed(size_mb, lambda: pieces(server, base, token, size_mb))
    found.append(figure(f"{name}, by tus in pieces of {PIECE_MB} MB", rate, "MB/s", reference=reference))


def timed(size_mb: int, act: Callable[[], None]) -> float:
    begin = time.perf_counter()
    act()
    return size_mb / (time.perf_counter() - begin)


@contextlib.contextmanager
def removed(blobs: Path) -> "contextlib.Iterator[None]":
    """Removes the large files that the block leaves, so that the bench does not fill the disk."""
    yield
    for path in blobs.rglob("*"):
        if path.is_file() and path.stat().st_size > 64 * MB:
            path.unlink()


def raw(server: Server, base: str, headers: dict[str, str], size_mb: int) -> None:
    lines = [f"POST {base}/evidence/?filename=large.bin HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {size_mb * MB}"]
    lines += ["Content-Type: application/octet-stream", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    with socket.create_connection(("127.0.0.1", server.port), timeout=600) as sender:
        sender.sendall("\r\n".join([*lines, "", ""]).encode())
        pour(sender, size_mb)
        answer = sender.recv(65536)
    if not answer.startswith(b"HTTP/1.1 201"):
        raise RuntimeError(f"the upload was refused: {answer[:500]!r}")


def pieces(server: Server, base: str, headers: dict[str, str], size_mb: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)
    spoken = {**headers, "Tus-Resumable": "1.0.0"}
    begin = {**spoken, "Upload-Length": str(size_mb * MB), "Upload-Metadata": "filename bGFyZ2UuYmlu"}
    url = _asked(connection, "POST", f"{base}/uploads/", b"", begin, 201)["Location"]
    piece = os.urandom(MB) * PIECE_MB
    for at in range(0, size_mb * MB, PIECE_MB * MB):
        given = {**spoken, "Upload-Offset": str(at), "Content-Type": "application/offset+octet-stream"}
        _asked(connection, "PATCH", url, piece, given, 204)
    connection.close()


def _asked(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes, headers: dict[str, str], wanted: int
) -> http.client.HTTPMessage:
    connection.request(method, path, body=body, headers=headers)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != wanted:
        raise RuntimeError(f"{method} {path} answered {answer.status}: {text[:300]!r}")
    return answer.headers


def pour(sender: socket.socket, size_mb: int) -> None:
    piece = os.urandom(MB)
    for _ in range(size_mb):
        sender.sendall(piece)


def bare(var: Path, size_mb: int) -> float:
    """Megabytes a second of the bare loop."""
    path = var / "bare.bin"
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.uploads", str(path), str(size_mb)], cwd=ROOT, stdout=subprocess.PIPE
    )
    port = int(process.stdout.readline())
    with socket.create_connection(("127.0.0.1", port), timeout=600) as sender:
        begin = time.perf_counter()
        pour(sender, size_mb)
        sender.recv(64)
        seconds = time.perf_counter() - begin
    process.wait(60)
    path.unlink()
    return size_mb / seconds


def receive(path: str, size_mb: int) -> None:
    """The bare loop: read, hash, seal, write, force to disk, answer."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    cipher, digest, chunk, index = AESGCM(os.urandom(32)), hashlib.sha256(), 64 * 1024, 0
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    sender, _ = listener.accept()
    buffer = memoryview(bytearray(MB))
    left = size_mb * MB
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    while left:
        filled = 0
        while filled < min(MB, left):
            filled += sender.recv_into(buffer[filled:])
        piece = buffer[:filled]
        digest.update(piece)
        for at in range(0, filled, chunk):
            os.write(handle, cipher.encrypt(index.to_bytes(12), piece[at : at + chunk], None))
            index += 1
        left -= filled
    os.fsync(handle)
    os.close(handle)
    sender.sendall(json.dumps(digest.hexdigest()[:16]).encode())
    sender.close()


def _status(pid: int, name: str) -> float:
    text = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in text.splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    receive(sys.argv[1], int(sys.argv[2]))
