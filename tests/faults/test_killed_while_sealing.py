"""A sequencer killed at any step of a checkpoint: no event is lost, none stands twice, and nothing is signed unremembered."""

import os
from itertools import pairwise

import pytest
from django.conf import settings

from evidence.ledger import keys, notes, proofs, services, signer, tree
from evidence.ledger.models import Alarm, Checkpoint, Entry, Event, Queue
from tests.faults.conftest import House

pytestmark = [pytest.mark.slow, pytest.mark.faults]

STEPS = [
    "checkpoint.taken",
    "checkpoint.tiled",
    "checkpoint.signed",
    "signer.drafted:1",
    "checkpoint.intended",
    "checkpoint.committed",
    "signer.drafted:2",
    "checkpoint.confirmed",
]
COMMITTED = STEPS[STEPS.index("checkpoint.committed") :]


def counts(house: House) -> tuple[int, int, int]:
    """Events recorded, with a place, waiting."""
    with house.inside():
        return Event.objects.count(), Entry.objects.count(), Queue.objects.count()


def record(house: House, count: int) -> list[str]:
    return house.do("record", organization=str(house.organization.pk), count=count).result


@pytest.mark.parametrize("step", STEPS)
def test_a_checkpoint_killed_at_any_step_is_whole_or_was_never_made(house, step):
    told, sealed = [], 0
    # The first checkpoint of all, and one that continues another.
    for _ in range(2):
        told += record(house, 3)
        assert house.seal(crash_at=step).was_killed
        sealed = len(told) if step in COMMITTED else sealed
        assert counts(house) == (len(told), sealed, len(told) - sealed)
        house.verify()
        # Work goes on while the sequencer is away.
        told += record(house, 2)
        assert house.seal().signal == 0
        sealed = len(told)
        assert counts(house) == (len(told), len(told), 0)
        house.verify()
    with house.inside():
        assert {str(one) for one in Entry.objects.values_list("event_id", flat=True)} == set(told)
        assert not Alarm.objects.exists()
    assert_one_history(house)
    assert signer.load(house.organization.pk).pending is None
    assert_no_leftovers()


def assert_one_history(house: House) -> None:
    """Every checkpoint that was ever signed is continued by the next."""
    public = keys.verifier_keys(house.organization.pk)
    with house.inside():
        sizes = list(Checkpoint.objects.order_by("size").values_list("size", flat=True))
        heads = [notes.open_checkpoint(services.checkpoint(house.organization.pk, size), public) for size in sizes]
        for old, new in pairwise(heads):
            change = proofs.Consistency.parse(services.consistency_proof(house.organization.pk, old.size, new.size))
            assert tree.verify_consistency(old.size, new.size, old.root, new.root, change.hashes)


def assert_no_leftovers() -> None:
    """The next round takes over the draft of the one that died."""
    assert {name.rpartition(".")[2] for name in os.listdir(settings.CLEARHOLD_SIGNER_DIR)} == {"json", "lock"}


def test_a_key_whose_making_was_killed_is_made_whole_by_the_next_start(house):
    record(house, 1)
    keys.ensure_key().with_suffix(".pub").unlink()
    assert house.seal().result == 1
    house.verify()
