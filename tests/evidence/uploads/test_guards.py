"""The rules of uploads, asked of the database itself as the app's role, round Python."""

import io

import pytest
from django.db import DatabaseError, connection, transaction

from evidence import tenancy
from evidence.uploads import services as uploads
from evidence.uploads.models import Part, Upload

MB = 1024 * 1024


@pytest.fixture(autouse=True)
def own_store(settings, tmp_path):
    settings.CLEARHOLD_BLOBS_DIR = tmp_path / "blobs"
    settings.CLEARHOLD_KEYS_DIR = tmp_path / "keys"


@pytest.fixture
def upload(people) -> Upload:
    """Five of ten bytes of it are here."""
    row = uploads.begin(filename="a", length=10, limit_bytes=MB, actor=people.ines)
    return uploads.keep(row.pk, uploads.write(row, io.BytesIO(b"12345"), offset=0), actor=people.ines)


def refused(statement: str, *values: object) -> str:
    with pytest.raises(DatabaseError) as error, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE clearhold_app")
        cursor.execute(statement, values)
    return str(error.value)


def test_the_offset_never_shrinks(upload):
    assert "U-05" in refused('UPDATE uploads_upload SET "offset" = 4 WHERE id = %s', upload.pk)


def test_the_offset_moves_over_a_piece_that_is_here_and_no_further(upload):
    for offset in (6, 10):
        assert "U-06" in refused('UPDATE uploads_upload SET "offset" = %s WHERE id = %s', offset, upload.pk)


def test_a_piece_begins_where_its_upload_stands_and_ends_within_its_length(upload):
    insert = (
        "INSERT INTO uploads_part (id, organization_id, upload_id, start, size, location)"
        " VALUES (gen_random_uuid(), %s, %s, %s, %s, 'x/y')"
    )
    for start, size in ((0, 5), (4, 1), (6, 1), (5, 6)):
        assert "U-08" in refused(insert, upload.organization_id, upload.pk, start, size)


def test_what_was_announced_never_changes(upload):
    for column, value in (("length", 11), ("filename", "b"), ("expected_sha256", "0" * 64)):
        assert "U-03" in refused(f"UPDATE uploads_upload SET {column} = %s WHERE id = %s", value, upload.pk)


def test_nothing_is_recorded_before_it_is_whole(upload):
    assert "upload_recorded_is_whole" in refused(
        "UPDATE uploads_upload SET state = 'recorded' WHERE id = %s", upload.pk
    )


def test_an_upload_begins_empty(upload):
    insert = (
        "INSERT INTO uploads_upload (id, organization_id, person_id, account_id, filename, claimed_mime,"
        ' expected_sha256, told, length, "offset", kek_id, wrapped_key, state, created_at, expires_at)'
        " SELECT gen_random_uuid(), organization_id, person_id, account_id, filename, claimed_mime, expected_sha256,"
        " told, length, 5, kek_id, wrapped_key, state, created_at, expires_at FROM uploads_upload WHERE id = %s"
    )
    assert "U-01" in refused(insert, upload.pk)


def test_neither_an_upload_nor_its_pieces_go_while_it_is_received(upload):
    assert "U-07" in refused("DELETE FROM uploads_part WHERE upload_id = %s", upload.pk)
    assert "U-0" in refused("DELETE FROM uploads_upload WHERE id = %s", upload.pk)


def test_an_upload_that_ended_stays_as_it_is(upload, people):
    uploads.stop(upload.pk, actor=people.ines)
    assert "U-04" in refused("UPDATE uploads_upload SET state = 'receiving' WHERE id = %s", upload.pk)


def test_pieces_are_never_changed(upload):
    assert "permission denied" in refused("UPDATE uploads_part SET size = 4 WHERE upload_id = %s", upload.pk)


def test_the_database_shows_nobody_anothers_upload(upload, org, people):
    for someone, seen in ((people.ines, 1), (people.maya, 0)):
        with tenancy.entered(org.pk, someone.person_id), connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM uploads_upload")
            assert cursor.fetchone() == (seen,)
            cursor.execute("UPDATE uploads_upload SET state = state WHERE id = %s", [upload.pk])
            assert cursor.rowcount == seen


def test_the_database_shows_no_other_organization_an_upload(upload, other_org):
    with tenancy.entered(other_org.pk):
        assert not Upload.objects.exists()
        assert not Part.objects.exists()
