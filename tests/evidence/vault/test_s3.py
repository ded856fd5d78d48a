"""A bucket: versions, locks that only grow, conditional writes, and plain words when it is away or set up wrongly."""

import base64
import hashlib
import io
import threading
from contextlib import contextmanager
from datetime import UTC, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.core.checks import run_checks

from evidence import clock
from evidence.vault import services as vault
from evidence.vault.backends import Locked, StorageFailed, StorageFull, named
from evidence.vault.backends.s3 import drafts, readers
from tests.evidence.vault import stores
from tests.evidence.vault.test_stores import PLACE, put


@pytest.fixture
def locked(moto, own_places, settings):
    """A bucket with Object Lock, as the current store: ten days of compliance."""
    below = stores.use_bucket(moto, stores.new_bucket(moto, lock=True), lock_mode="COMPLIANCE", lock_days=10)
    settings.CLEARHOLD_BLOB_BACKEND = "s3"
    return below


def until(moto, below, version):
    found = stores.client(moto).head_object(Bucket=below.bucket, Key=PLACE, VersionId=version)
    return found["ObjectLockMode"], found["ObjectLockRetainUntilDate"]


def test_the_version_that_was_kept_is_read_although_somebody_put_another_one_over_it(bucket, moto):
    version = put(bucket.backend, PLACE, b"evidence")
    assert version
    stores.client(moto).put_object(Bucket=bucket.bucket, Key=PLACE, Body=b"a forgery")
    with bucket.backend.reader(PLACE, version) as reader:
        assert reader.read_at(0, 100) == b"evidence"


def test_the_version_that_was_kept_is_read_although_somebody_deleted_it(bucket, moto):
    version = put(bucket.backend, PLACE, b"evidence")
    stores.client(moto).delete_object(Bucket=bucket.bucket, Key=PLACE)
    with bucket.backend.reader(PLACE, version) as reader:
        assert reader.read_at(0, 100) == b"evidence"


def test_the_server_is_told_the_hash_it_has_to_find(bucket, moto):
    version = put(bucket.backend, PLACE, b"evidence")
    facts = stores.client(moto).head_object(Bucket=bucket.bucket, Key=PLACE, VersionId=version, ChecksumMode="ENABLED")
    assert facts["ChecksumSHA256"] == base64.b64encode(hashlib.sha256(b"evidence").digest()).decode()


@pytest.mark.parametrize("size", [8, 6 * 1024 * 1024])
def test_what_is_kept_is_locked_for_as_many_days_as_the_settings_say(locked, moto, monkeypatch, size):
    monkeypatch.setattr(drafts, "PART_BYTES", 5 * 1024 * 1024)
    version = put(locked.backend, PLACE, bytes(size))
    mode, end = until(moto, locked, version)
    assert mode == "COMPLIANCE"
    assert timedelta(days=9, hours=23) < end - clock.now() <= timedelta(days=10)


def test_what_is_locked_is_not_removed_and_the_refusal_says_so(locked):
    version = put(locked.backend, PLACE, b"evidence")
    [stored] = locked.backend.copies(PLACE)
    with pytest.raises(Locked, match="under a lock"):
        locked.backend.remove(stored)
    with locked.backend.reader(PLACE, version) as reader:
        assert reader.read_at(0, 8) == b"evidence"


def test_a_lock_grows(locked, moto):
    version = put(locked.backend, PLACE, b"evidence")
    later = (clock.now() + timedelta(days=3000)).replace(microsecond=0)
    assert locked.backend.lock_until(PLACE, version, later)
    assert until(moto, locked, version) == ("COMPLIANCE", later)


def test_a_shorter_lock_is_never_asked_for(locked, moto, monkeypatch):
    """Our test server would shorten a lock of compliance, which S3 never does: so we must not ask."""
    version = put(locked.backend, PLACE, b"evidence")
    before = until(moto, locked, version)
    asked = []
    backend = locked.backend
    monkeypatch.setattr(backend.client, "put_object_retention", lambda **given: asked.append(given), raising=False)
    for days in (0, 1, 9):
        assert backend.lock_until(PLACE, version, clock.now() + timedelta(days=days))
    assert asked == []
    assert until(moto, locked, version) == before


def test_a_lock_never_takes_a_weaker_mode(locked, moto, settings):
    version = put(locked.backend, PLACE, b"evidence")
    settings.CLEARHOLD_S3 = {**settings.CLEARHOLD_S3, "lock_mode": "GOVERNANCE"}
    assert named("s3").lock_until(PLACE, version, clock.now() + timedelta(days=99))
    assert until(moto, locked, version)[0] == "COMPLIANCE"


def test_nothing_passes_by_a_lock_of_governance(moto, own_places):
    below = stores.use_bucket(moto, stores.new_bucket(moto, lock=True), lock_mode="GOVERNANCE", lock_days=1)
    put(below.backend, PLACE, b"evidence")
    [stored] = below.backend.copies(PLACE)
    with pytest.raises(Locked):
        below.backend.remove(stored)


def test_a_legal_hold_of_the_store_keeps_bytes_until_it_is_taken_off(moto, own_places):
    below = stores.use_bucket(moto, stores.new_bucket(moto, lock=True), lock_mode="GOVERNANCE", lock_days=1)
    version = put(below.backend, PLACE, b"evidence")
    assert below.backend.hold(PLACE, version, on=True)
    [stored] = below.backend.copies(PLACE)
    with clock.at(clock.now() + timedelta(days=2)), pytest.raises(Locked):
        below.backend.remove(stored)
    assert below.backend.hold(PLACE, version, on=False)


