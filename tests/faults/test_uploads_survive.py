"""The server dies at every step of an upload, by every way in; the disk is full; two send at one place.

What was acknowledged is there, what was not acknowledged is not, or is whole; what is left behind is swept.
"""

import hashlib
import http.client
import json
import os
import socket
import subprocess
import threading
from contextlib import closing
from datetime import timedelta

import psutil
import pytest
from django.db import transaction

from evidence import clock, tenancy
from evidence.artifacts.models import ArtifactVersion
from evidence.uploads.models import Part, Upload
from evidence.vault import services as vault
from portal.jobs import sweeps
from tests.portal.uploads import tus
from tests.serving import Portal, get, wait

pytestmark = [pytest.mark.faults]
MB = 1024 * 1024
BEFORE = ["begun", "piece", "piece:3", "synced", "linked", "sealed", "recorded"]
WHOLE = [f"upload.{name}" for name in (*BEFORE, "committed")]
# A piece is synced and linked as a file is; the fourth of each is the joined file.
IN_PIECES = ["synced", "synced:3", "synced:4", "linked", "linked:3", "linked:4", "piece_sealed", "piece_sealed:3",
             "piece_counted", "piece_counted:2", "piece_committed", "piece_committed:2", "begun", "piece:2", "sealed",
             "joined", "recorded", "finished", "committed"]  # fmt: skip
# A file that was tried and not acknowledged.
LOST = (ConnectionError, http.client.HTTPException, TimeoutError)


class Caller:
    """One who sends to a server that may die at any moment."""

    def __init__(self, served: Portal) -> None:
        self._served = served
        self.uploads = served.path.replace("/evidence/", "/uploads/")

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, dict[str, str], bytes]:
        given = {"Authorization": f"Bearer {self._served.token}", **headers}
        with closing(http.client.HTTPConnection("127.0.0.1", self._served.port, timeout=60)) as connection:
            connection.request(method, path, body=body, headers=given)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()

    def raw(self, data: bytes, key: str) -> str:
        headers = {"Content-Type": "application/octet-stream", "Idempotency-Key": key}
        return self._recorded(self.ask("POST", f"{self._served.path}?filename=a.bin", data, **headers))

    def form(self, data: bytes, key: str) -> str:
        head = b'--end-of-a-field\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n'
        headers = {"Content-Type": "multipart/form-data; boundary=end-of-a-field", "Idempotency-Key": key}
        return self._recorded(
            self.ask("POST", self._served.path, head + data + b"\r\n--end-of-a-field--\r\n", **headers)
        )

    def _recorded(self, answer: tuple[int, dict[str, str], bytes]) -> str:
        status, _, body = answer
        assert status == 201, body[:500]
        return json.loads(body)["ref"]

    def begin(self, length: int) -> str:
        headers = {**tus.VERSION, "Upload-Length": str(length), "Upload-Metadata": tus.metadata(filename="a.bin")}
        status, given, body = self.ask("POST", self.uploads, **headers)
        assert status == 201, body
        return given["Location"]

    def stands(self, url: str) -> tuple[int, str]:
        status, given, _ = self.ask("HEAD", url, **tus.VERSION)
        assert status == 200
        return int(given["Upload-Offset"]), given.get("Clearhold-Evidence", "")

    def piece(self, url: str, at: int, data: bytes) -> tuple[int, str]:
        headers = {**tus.VERSION, "Upload-Offset": str(at), "Content-Type": tus.PIECE}
        status, given, body = self.ask("PATCH", url, data, **headers, **{"Upload-Checksum": tus.checksum(data)})
        assert status == 204, body
        return int(given["Upload-Offset"]), given.get("Clearhold-Evidence", "")


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def intact(served: Portal) -> dict[str, str]:
    """The SHA-256 of the stored bytes of all evidence, by its reference, each as it was recorded."""
    with transaction.atomic(), tenancy.entered(served.organization.pk):
        found = {}
        for version in ArtifactVersion.objects.select_related("artifact", "blob"):
            vault.verify(version.blob)
            found[version.artifact.ref] = version.sha256
        return found


def leftovers_after_a_day(served: Portal) -> int:
    """How many files nothing names, once the janitors have been."""
    with clock.at(clock.now() + timedelta(hours=25)), transaction.atomic(), tenancy.entered(served.organization.pk):
        sweeps.clear_blobs(served.organization.pk)
        sweeps.clear_uploads(served.organization.pk)
    with transaction.atomic(), tenancy.entered(served.organization.pk):
        named = ArtifactVersion.objects.count() + Part.objects.count()
    return len(served.files()) - named


@pytest.fixture
def mortal(served) -> Portal:
    served.kill()
    served.start(config="tests/faults/mortal_gunicorn.py")
    return served


def living(served: Portal) -> list[psutil.Process]:
    return [worker for worker in served.workers() if worker.status() != psutil.STATUS_ZOMBIE]


def dies(served: Portal, where: str, act) -> bool:
    """Whether the sender of `act` was left without an answer by a worker that dies at that place."""
    order = served.var / "crash-at"
    # The worker that answers is the one to be replaced: an order must not reach the successor of the last to die.
    wait(lambda: get(served, "/healthz")[0] == 200 and len(living(served)) == 1, seconds=60)
    order.write_text(where)
    living(served)[0].kill()
    wait(lambda: not order.exists() and get(served, "/healthz")[0] == 200, seconds=60)
    try:
        act()
    except LOST:
        return True
    return False


