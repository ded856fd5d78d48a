"""Bytes are kept sealed, come back checked, and what is wrong with them is said by name."""

import hashlib
import io
import os
import resource
import subprocess
import time
from datetime import UTC, datetime

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from evidence import clock, tenancy
from evidence.errors import Invalid, NotAllowed, TooLarge
from evidence.vault import keys, rotation, sealing
from evidence.vault import services as vault
from evidence.vault.backends import BlobGone, StorageFull
from evidence.vault.models import Blob
from tests.evidence.vault.stores import damage
from tests.people import People

CANARY = b"plaintext canary 8f1c: nobody may read this on disk"


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 3_000_000])
def test_bytes_come_back_as_they_were(store, keep, size):
    data = os.urandom(size)
    blob = keep(data)
    assert (blob.size, blob.sha256) == (size, hashlib.sha256(data).hexdigest())
    assert b"".join(vault.open(blob)) == data
    assert b"".join(vault.open(blob, 10, 1000)) == data[10:1010]
    with vault.plain(blob) as file:
        file.seek(-min(size, 7), io.SEEK_END)
        assert file.read() == data[size - min(size, 7) :]


def test_the_plain_bytes_stand_nowhere_in_the_store_or_on_disk(store, keep, own_places):
    keep(CANARY * 2000)
    found = subprocess.run(["grep", "-r", "-l", "-a", "plaintext canary 8f1c", str(own_places)], capture_output=True)
    assert found.stdout == b""
    assert not store.has_plain(CANARY)
    assert store.everything()


def test_a_file_over_the_limit_leaves_nothing(org, store):
    with pytest.raises(TooLarge) as refusal:
        vault.store(io.BytesIO(bytes(2001)), organization_id=org.pk, limit_bytes=2000)
    assert refusal.value.details == {"limit_bytes": 2000}
    assert store.everything() == []


def test_a_stream_that_breaks_leaves_nothing(org, store):
    class Broken:
        pieces = 3

        def read(self, size):
            self.pieces -= 1
            if not self.pieces:
                raise ConnectionResetError
            return bytes(size)

    with pytest.raises(ConnectionResetError):
        vault.store(Broken(), organization_id=org.pk, limit_bytes=10**9)
    assert store.everything() == []


def test_stored_bytes_whose_row_was_refused_can_be_removed(org, store):
    sealed = vault.store(io.BytesIO(b"x"), organization_id=org.pk, limit_bytes=10)
    vault.discard(sealed)
    assert store.everything() == []


def test_damage_is_refused_by_name(store, keep):
    blob = keep(os.urandom(200_000))
    damage(store, blob, lambda data: data[:70_000] + bytes([data[70_000] ^ 1]) + data[70_001:])
    with pytest.raises(sealing.Altered, match=f"Chunk 1 of blob {blob.pk}"):
        list(vault.open(blob))
    assert len(b"".join(vault.open(blob, 140_000, 100))) == 100


def test_a_cut_file_and_a_missing_file_are_told_apart(store, keep):
    blob = keep(os.urandom(200_000))
    damage(store, blob, lambda data: data[:-1])
    with pytest.raises(sealing.Truncated):
        vault.open(blob)
    store.lose(blob.location)
    with pytest.raises(BlobGone, match="missing"):
        vault.open(blob)


def test_another_blobs_bytes_in_its_place_are_refused(store, keep):
    first, second = keep(b"a" * 100), keep(b"b" * 100)
    store.rewrite(first.location, store.raw(second.location))
    with pytest.raises(sealing.WrongKey, match=str(first.pk)):
        vault.open(first)


def test_a_row_that_borrows_anothers_key_and_place_is_refused(store, keep):
    first, second = keep(b"a" * 100), keep(b"b" * 100)
    first.wrapped_key, first.location = second.wrapped_key, second.location
    with pytest.raises(sealing.WrongKey):
        vault.open(first)


def test_a_row_with_another_hash_is_noticed_on_a_whole_read(keep):
    blob = keep(os.urandom(100))
    blob.sha256 = "0" * 64
    with pytest.raises(sealing.Altered, match="SHA-256"):
        list(vault.open(blob))


def test_after_a_rotation_blobs_are_rewrapped_and_not_rewritten(store, keep, settings, people: People):
    blob = keep(b"some evidence")
    before = store.raw(blob.location)
    new = keys.create(settings.CLEARHOLD_KEYS_DIR)
    with pytest.raises(NotAllowed):
        rotation.rewrap(blob.pk, actor=people.ines)
    assert rotation.rewrap(blob.pk, actor=people.adam)
    assert not rotation.rewrap(blob.pk, actor=people.adam)
    blob.refresh_from_db()
    assert blob.kek_id == new
    assert store.raw(blob.location) == before
    assert b"".join(vault.open(blob)) == b"some evidence"


def refused_by_database(statement: str, role: str = "clearhold_app", *given) -> str:
    with pytest.raises(DatabaseError) as refusal, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL ROLE {role}")
        cursor.execute(statement, given)
    return str(refusal.value)


@pytest.mark.parametrize("column", ["sha256 = repeat('0', 64)", "size = 1", "location = 'x'", "created_at = now()"])
def test_raw_sql_cannot_change_what_a_blob_is(keep, column):
    keep(b"x")
    assert "permission denied" in refused_by_database(f"UPDATE vault_blob SET {column}")


