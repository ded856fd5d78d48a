from collections.abc import Iterator

import pytest

from remediation.approvals import subjects
from remediation.approvals.actions import ACTIONS
from tests.people import org, other_org, people  # noqa: F401
from tests.remediation.subjects import TYPE, Thing, registered


@pytest.fixture
def thing() -> Iterator[Thing]:
    made = Thing()
    registered(made, *ACTIONS)
    yield made
    for action in ACTIONS:
        subjects.forget(TYPE, action)
