"""What every keyring promises, ours and one that asks a key management service: a plug-in should keep it too."""

from dataclasses import replace
from uuid import uuid4

import pytest

from evidence.vault import checking, keys, rotation
from evidence.vault import services as vault
from evidence.vault.keys import KeyMissing, KeysUnavailable, Wrapped
from evidence.vault.models import Blob
from evidence.vault.sealing import WrongKey, new_data_key
from tests.evidence.vault import kms


class Files:
    """Keys in a folder."""

    def __init__(self, folder) -> None:
        self.folder = folder
        keys.create(folder, "one")

    def turn(self, kek_id: str) -> None:
        keys.create(self.folder, kek_id)


@pytest.fixture(params=["files", "kms"])
def keeper(request, settings, monkeypatch):
    """Whoever keeps the keys, set up as the current keyring; `turn` makes a new key current."""
    if request.param == "files":
        yield Files(settings.CLEARHOLD_KEYS_DIR)
        return
    with kms.serving() as (service, address):
        monkeypatch.setenv(kms.ADDRESS, address)
        settings.CLEARHOLD_VAULT_KEYRING = "tests.evidence.vault.kms.Keyring"
        yield service


def test_a_data_key_comes_back_from_its_wrapping_and_is_not_in_it(keeper):
    ring, data_key, blob_id = keys.keyring(), new_data_key(), uuid4()
    wrapped = ring.wrap(data_key, blob_id=blob_id)
    assert (wrapped.kek_id, wrapped.kek_id in ring.known()) == (ring.current, True)
    assert 0 < len(wrapped.kek_id) <= 63
    assert data_key not in wrapped.data
    assert ring.unwrap(wrapped, blob_id=blob_id) == data_key
    assert ring.wrap(data_key, blob_id=blob_id).data != wrapped.data


def test_a_wrapping_opens_for_its_blob_alone_and_unaltered(keeper):
    ring, blob_id = keys.keyring(), uuid4()
    wrapped = ring.wrap(new_data_key(), blob_id=blob_id)
    with pytest.raises(WrongKey):
        ring.unwrap(wrapped, blob_id=uuid4())
    for place in (0, len(wrapped.data) // 2, len(wrapped.data) - 1):
        broken = bytearray(wrapped.data)
        broken[place] ^= 1
        with pytest.raises(WrongKey):
            ring.unwrap(Wrapped(wrapped.kek_id, bytes(broken)), blob_id=blob_id)
    with pytest.raises(WrongKey):
        ring.unwrap(replace(wrapped, data=b"short"), blob_id=blob_id)


def test_after_a_turn_the_old_key_opens_and_the_new_one_wraps(keeper):
    blob_id = uuid4()
    wrapped = keys.keyring().wrap(b"k" * 32, blob_id=blob_id)
    keeper.turn("two")
    ring = keys.keyring()
    assert ring.current == "two"
    assert {wrapped.kek_id, "two"} <= set(ring.known())
    assert ring.unwrap(wrapped, blob_id=blob_id) == b"k" * 32
    with pytest.raises((WrongKey, KeyMissing)):
        ring.unwrap(replace(wrapped, kek_id="two"), blob_id=blob_id)


def test_a_key_that_is_not_there_is_named(keeper):
    with pytest.raises(KeyMissing, match="gone"):
        keys.keyring().unwrap(Wrapped("gone", b"\x01" + bytes(60)), blob_id=uuid4())


def test_all_files_are_wrapped_anew_in_batches_and_nothing_is_rewritten(keeper, folder, keep, people, org, monkeypatch):
    monkeypatch.setattr(rotation, "BATCH_ROWS", 2)
    blobs = [keep(bytes([number])) for number in range(5)]
    sealed = [folder.raw(blob.location) for blob in blobs]
    keeper.turn("two")
    told = []
    done = rotation.rewrap_all(
        actor=people.adam, inside=checking.entering(org.pk), watch=lambda *given: told.append(given)
    )
    assert done == 5
    assert told[-1] == (5, 5, "5 keys are wrapped by two")
    assert set(Blob.objects.values_list("kek_id", flat=True)) == {"two"}
    assert [folder.raw(blob.location) for blob in blobs] == sealed
    for blob in Blob.objects.all():
        vault.verify(blob)
    assert [(one.kek_id, one.files, one.is_current) for one in rotation.wrappings() if one.files] == [("two", 5, True)]


def test_a_service_that_is_away_is_said_and_blames_no_file(keep, folder, settings, monkeypatch):
    settings.CLEARHOLD_VAULT_KEYRING = "tests.evidence.vault.kms.Keyring"
    with kms.serving() as (_, address):
        monkeypatch.setenv(kms.ADDRESS, address)
        blob = keep(b"evidence")
    with pytest.raises(KeysUnavailable, match="does not answer"):
        vault.open(blob)
    assert checking.examine(blob).outcome == "unread"
    assert not rotation.wrappings()[0].is_here


def test_a_keyring_that_cannot_be_loaded_is_named(settings):
    settings.CLEARHOLD_VAULT_KEYRING = "acme.kms.Keyring"
    with pytest.raises(KeysUnavailable, match=r"acme\.kms\.Keyring"):
        keys.keyring()
