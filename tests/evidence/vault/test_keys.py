"""Key-encryption keys: several may open, one seals, and none is ever silently the wrong one."""

import base64
import os
import stat
from dataclasses import replace
from uuid import uuid4

import pytest

from evidence.vault import keys
from evidence.vault.keys import HeldKeys, KeyMissing, KeyUnsafe, Wrapped
from evidence.vault.sealing import WrongKey, new_data_key

BLOB = uuid4()


@pytest.fixture
def folder(tmp_path, settings, monkeypatch):
    settings.CLEARHOLD_KEYS_DIR = tmp_path / "keys"
    settings.CLEARHOLD_KEYS_CREATE = False
    monkeypatch.delenv("CLEARHOLD_VAULT_KEYS", raising=False)
    monkeypatch.delenv("CLEARHOLD_VAULT_CURRENT_KEY", raising=False)
    return tmp_path / "keys"


def test_a_data_key_comes_back_from_its_wrapping(folder):
    kek_id = keys.create(folder)
    data_key = new_data_key()
    wrapped = keys.keyring().wrap(data_key, blob_id=BLOB)
    assert wrapped.kek_id == kek_id
    assert data_key not in wrapped.data
    assert keys.keyring().unwrap(wrapped, blob_id=BLOB) == data_key


def test_after_a_rotation_the_old_key_opens_and_the_new_one_seals(folder):
    first = keys.create(folder, "first")
    wrapped = keys.keyring().wrap(b"k" * 32, blob_id=BLOB)
    second = keys.create(folder, "second")
    ring = keys.keyring()
    assert (ring.current, wrapped.kek_id) == (second, first)
    assert ring.unwrap(wrapped, blob_id=BLOB) == b"k" * 32


def test_a_wrapping_opens_only_for_its_blob_and_under_its_key_id(folder):
    keys.create(folder, "one")
    keys.create(folder, "two")
    ring = keys.keyring()
    wrapped = ring.wrap(b"k" * 32, blob_id=BLOB)
    with pytest.raises(WrongKey, match="Key two"):
        ring.unwrap(wrapped, blob_id=uuid4())
    with pytest.raises(WrongKey, match="Key one"):
        ring.unwrap(replace(wrapped, kek_id="one"), blob_id=BLOB)
    broken = bytearray(wrapped.data)
    broken[20] ^= 1
    with pytest.raises(WrongKey):
        ring.unwrap(Wrapped("two", bytes(broken)), blob_id=BLOB)
    with pytest.raises(WrongKey):
        ring.unwrap(Wrapped("two", b"short"), blob_id=BLOB)


def test_the_same_id_with_another_key_is_noticed():
    wrapped = HeldKeys({"k": b"a" * 32}, "k").wrap(b"k" * 32, blob_id=BLOB)
    with pytest.raises(WrongKey, match="exchanged"):
        HeldKeys({"k": b"b" * 32}, "k").unwrap(wrapped, blob_id=BLOB)


def test_a_missing_key_is_named_with_those_that_are_there(folder):
    keys.create(folder, "here")
    with pytest.raises(KeyMissing, match=r"gone is not here; these are: here"):
        keys.keyring().unwrap(Wrapped("gone", b"\x01" + bytes(60)), blob_id=BLOB)


def test_without_any_key_the_refusal_says_how_to_make_one(folder):
    with pytest.raises(KeyMissing, match="vault_keys --create"):
        keys.keyring()


def test_a_key_that_others_can_read_is_refused(folder):
    keys.create(folder, "open")
    (folder / "vault-open.key").chmod(0o644)
    with pytest.raises(KeyUnsafe, match="chmod 600"):
        keys.keyring()


def test_a_file_that_holds_no_key_is_refused_by_name(folder):
    keys.create(folder, "good")
    bad = folder / "vault-bad.key"
    bad.touch(mode=0o600)
    bad.write_text("not a key")
    with pytest.raises(KeyUnsafe, match=r"vault-bad\.key"):
        keys.keyring()


def test_keys_are_written_for_the_owner_alone_and_never_over_another(folder):
    keys.create(folder, "mine")
    assert stat.S_IMODE((folder / "vault-mine.key").stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        keys.create(folder, "mine")
    with pytest.raises(ValueError):
        keys.create(folder, "../theirs")


def test_keys_from_the_environment_join_those_from_files(folder, monkeypatch):
    keys.create(folder, "file")
    sealed = keys.keyring().wrap(b"k" * 32, blob_id=BLOB)
    monkeypatch.setenv("CLEARHOLD_VAULT_KEYS", "env=" + base64.b64encode(os.urandom(32)).decode())
    monkeypatch.setenv("CLEARHOLD_VAULT_CURRENT_KEY", "env")
    ring = keys.keyring()
    assert ring.current == "env"
    assert ring.unwrap(sealed, blob_id=BLOB) == b"k" * 32
    monkeypatch.setenv("CLEARHOLD_VAULT_KEYS", "env=zzz")
    with pytest.raises(KeyUnsafe, match="CLEARHOLD_VAULT_KEYS, key env"):
        keys.keyring()
