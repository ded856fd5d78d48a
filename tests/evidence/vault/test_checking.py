"""Stored files are read again: a share every day, all on request; the first difference is an alarm that stays."""

import os
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from evidence import clock
from evidence.errors import NotAllowed, Unavailable
from evidence.ledger.models import Event
from evidence.organizations import services as organizations
from evidence.vault import checking, keys
from evidence.vault import services as vault
from evidence.vault.models import BlobCheck, Outcome
from tests.evidence.vault.stores import damage


@pytest.fixture
def inside(org):
    return checking.entering(org.pk)


def nothing(*given):
    pass


def flip(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def kinds() -> list[str]:
    return list(Event.objects.filter(kind__startswith="vault.").order_by("id").values_list("kind", flat=True))


def check(blob, people):
    return checking.remember(blob, checking.examine(blob), actor=people.adam)


def test_an_intact_file_is_remembered_without_an_event(store, keep, people):
    blob = keep(b"evidence")
    state = check(blob, people)
    assert (state.outcome, state.problem, state.damaged_since) == (Outcome.INTACT, "", None)
    assert state.intact_at == state.checked_at
    assert kinds() == []


def test_the_first_difference_is_one_event_and_stays_until_the_bytes_are_right_again(store, keep, people):
    blob = keep(os.urandom(100))
    whole = store.raw(blob.location)
    damage(store, blob, flip)
    first = check(blob, people)
    again = check(blob, people)
    assert (again.outcome, again.problem, again.damaged_since) == (Outcome.DAMAGED, "blob_altered", first.damaged_since)
    assert kinds() == ["vault.damaged"]
    assert [one.blob_id for one in checking.damaged()] == [blob.pk]
    store.rewrite(blob.location, whole)
    assert check(blob, people).damaged_since is None
    assert kinds() == ["vault.damaged", "vault.mended"]
    assert not checking.damaged().exists()


def test_a_missing_file_is_damage_too(store, keep, people):
    blob = keep(b"evidence")
    store.lose(blob.location)
    assert check(blob, people).outcome == Outcome.MISSING
    assert kinds() == ["vault.damaged"]


def test_what_cannot_be_read_is_neither_intact_nor_damaged_and_forgets_no_damage(store, keep, people, settings):
    sound, broken = keep(b"sound"), keep(b"broken")
    damage(store, broken, flip)
    check(broken, people)
    for key in settings.CLEARHOLD_KEYS_DIR.glob("vault-*.key"):
        key.rename(key.with_suffix(".away"))
    keys.create(settings.CLEARHOLD_KEYS_DIR)
    assert check(sound, people).outcome == Outcome.UNREAD
    assert check(broken, people).outcome == Outcome.DAMAGED
    assert kinds() == ["vault.damaged"]


def test_a_round_reads_a_share_those_longest_unread_first(store, keep, people, inside, org):
    blobs = [keep(bytes([number])) for number in range(15)]
    assert checking.share(org.pk) == 3
    first = checking.scrub(actor=people.adam, inside=inside, watch=nothing)
    assert (first.blobs, first.intact) == (3, 3)
    seen = set(BlobCheck.objects.values_list("blob_id", flat=True))
    assert seen == {blob.pk for blob in blobs[:3]}
    assert kinds() == ["vault.verified"]


def test_every_file_is_read_again_within_the_days_of_the_policy(folder, keep, people, inside):
    organizations.set_policy("scrub", {"days": 3}, actor=people.adam)
    for number in range(7):
        keep(bytes([number]))
    start = clock.now()
    for day in range(3):
        with clock.at(start + timedelta(days=day, minutes=1)):
            checking.scrub(actor=people.adam, inside=inside, watch=nothing)
    assert BlobCheck.objects.count() == 7


def test_after_days_without_a_worker_all_that_is_late_is_read_at_once(folder, keep, people, inside, org):
    for number in range(7):
        keep(bytes([number]))
    with clock.at(clock.now() + timedelta(days=30)):
        assert checking.share(org.pk) == 7
        assert checking.scrub(actor=people.adam, inside=inside, watch=nothing).blobs == 7


def test_a_store_that_is_away_stops_the_round_after_a_few_files(keep, people, inside, moto, settings, own_places):
    from tests.evidence.vault import stores

    stores.use_bucket(moto, stores.new_bucket(moto))
    settings.CLEARHOLD_BLOB_BACKEND = "s3"
    for number in range(9):
        keep(bytes([number]))
    settings.CLEARHOLD_S3 = {
        **settings.CLEARHOLD_S3, "endpoint": "http://127.0.0.1:1", "attempts": 1, "connect_seconds": 1,
    }  # fmt: skip
    with pytest.raises(Unavailable, match="does not answer"):
        checking.verify_everything(actor=people.adam, inside=inside, watch=nothing)
    assert set(BlobCheck.objects.values_list("outcome", flat=True)) == {"unread"}
    assert BlobCheck.objects.count() == checking.AWAY_AFTER


def test_all_files_are_read_on_request_and_the_figures_are_recorded(store, keep, people, inside):
    keep(b"sound")
    broken, gone = keep(b"broken"), keep(b"gone")
    damage(store, broken, flip)
    vault.erase(gone.pk, actor=people.adam, reason="Its time is over.")
    told = []
    report = checking.verify_everything(
        actor=people.adam, inside=inside, watch=lambda done, total, note: told.append((done, total, note))
    )
    assert report.counts() == {"files": 2, "intact": 1, "bytes": 5, "damaged": 1, "unread": 0}
    assert told[-1] == (2, 2, "2 files, 5 bytes read, 1 damaged")
    assert kinds() == ["vault.erased", "vault.damaged", "vault.verified"]
    standing = checking.standing()
    assert (standing.files, standing.damaged, standing.erased, standing.never) == (2, 1, 1, 0)


def test_only_who_manages_settings_has_all_files_read(people, inside):
    with pytest.raises(NotAllowed):
        checking.verify_everything(actor=people.ines, inside=inside, watch=nothing)


def test_a_round_that_is_stopped_keeps_what_it_found(folder, keep, people, inside):
    for number in range(5):
        keep(bytes([number]))

    class Stopped(Exception):
        pass

    def stop_at_two(done, total, note):
        if done == 2:
            raise Stopped

    with pytest.raises(Stopped):
        checking.verify_everything(actor=people.adam, inside=inside, watch=stop_at_two)
    assert BlobCheck.objects.count() == 2
    assert Event.objects.get(kind="vault.verified").id


def test_counts_cost_the_same_for_ten_files_as_for_sixty(folder, keep, django_assert_num_queries):
    for count in (10, 50):
        for number in range(count):
            keep(bytes([number]))
        with django_assert_num_queries(4):
            checking.standing()


def refused_by_database(statement: str, *given) -> str:
    with pytest.raises(DatabaseError) as refusal, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE clearhold_app")
        cursor.execute(statement, given)
    return str(refusal.value)


def test_raw_sql_cannot_silence_an_alarm(folder, keep, people):
    blob = keep(b"evidence")
    damage(folder, blob, flip)
    check(blob, people)
    silent = "UPDATE vault_blobcheck SET outcome = 'intact', damaged_since = NULL"
    assert "only together with the event" in refused_by_database(silent)
    assert "permission denied" in refused_by_database("DELETE FROM vault_blobcheck")


def test_raw_sql_cannot_cry_wolf_or_turn_a_check_to_another_file(folder, keep, people):
    blob, other = keep(b"one"), keep(b"two")
    check(blob, people)
    assert "only together with the event" in refused_by_database("UPDATE vault_blobcheck SET outcome = 'damaged'")
    turned = refused_by_database("UPDATE vault_blobcheck SET blob_id = %s", other.pk)
    assert "stays with its file" in turned