def test_raw_sql_cannot_remove_a_blob(keep):
    keep(b"x")
    assert "permission denied" in refused_by_database("DELETE FROM vault_blob")
    assert "permission denied" in refused_by_database("TRUNCATE vault_blob")


def test_the_guard_holds_where_grants_do_not(own_database, settings):
    from evidence.organizations.models import Organization

    organization = Organization.objects.create(slug="o", name="O")
    sealed = vault.store(io.BytesIO(b"x"), organization_id=organization.pk, limit_bytes=10)
    with transaction.atomic(), tenancy.entered(organization.pk):
        vault.adopt(sealed)
    statements = [
        "UPDATE vault_blob SET size = 2, wrapped_key = '\\x00'",
        "DELETE FROM vault_blob",
        "TRUNCATE vault_blob CASCADE",
    ]
    for statement in statements:
        with (
            pytest.raises(DatabaseError, match="append-only"),
            transaction.atomic(using="owner"),
            tenancy.entered(organization.pk, using="owner"),
            _cursor("owner") as cursor,
        ):
            cursor.execute(statement)


def _cursor(alias):
    from django.db import connections

    return connections[alias].cursor()


def test_the_janitor_removes_what_nobody_adopted_after_a_day(folder, keep, org):
    blob = keep(b"kept")
    orphan = vault.store(io.BytesIO(b"orphan"), organization_id=org.pk, limit_bytes=10)
    draft = vault.begin(organization_id=org.pk, limit_bytes=10)
    assert vault.sweep(org.pk) == []
    later = datetime.fromtimestamp(time.time() + 25 * 3600, UTC)
    with clock.at(later):
        removed = vault.sweep(org.pk)
    assert len(removed) == 2
    assert orphan.location in removed
    draft.abandon()
    assert b"".join(vault.open(blob)) == b"kept"


def test_the_janitor_refuses_to_work_from_another_organization(keep, org, other_org):
    keep(b"kept")
    with tenancy.entered(other_org.pk), pytest.raises(Invalid):
        vault.sweep(org.pk)
    with tenancy.entered(None), pytest.raises(Invalid):
        vault.sweep(org.pk)


def verify(*options: str) -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command("verify_vault", *options, stdout=out)
    except SystemExit as left:
        return int(left.code or 0), out.getvalue()
    return 0, out.getvalue()


def test_verify_vault_counts_names_and_exits(store, keep, settings):
    good, bad = keep(b"good"), keep(b"bad")
    assert verify() == (0, "2 of 2 stored files are intact (7 bytes read).\n")
    damage(store, bad, lambda data: data[:-1] + bytes([data[-1] ^ 1]))
    code, text = verify()
    assert code == 1
    assert f"DAMAGED  lumenroll: blob {bad.pk}" in text
    assert "1 of 2 stored files are intact" in text
    store.lose(bad.location)
    assert verify()[0] == 1
    for key in settings.CLEARHOLD_KEYS_DIR.glob("vault-*.key"):
        key.unlink()
    keys.create(settings.CLEARHOLD_KEYS_DIR)
    code, text = verify("--json")
    assert code == 2
    assert str(good.pk) in text


def test_vault_keys_turns_the_key_of_every_blob(keep, settings):
    blob = keep(b"x")
    out = io.StringIO()
    call_command("vault_keys", "--create", "--rewrap", stdout=out)
    before = blob.kek_id
    blob.refresh_from_db()
    assert blob.kek_id != before
    assert "1 data keys were wrapped anew" in out.getvalue()
    assert f"{before}  here  wraps 0 files" in out.getvalue()
    assert b"".join(vault.open(blob)) == b"x"


@pytest.mark.faults
def test_a_full_store_is_said_and_leaves_neither_file_nor_row(org, settings, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(small)], capture_output=True).returncode:
        pytest.skip("mounting a small tmpfs needs root")
    try:
        settings.CLEARHOLD_BLOBS_DIR = small / "blobs"
        with pytest.raises(StorageFull, match="nothing of this file was kept"):
            vault.store(io.BytesIO(bytes(5_000_000)), organization_id=org.pk, limit_bytes=10**9)
        assert not [path for path in small.rglob("*") if path.is_file()]
        assert not Blob.objects.exists()
    finally:
        subprocess.run(["umount", str(small)], check=True)


class Generated:
    """Bytes that are made when read, so that no copy of them stands in memory."""

    def __init__(self, size: int) -> None:
        self.left, self.piece = size, os.urandom(1024 * 1024)

    def read(self, size: int) -> bytes:
        given = min(size, self.left, len(self.piece))
        self.left -= given
        return self.piece if given == len(self.piece) else self.piece[:given]


@pytest.mark.slow
def test_200_mb_stream_in_and_out_in_flat_memory(org, folder):
    vault.store(Generated(5_000_000), organization_id=org.pk, limit_bytes=10**9)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sealed = vault.store(Generated(200 * 1024 * 1024), organization_id=org.pk, limit_bytes=10**9)
    assert sum(map(len, vault.open(sealed))) == 200 * 1024 * 1024
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kb < 32 * 1024