@pytest.mark.parametrize("way", ["raw", "form"])
def test_killed_at_every_step_of_a_whole_file(mortal, way):
    caller = Caller(mortal)
    send = getattr(caller, way)
    kept = {send(first := os.urandom(MB), "first"): digest(first)}
    tried = []
    for number, where in enumerate(WHOLE):
        data, before = os.urandom(3 * MB + 5), len(kept)
        assert dies(mortal, where, lambda data=data, number=number: send(data, f"key-{number}")), where
        found = intact(mortal)
        if where == "upload.committed":
            # Recorded whole, though its sender could not be told; the same key will tell.
            assert len(found) == before + 1
            kept = found
        assert found == kept, where
        tried.append((f"key-{number}", data))
    for key, data in tried:
        kept[send(data, key)] = digest(data)
    assert intact(mortal) == kept
    assert len(kept) == 1 + len(WHOLE)
    assert leftovers_after_a_day(mortal) == 0


def test_killed_at_every_step_of_a_file_in_pieces(mortal):
    caller = Caller(mortal)
    tried: list[tuple[str, bytes, int]] = []

    def send(data: bytes) -> None:
        url = caller.begin(len(data))
        at = 0
        try:
            while at < len(data):
                at, _ = caller.piece(url, at, data[at : at + MB])
        finally:
            tried.append((url, data, at))

    for where in IN_PIECES:
        assert dies(mortal, f"upload.{where}", lambda: send(os.urandom(2 * MB + 777_777))), where
    kept = {}
    for url, data, acknowledged in tried:
        at, ref = caller.stands(url)
        # A piece that counts was written whole; it may be one more than its sender heard of.
        assert acknowledged <= at <= acknowledged + MB
        assert at % MB == 0 or at == len(data)
        while not ref:
            at, ref = caller.piece(url, at, data[at : at + MB])
        kept[ref] = digest(data)
    assert len(kept) == len(IN_PIECES)
    assert intact(mortal) == kept
    assert leftovers_after_a_day(mortal) == 0


def test_a_full_disk_is_said_and_the_upload_goes_on_when_there_is_space(served):
    small, ballast = served.var / "small", served.var / "small" / "ballast"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(small)], capture_output=True).returncode:
        pytest.skip("mounting a small tmpfs needs root")
    try:
        served.kill()
        served.start(CLEARHOLD_BLOBS_DIR=str(small / "blobs"))
        caller, data = Caller(served), os.urandom(6 * MB)
        url = caller.begin(len(data))
        at, _ = caller.piece(url, 0, data[: 2 * MB])
        ballast.write_bytes(bytes(17 * MB))
        headers = {**tus.VERSION, "Upload-Offset": str(at), "Content-Type": tus.PIECE}
        for _ in range(2):
            status, _, body = caller.ask("PATCH", url, data[at:], **headers)
            assert (status, json.loads(body)["code"]) == (507, "storage_full"), body
            assert "What came before it is" in json.loads(body)["title"]
        assert caller.stands(url) == (2 * MB, "")
        # Room for the last piece, not for the whole file that it completes.
        ballast.write_bytes(bytes(11 * MB))
        assert caller.ask("PATCH", url, data[at:], **headers)[0] == 507
        assert caller.stands(url) == (2 * MB, "")
        ballast.unlink()
        _, ref = caller.piece(url, at, data[at:])
        assert ref == "E-001"
    finally:
        served.kill()
        subprocess.run(["umount", "-l", str(small)], check=True)
        served.start()


def test_of_two_who_send_at_one_place_one_counts(served):
    caller, data = Caller(served), os.urandom(4 * MB)
    url = caller.begin(len(data))
    head = {**tus.VERSION, "Upload-Offset": "0", "Content-Type": tus.PIECE}
    for _ in range(3):
        at, _ = caller.stands(url)
        statuses = []

        def send(at=at, statuses=statuses):
            given = {**head, "Upload-Offset": str(at)}
            statuses.append(caller.ask("PATCH", url, data[at : at + MB], **given)[0])

        threads = [threading.Thread(target=send) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(statuses) == [204, 409, 409, 409]
        assert caller.stands(url)[0] == at + MB
    statuses = []
    threads = [
        threading.Thread(
            target=lambda: statuses.append(
                caller.ask("PATCH", url, data[3 * MB :], **{**head, "Upload-Offset": str(3 * MB)})[0]
            )
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Whoever comes to a file that is recorded already hears so, or that it is what they sent.
    assert 204 in statuses and set(statuses) <= {204, 409}
    assert intact(served) == {"E-001": digest(data)}


def test_of_a_sender_who_goes_away_what_came_is_kept_and_goes_on(served):
    caller, data = Caller(served), os.urandom(6 * MB)
    url = caller.begin(len(data))
    lines = [f"PATCH {url} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(data)}", "Upload-Offset: 0"]
    lines += [f"Authorization: Bearer {served.token}", f"Content-Type: {tus.PIECE}", "Tus-Resumable: 1.0.0"]
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as sender:
        sender.sendall("\r\n".join([*lines, "", ""]).encode() + data[: 2 * MB])
    wait(lambda: caller.stands(url)[0] > 0, seconds=60)
    at, _ = caller.stands(url)
    assert at <= 2 * MB
    assert caller.piece(url, at, data[at:])[1] == "E-001"
    assert intact(served) == {"E-001": digest(data)}


def test_a_killed_server_loses_no_acknowledged_piece(served):
    caller, data = Caller(served), os.urandom(3 * MB)
    url = caller.begin(len(data))
    for number in range(2):
        at, _ = caller.piece(url, number * MB, data[number * MB : (number + 1) * MB])
        served.kill()
        served.start()
        assert caller.stands(url) == (at, "")
    assert caller.piece(url, at, data[at:])[1] == "E-001"
    with transaction.atomic(), tenancy.entered(served.organization.pk):
        assert Upload.objects.get().state == "recorded"
