"""What the stories of evidence share: a stored file, and a store of the test's own."""

import io

import pytest

from evidence.artifacts import services as artifacts
from evidence.artifacts.facts import VersionFacts
from evidence.intake import services as intake


@pytest.fixture(autouse=True)
def own_store(settings, tmp_path):
    settings.CLEARHOLD_BLOBS_DIR = tmp_path / "blobs"
    settings.CLEARHOLD_KEYS_DIR = tmp_path / "keys"
    return tmp_path


@pytest.fixture
def take(org):
    def taken(data: bytes = b"week,result\nW12,OK\n", filename: str = "leavers.csv", **given):
        given.setdefault("limit_bytes", 10_000_000)
        return intake.take(io.BytesIO(data), filename=filename, organization_id=org.pk, **given)

    return taken


@pytest.fixture
def uploaded(take, people):
    """Evidence that Ines uploaded."""

    def added(
        data: bytes = b"week,result\nW12,OK\n", *, actor=None, title="Leaver reconciliation", kind="report", **facts
    ):
        about = VersionFacts(**facts)
        return artifacts.add(take(data), title=title, kind=kind, about=about, actor=actor or people.ines)

    return added
