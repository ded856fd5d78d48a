"""Every test of the vault has stores and keys of its own."""

import io
from collections.abc import Iterator

import pytest

from evidence.vault import services as vault
from evidence.vault.models import Blob
from tests.evidence.vault import stores


@pytest.fixture(autouse=True)
def own_places(settings, tmp_path):
    """A folder and keys of the test's own; no bucket."""
    settings.CLEARHOLD_BLOBS_DIR = tmp_path / "blobs"
    settings.CLEARHOLD_KEYS_DIR = tmp_path / "keys"
    settings.CLEARHOLD_BLOB_BACKEND = "local"
    settings.CLEARHOLD_S3 = {}
    return tmp_path


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    with stores.moto() as endpoint:
        yield endpoint


@pytest.fixture
def folder(own_places, settings) -> stores.LocalBelow:
    return stores.LocalBelow(settings.CLEARHOLD_BLOBS_DIR)


@pytest.fixture
def bucket(moto, own_places) -> stores.BucketBelow:
    """A bucket with versions that is set up, while the folder stays the current store."""
    return stores.use_bucket(moto, stores.new_bucket(moto))


@pytest.fixture(params=["local", "s3"])
def store(request, settings):
    """The current store, of each kind in turn."""
    below = request.getfixturevalue("folder" if request.param == "local" else "bucket")
    settings.CLEARHOLD_BLOB_BACKEND = request.param
    return below


@pytest.fixture
def keep(org):
    def kept(data: bytes) -> Blob:
        return vault.adopt(vault.store(io.BytesIO(data), organization_id=org.pk, limit_bytes=10**10))

    return kept
