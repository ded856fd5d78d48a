"""Erasing destroys a key for good, leaves a row that says so, and is never silent."""

import io
import json

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from evidence.errors import Invalid, NotFound, Unavailable, WrongState
from evidence.identifiers import uuid7
from evidence.ledger.models import Event
from evidence.vault import keys, rotation
from evidence.vault import services as vault
from evidence.vault.models import Blob
from evidence.vault.services import Erased

REASON = "Kept for seven years; the period is over."


@pytest.fixture
def blob(org, store) -> Blob:
    return vault.adopt(vault.store(io.BytesIO(b"personal data"), organization_id=org.pk, limit_bytes=100))


def test_an_erased_blob_keeps_its_row_and_loses_its_key(blob, people):
    gone = vault.erase(blob.pk, actor=people.maya, reason=REASON)
    assert bytes(gone.wrapped_key) == b""
    assert (gone.sha256, gone.size) == (blob.sha256, blob.size)
    assert gone.erased_by_id == people.maya.person_id
    event = Event.objects.get(kind="vault.erased")
    assert (event.object_type, event.object_id) == ("vault.blob", blob.pk)


def test_opening_what_was_erased_says_when_and_by_whom(blob, people):
    gone = vault.erase(blob.pk, actor=people.maya, reason=REASON)
    for act in (vault.open, vault.plain, vault.verify):
        with pytest.raises(Erased, match=rf"erased on {gone.erased_at:%d %b %Y} by Maya Okafor") as refusal:
            act(gone)
    assert isinstance(refusal.value, Unavailable)
    assert refusal.value.kind == "blob_erased"


def test_not_even_the_bytes_left_in_the_store_open_again(blob, people, store):
    vault.erase(blob.pk, actor=people.maya, reason=REASON)
    assert store.everything() == [blob.location]
    blob.refresh_from_db()
    blob.erased_at = None
    with pytest.raises(Unavailable):
        vault.open(blob)


def test_the_bytes_go_after_the_commit_and_removing_twice_does_no_harm(blob, people, store):
    with pytest.raises(WrongState):
        vault.remove_bytes(blob)
    gone = vault.erase(blob.pk, actor=people.maya, reason=REASON)
    assert vault.remove_bytes(gone)
    assert store.everything() == []
    assert vault.remove_bytes(gone)


def test_erasing_needs_a_reason_and_happens_once(blob, people):
    with pytest.raises(Invalid):
        vault.erase(blob.pk, actor=people.maya, reason="  ")
    assert not Event.objects.exists()
    vault.erase(blob.pk, actor=people.maya, reason=REASON)
    with pytest.raises(WrongState, match="was erased on"):
        vault.erase(blob.pk, actor=people.maya, reason=REASON)
    assert Event.objects.filter(kind="vault.erased").count() == 1
    with pytest.raises(NotFound):
        vault.erase(uuid7(), actor=people.maya, reason=REASON)


def test_a_rotation_passes_by_what_was_erased(blob, people, settings):
    vault.erase(blob.pk, actor=people.maya, reason=REASON)
    keys.create(settings.CLEARHOLD_KEYS_DIR)
    assert not rotation.rewrap(blob.pk, actor=people.adam)


def test_verify_vault_counts_erased_files_apart(blob, people):
    vault.adopt(vault.store(io.BytesIO(b"kept"), organization_id=blob.organization_id, limit_bytes=100))
    vault.erase(blob.pk, actor=people.maya, reason=REASON)
    out = io.StringIO()
    call_command("verify_vault", "--json", stdout=out)
    assert json.loads(out.getvalue()) == {"blobs": 1, "erased": 1, "intact": 1, "bytes": 4, "damaged": [], "unread": []}


def refused_by_database(statement: str) -> str:
    with pytest.raises(DatabaseError) as refusal, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE clearhold_app")
        cursor.execute(statement)
    return str(refusal.value)


def test_raw_sql_cannot_destroy_a_key_that_the_history_keeps_silent_about(blob):
    statement = "UPDATE vault_blob SET erased_at = now(), wrapped_key = ''"
    assert "only after the history says so" in refused_by_database(statement)


@pytest.mark.parametrize(
    "change",
    [
        "wrapped_key = ''",
        "erased_at = now()",
        "erased_at = now(), wrapped_key = '', backend = 'other'",
        "wrapped_key = '\\x01', backend = 'other'",
        "erased_at = erased_at",
    ],
)
def test_raw_sql_cannot_mix_or_halve_an_erasure(blob, change):
    assert "append-only" in refused_by_database(f"UPDATE vault_blob SET {change}")


@pytest.mark.parametrize(
    "change",
    ["wrapped_key = '\\x01', erased_at = NULL, erased_by_id = NULL", "wrapped_key = '\\x01'", "backend = 'other'"],
)
def test_raw_sql_cannot_bring_an_erased_key_back(blob, people, change):
    vault.erase(blob.pk, actor=people.maya, reason=REASON)
    assert "append-only" in refused_by_database(f"UPDATE vault_blob SET {change}")
