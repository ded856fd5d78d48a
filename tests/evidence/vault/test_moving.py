"""Bytes move between stores as they are: checked before they count, never lost, whatever stops the move."""

import os
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from evidence import clock
from evidence.errors import Invalid, NotAllowed
from evidence.ledger.models import Event
from evidence.vault import checking, moving
from evidence.vault import services as vault
from evidence.vault.backends import StorageFailed
from evidence.vault.backends.s3.bucket import Bucket
from evidence.vault.moving import Ending
from tests.evidence.vault import stores
from tests.evidence.vault.stores import damage
from tests.evidence.vault.test_checking import flip, nothing


@pytest.fixture
def inside(org):
    return checking.entering(org.pk)


@pytest.fixture(params=["local to s3", "s3 to local"])
def ways(request, folder, bucket, settings):
    """Where files are, and where they go."""
    pair = (folder, bucket) if request.param == "local to s3" else (bucket, folder)
    settings.CLEARHOLD_BLOB_BACKEND = pair[0].name
    return pair


def move(blob, to, people, inside):
    return moving.move(blob.pk, to, actor=people.adam, inside=inside)


def test_a_moved_file_is_the_same_sealed_bytes_in_another_store(ways, keep, people, inside):
    old, new = ways
    data = os.urandom(200_000)
    blob = keep(data)
    before, sealed = (blob.sha256, blob.size, blob.kek_id, bytes(blob.wrapped_key)), old.raw(blob.location)
    assert move(blob, new.name, people, inside) is Ending.MOVED
    assert old.everything() == []
    assert new.raw(blob.location) == sealed
    stale = blob
    blob = type(blob).objects.get(pk=blob.pk)
    assert blob.backend == new.name
    assert (blob.sha256, blob.size, blob.kek_id, bytes(blob.wrapped_key)) == before
    assert b"".join(vault.open(blob)) == data
    # Who read the row before the move finds the bytes where they are now.
    assert b"".join(vault.open(stale)) == data
    event = Event.objects.get(kind="vault.moved")
    assert (event.object_id, event.actor_person_id) == (blob.pk, people.adam.person_id)


def test_moving_again_does_nothing(ways, keep, people, inside):
    _, new = ways
    blob = keep(b"x")
    move(blob, new.name, people, inside)
    assert move(blob, new.name, people, inside) is Ending.ALREADY
    assert Event.objects.filter(kind="vault.moved").count() == 1


def test_a_damaged_file_stays_where_it_is_and_raises_the_alarm(ways, keep, people, inside):
    old, new = ways
    blob = keep(os.urandom(70_000))
    damage(old, blob, flip)
    assert move(blob, new.name, people, inside) is Ending.DAMAGED
    blob.refresh_from_db()
    assert blob.backend == old.name
    assert old.everything() == [blob.location]
    assert new.everything() == []
    assert [one.blob_id for one in checking.damaged()] == [blob.pk]


def test_a_missing_file_is_named_and_the_others_go(ways, keep, people, inside):
    old, new = ways
    lost, sound = keep(b"lost"), keep(b"sound")
    old.lose(lost.location)
    moved = moving.move_all(new.name, actor=people.adam, inside=inside, watch=nothing)
    assert moved.counts() == {"files": 1, "bytes": 5, "kept_old": 0, "damaged": 1}
    assert moved.damaged == [str(lost.pk)]
    assert new.everything() == [sound.location]


def test_what_a_killed_move_left_is_cleared_and_copied_anew(ways, keep, people, inside):
    old, new = ways
    blob = keep(os.urandom(1000))
    draft = new.backend.draft(blob.location)
    draft.write(b"half of it, from a move that was killed")
    draft.keep()
    assert move(blob, new.name, people, inside) is Ending.MOVED
    blob.refresh_from_db()
    assert len(b"".join(vault.open(blob))) == 1000
    assert old.everything() == []


def test_a_copy_that_cannot_be_read_back_never_counts(ways, keep, people, inside, monkeypatch):
    old, new = ways
    blob = keep(b"evidence")
    real = moving._copy

    def lost_on_arrival(*given):
        version = real(*given)
        new.lose(blob.location)
        return version

    monkeypatch.setattr(moving, "_copy", lost_on_arrival)
    with pytest.raises(StorageFailed, match="could not be read back"):
        move(blob, new.name, people, inside)
    blob.refresh_from_db()
    assert blob.backend == old.name
    assert b"".join(vault.open(blob)) == b"evidence"
    assert not Event.objects.filter(kind__in=["vault.moved", "vault.damaged"]).exists()


