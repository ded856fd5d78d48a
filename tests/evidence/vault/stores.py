"""Stores of a test's own, of every kind, with a hand below them: what a broken disk or a thief could do to them."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from evidence.vault.backends import Backend, named
from evidence.vault.models import Blob

LOGIN = {"access_key": "testing", "secret_key": "testing", "region": "us-east-1", "addressing": "path"}


class LocalBelow:
    """A folder, and files in it."""

    name = "local"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def backend(self) -> Backend:
        return named(self.name)

    def everything(self) -> list[str]:
        return sorted(path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file())

    def raw(self, location: str) -> bytes:
        return (self.folder / location).read_bytes()

    def rewrite(self, location: str, data: bytes) -> None:
        (self.folder / location).write_bytes(data)

    def lose(self, location: str) -> None:
        (self.folder / location).unlink()

    def has_plain(self, canary: bytes) -> bool:
        return any(canary in self.raw(location) for location in self.everything())


class BucketBelow:
    """A bucket of a moto server in this process, and the server's own memory."""

    name = "s3"

    def __init__(self, bucket: str) -> None:
        self.bucket = bucket

    @property
    def backend(self) -> Backend:
        return named(self.name)

    def _held(self):
        from moto.backends import get_backend

        return get_backend("s3")["123456789012"]["aws"].buckets[self.bucket]

    def everything(self) -> list[str]:
        held = self._held()
        uploads = [upload.key_name for upload in held.multiparts.values()]
        return sorted([key.name for _, keys in held.keys.lists() for key in keys] + uploads)

    def _key(self, location: str):
        return self._held().keys.getlist(location)[-1]

    def raw(self, location: str) -> bytes:
        return self._key(location).value

    def rewrite(self, location: str, data: bytes) -> None:
        self._key(location).value = data

    def lose(self, location: str) -> None:
        self._held().keys.setlist(location, [])
        del self._held().keys[location]

    def has_plain(self, canary: bytes) -> bool:
        return any(canary in key.value for _, keys in self._held().keys.lists() for key in keys)


@contextmanager
def moto() -> Iterator[str]:
    """A moto server, and its address."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield "http://{}:{}".format(*server.get_host_and_port())
    finally:
        server.stop()


def client(endpoint: str):
    """A client of the test's own."""
    import boto3

    return boto3.client(
        "s3", endpoint_url=endpoint, aws_access_key_id="testing", aws_secret_access_key="testing",
        region_name="us-east-1",
    )  # fmt: skip


def new_bucket(endpoint: str, *, versions: bool = True, lock: bool = False) -> str:
    name = f"evidence-{os.urandom(6).hex()}"
    asking = client(endpoint)
    asking.create_bucket(Bucket=name, ObjectLockEnabledForBucket=lock)
    if versions:
        asking.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def use_bucket(endpoint: str, bucket: str, **more) -> BucketBelow:
    """Point the settings at a bucket, without making it the current store."""
    settings.CLEARHOLD_S3 = {**LOGIN, "bucket": bucket, "endpoint": endpoint, **more}
    return BucketBelow(bucket)


def damage(below, blob: Blob, change: Callable[[bytes], bytes]) -> None:
    """Alter the sealed bytes of a blob behind everybody's back."""
    below.rewrite(blob.location, change(below.raw(blob.location)))
