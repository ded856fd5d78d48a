"""An organization with a history of its own, and a signer that forgets after each test."""

import pytest

from evidence.ledger import keys, services
from evidence.ledger.events import Event

THING_MADE = Event("thing.made", "{actor} made {subject}")
THING_CHANGED = Event("thing.changed", "{actor} changed {subject}")
TYPE = "tests.thing"


@pytest.fixture(autouse=True)
def signer_of_its_own(settings, tmp_path):
    settings.CLEARHOLD_KEYS_DIR = tmp_path / "keys"
    settings.CLEARHOLD_SIGNER_DIR = tmp_path / "signer"
    keys.ensure_key()


def thing(key, ref="X-001"):
    return services.Subject(TYPE, key, ref)
