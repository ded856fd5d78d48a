"""A store of the test's own, a caller who may upload, and the file that is sent."""

import pytest
from django.test import Client

from tests.portal.edge.test_who_is_let_in import bearer


@pytest.fixture(autouse=True)
def own_store(settings, tmp_path):
    settings.CLEARHOLD_BLOBS_DIR = tmp_path / "blobs"
    settings.CLEARHOLD_KEYS_DIR = tmp_path / "keys"


def caller(org, someone) -> Client:
    headers, _ = bearer(someone, "evidence.upload", "evidence.view", "evidence.download")
    client = Client(headers=headers)
    client.root = f"/api/v1/organizations/{org.slug}/uploads/"
    client.push = f"/api/v1/organizations/{org.slug}/evidence/"
    return client


@pytest.fixture
def api(org, people) -> Client:
    return caller(org, people.ines)


@pytest.fixture
def committed(django_capture_on_commit_callbacks):
    """What happens after a commit happens at the end of the block."""

    def block():
        return django_capture_on_commit_callbacks(execute=True)

    return block
