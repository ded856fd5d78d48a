from collections.abc import Iterator

import pytest

from remediation.approvals import subjects
from remediation.approvals.actions import ACTIONS
from tests.people import People
from tests.remediation.story import Story
from tests.remediation.subjects import TYPE, Thing, registered


@pytest.fixture
def thing() -> Iterator[Thing]:
    made = Thing()
    registered(made, *ACTIONS)
    yield made
    for action in ACTIONS:
        subjects.forget(TYPE, action)


@pytest.fixture
def story(people: People, settings, tmp_path) -> Story:
    settings.CLEARHOLD_BLOBS_DIR = tmp_path / "blobs"
    settings.CLEARHOLD_KEYS_DIR, settings.CLEARHOLD_SIGNER_DIR = tmp_path / "keys", tmp_path / "signer"
    return Story(people)
