"""Files of every store are backed up, restored into the store of the new place, and never brought back once erased."""

import pytest
from django.db import transaction

from evidence import tenancy
from evidence.artifacts.models import ArtifactVersion
from evidence.retention import services as retention
from evidence.vault import services as vault
from evidence.vault.models import Blob
from portal.backup import files, restoring
from portal.backup.places import Folder
from tests.evidence.vault import stores
from tests.portal.backup.conftest import FILES, Installation, quiet


@pytest.fixture(scope="module")
def moto():
    with stores.moto() as endpoint:
        yield endpoint


@pytest.fixture
def live(own_database, settings, tmp_path, moto) -> Installation:
    """An installation whose files lie in a bucket."""
    settings.CLEARHOLD_S3 = {}
    stores.use_bucket(moto, stores.new_bucket(moto))
    settings.CLEARHOLD_BLOB_BACKEND = "s3"
    here = Installation(tmp_path / "live", settings, own_database)
    here.enter()
    here.found()
    for data in FILES:
        here.add(data)
    here.seal()
    return here


def contents(place: Installation) -> dict[str, bytes]:
    with place.entered():
        rows = ArtifactVersion.objects.select_related("artifact", "blob")
        return {row.artifact.ref: b"".join(vault.open(row.blob)) for row in rows}


def stored(place: Installation) -> set[tuple[str, str]]:
    with place.entered():
        return set(Blob.objects.values_list("backend", "store_version"))


def test_a_bucket_is_restored_into_another_bucket_after_a_kill_too(live, empty, backups, apart, moto, monkeypatch):
    made = live.back_up(backups, keys=apart)
    before, versions = contents(live), stored(live)
    assert made.files == 3 and made.lost == []
    place = empty()
    stores.use_bucket(moto, stores.new_bucket(moto))

    def killed(*given):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(restoring, "_load", killed)
        with pytest.raises(KeyboardInterrupt):
            place.restore(backups, keys=apart)
    restored = place.restore(backups, keys=apart)
    assert restored.proof.faults == []
    assert contents(place) == before
    assert {backend for backend, _ in stored(place)} == {"s3"}
    assert not {version for _, version in stored(place)} & {version for _, version in versions}


def test_a_bucket_is_restored_onto_a_disk(live, empty, backups, apart):
    live.back_up(backups, keys=apart)
    before = contents(live)
    place = empty()
    place.settings.CLEARHOLD_BLOB_BACKEND = "local"
    assert place.restore(backups, keys=apart).proof.faults == []
    assert contents(place) == before and stored(place) == {("local", "")}


def test_a_file_that_was_moved_after_the_snapshot_is_found_where_it_is_now(live, backups, monkeypatch):
    real = files.want

    def then_they_move(cursor, ids, folder):
        real(cursor, ids, folder)
        live.settings.CLEARHOLD_BLOB_BACKEND = "local"
        with transaction.atomic(), tenancy.entered(live.organization.pk):
            for blob in Blob.objects.all():
                source = vault.named("s3")
                with source.reader(blob.location, blob.store_version) as reader:
                    draft = vault.named("local").draft(blob.location)
                    draft.write(reader.read_at(0, reader.size))
                version = draft.keep()
                for copy in list(source.copies(blob.location)):
                    source.remove(copy)
                Blob.objects.filter(pk=blob.pk).update(backend="local", store_version=version)

    monkeypatch.setattr(files, "want", then_they_move)
    made = live.back_up(backups)
    assert made.lost == [] and made.files == 3


def test_what_was_erased_is_not_brought_back(live, empty, backups, apart):
    with live.entered():
        version = ArtifactVersion.objects.get(artifact__ref="E-001")
        blob, words = version.blob, {"reason": "Kept for seven years; the period is over.", "authority": "Policy 4"}
        asked = retention.ask(version.artifact_id, actor=live.people.maya, **words)
        retention.approve(asked.pk, actor=live.people.edda, reason="Agreed.")
        retention.execute(asked.pk, actor=live.people.edda)
        gone = Blob.objects.get(pk=blob.pk)
    vault.remove_bytes(gone)
    live.seal()
    made = live.back_up(backups, keys=apart)
    assert made.files == 2 and made.lost == []
    assert not [
        row for row in files.lines(Folder(backups).chosen().folder / files.LISTING) if row["id"] == str(blob.pk)
    ]
    place = empty()
    place.settings.CLEARHOLD_BLOB_BACKEND = "local"
    restored = place.restore(backups, keys=apart)
    assert restored.proof.faults == []
    with place.entered(), pytest.raises(vault.Erased):
        b"".join(vault.open(Blob.objects.get(pk=blob.pk)))
    assert restoring.prove(backups, say=quiet).proof.holds