def test_a_disk_says_that_it_can_lock_nothing(folder):
    put(folder.backend, PLACE, b"evidence")
    assert not folder.backend.lock_until(PLACE, "", clock.now())
    assert not folder.backend.hold(PLACE, "", on=True)


def test_bytes_of_a_refused_upload_stay_under_their_lock_without_a_second_refusal(locked, org):
    sealed = vault.store(io.BytesIO(b"refused"), organization_id=org.pk, limit_bytes=100)
    vault.discard(sealed)
    assert locked.everything() == [sealed.location]
    with clock.at(clock.now().astimezone(UTC) + timedelta(days=2)):
        assert vault.sweep(org.pk) == []


def test_an_answer_that_was_lost_is_told_apart_from_a_stranger(bucket, monkeypatch):
    """The first attempt arrived, its answer did not, and the retry finds the name taken: by ourselves."""
    backend = bucket.backend
    draft = backend.draft(PLACE)
    draft.write(b"evidence")
    real = backend.client.put_object

    def twice(**given):
        real(**given)
        return real(**given)

    monkeypatch.setattr(backend.client, "put_object", twice, raising=False)
    version = draft.keep()
    with backend.reader(PLACE, version) as reader:
        assert reader.read_at(0, 8) == b"evidence"


def test_an_answer_that_breaks_off_is_asked_for_again(bucket):
    from botocore.exceptions import IncompleteReadError

    data = bytes(range(256)) * 4096
    version = put(bucket.backend, PLACE, data)
    with bucket.backend.reader(PLACE, version) as reader:
        assert reader.read_at(70_000, 1000) == data[70_000:71_000]
        reader.read_at(71_000, 1000)

        class Broken:
            def read(self, length):
                raise IncompleteReadError(actual_bytes=1, expected_bytes=length)

            def close(self):
                pass

        reader._body = Broken()
        assert reader.read_at(72_000, 1000) == data[72_000:73_000]


def test_reading_in_order_asks_once_for_many_pieces(bucket, monkeypatch):
    data = bytes(3 * 1024 * 1024)
    version = put(bucket.backend, PLACE, data)
    asked = []
    real = readers.BucketReader._get
    monkeypatch.setattr(readers.BucketReader, "_get", lambda *given: asked.append(given[1:]) or real(*given))
    with bucket.backend.reader(PLACE, version) as reader:
        for at in range(0, len(data), 100_000):
            reader.read_at(at, 100_000)
    assert len(asked) == 2


# What an operator reads.


def use(endpoint, bucket="evidence", **more):
    return stores.use_bucket(endpoint, bucket, connect_seconds=1, read_seconds=2, attempts=1, **more).backend


@contextmanager
def answering(status: int, code: str):
    """A server that refuses everything in the same way."""

    class Refusing(BaseHTTPRequestHandler):
        def _answer(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else body)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _answer

        def log_message(self, *given):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_a_store_that_is_away_says_so_and_keeps_nothing():
    with pytest.raises(StorageFailed, match=r"can't be written: it does not answer.*Nothing of this file was kept"):
        put(use("http://127.0.0.1:1"), PLACE, b"x")
    with pytest.raises(StorageFailed, match="can't be read: it does not answer"):
        use("http://127.0.0.1:1").reader(PLACE)
    with pytest.raises(StorageFailed, match="can't be listed"):
        list(use("http://127.0.0.1:1").listing("org"))
    assert "does not answer" in use("http://127.0.0.1:1").faults()[0]


def test_a_login_that_is_refused_is_named(own_places):
    with answering(403, "AccessDenied") as endpoint:
        with pytest.raises(StorageFailed, match=r"refuses our login \(AccessDenied\)"):
            put(use(endpoint), PLACE, b"x")
        with pytest.raises(StorageFailed, match="refuses our login"):
            use(endpoint).reader(PLACE)
        assert "refuses our login" in use(endpoint).faults()[0]


@pytest.mark.parametrize(("status", "code"), [(507, "InsufficientStorage"), (403, "QuotaExceeded")])
def test_a_full_store_is_said(own_places, status, code):
    with answering(status, code) as endpoint, pytest.raises(StorageFull, match=r"no space left.*nothing of this file"):
        put(use(endpoint), PLACE, b"x")


def test_a_bucket_that_is_not_there_is_named(moto, own_places):
    with pytest.raises(StorageFailed, match="there is no bucket nowhere"):
        put(use(moto, "nowhere"), PLACE, b"x")


def test_without_a_bucket_the_setting_is_named(settings):
    settings.CLEARHOLD_S3 = {}
    with pytest.raises(StorageFailed, match="CLEARHOLD_S3_BUCKET"):
        named("s3")


def deploy_faults() -> list[str]:
    return [error.msg for error in run_checks(tags=["vault"], include_deployment_checks=True)]


def test_the_check_before_a_start_names_a_bucket_without_versions_or_locks(moto, own_places, settings):
    settings.CLEARHOLD_BLOB_BACKEND = "s3"
    use(moto, stores.new_bucket(moto, versions=False), lock_mode="COMPLIANCE", lock_days=0)
    found = " ".join(deploy_faults())
    assert "keeps no versions" in found
    assert "has no Object Lock" in found
    assert "CLEARHOLD_S3_LOCK_DAYS" in found
    use(moto, stores.new_bucket(moto, lock=True), lock_mode="COMPLIANCE", lock_days=3)
    assert deploy_faults() == []
    use(moto, stores.new_bucket(moto), lock_mode="FOREVER")
    assert "may be GOVERNANCE, COMPLIANCE or empty" in deploy_faults()[0]
    settings.CLEARHOLD_BLOB_BACKEND = "punchcards"
    assert "punchcards" in deploy_faults()[0]