def test_a_move_that_is_stopped_leaves_each_file_in_one_place(ways, keep, people, inside):
    old, new = ways
    blobs = [keep(bytes([number]) * 100) for number in range(4)]

    class Stopped(Exception):
        pass

    def stop_at_two(done, total, note):
        if done == 2:
            raise Stopped

    with pytest.raises(Stopped):
        moving.move_all(new.name, actor=people.adam, inside=inside, watch=stop_at_two)
    assert (len(old.everything()), len(new.everything())) == (2, 2)
    moved = moving.move_all(new.name, actor=people.adam, inside=inside, watch=nothing)
    assert moved.files == 2
    for blob in blobs:
        blob.refresh_from_db()
        assert len(b"".join(vault.open(blob))) == 100


def test_bytes_under_a_lock_stay_beside_the_new_copy(moto, folder, keep, people, inside, settings):
    locked = stores.use_bucket(moto, stores.new_bucket(moto, lock=True), lock_mode="COMPLIANCE", lock_days=5)
    settings.CLEARHOLD_BLOB_BACKEND = "s3"
    blob = keep(b"evidence")
    assert move(blob, "local", people, inside) is Ending.KEPT_OLD
    blob.refresh_from_db()
    assert blob.backend == "local"
    assert locked.everything() == [blob.location]
    # And back: the locked copy is checked and used.
    assert move(blob, "s3", people, inside) is Ending.MOVED
    blob.refresh_from_db()
    assert b"".join(vault.open(blob)) == b"evidence"
    assert folder.everything() == []


def test_the_janitor_removes_what_a_move_left_behind_and_nothing_that_counts(
    ways, keep, people, org, monkeypatch, inside
):
    old, new = ways
    blob = keep(b"evidence")
    monkeypatch.setattr(moving, "_clear", lambda blob: True)
    move(blob, new.name, people, inside)
    assert old.everything() == new.everything() == [blob.location]
    with clock.at(clock.now() + timedelta(hours=25)):
        assert vault.sweep(org.pk) == [blob.location]
    assert old.everything() == []
    blob.refresh_from_db()
    assert b"".join(vault.open(blob)) == b"evidence"


def test_the_janitor_removes_the_bytes_of_erased_files_and_begun_uploads(store, keep, people, org):
    blob = keep(b"evidence")
    vault.erase(blob.pk, actor=people.adam, reason="Its time is over.")
    with clock.at(clock.now() + timedelta(hours=25)):
        assert vault.sweep(org.pk) == [blob.location]
    assert store.everything() == []


def test_a_store_that_is_not_set_up_is_refused(folder, people, inside):
    for name in ("s3", "punchcards"):
        with pytest.raises(Invalid, match=f"No store “{name}”"):
            moving.move_all(name, actor=people.adam, inside=inside, watch=nothing)
    with pytest.raises(NotAllowed):
        moving.move_all("local", actor=people.ines, inside=inside, watch=nothing)


def test_the_command_moves_and_counts(folder, bucket, keep, capsys):
    keep(b"evidence")
    call_command("move_blobs", "--to", "s3")
    assert "lumenroll: 1 files (8 bytes) moved to s3." in capsys.readouterr().out
    with pytest.raises(CommandError, match="No store"):
        call_command("move_blobs", "--to", "punchcards")


def test_a_store_that_fails_half_way_is_said_and_nothing_is_half_moved(folder, bucket, keep, monkeypatch):
    first, second = keep(b"one"), keep(b"two")
    real, seen = Bucket.draft, []

    def failing(self, location):
        seen.append(location)
        if len(seen) == 2:
            raise StorageFailed("The evidence store can't be written: it does not answer.")
        return real(self, location)

    monkeypatch.setattr(Bucket, "draft", failing)
    with pytest.raises(CommandError, match=r"does not answer.*What was moved until then is moved"):
        call_command("move_blobs", "--to", "s3")
    assert bucket.everything() == [first.location]
    assert folder.everything() == [second.location]


def refused_by_database(statement: str) -> str:
    with pytest.raises(DatabaseError) as refusal, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE clearhold_app")
        cursor.execute(statement)
    return str(refusal.value)


@pytest.mark.parametrize(
    "change",
    [
        "backend = 's3', wrapped_key = '\\x01'",
        "backend = 's3', kek_id = 'other'",
        "store_version = 'v', erased_at = now()",
    ],
)
def test_raw_sql_cannot_hide_another_change_in_a_move(folder, keep, change):
    keep(b"x")
    assert "append-only" in refused_by_database(f"UPDATE vault_blob SET {change}")


@pytest.mark.parametrize("change", ["sha256 = repeat('0', 64)", "size = 1", "location = 'x'", "format = 2"])
def test_raw_sql_cannot_change_content_with_a_move(folder, keep, change):
    keep(b"x")
    assert "permission denied" in refused_by_database(f"UPDATE vault_blob SET backend = 's3', {change}")
