"""A restore brings back what was backed up, proves it, refuses what it can't trust, and overwrites nothing."""

import gzip
import json

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, connections, transaction

from evidence.artifacts.models import Artifact, ArtifactVersion
from evidence.errors import Unavailable
from evidence.ledger import queries as ledger
from evidence.ledger import services as ledger_services
from evidence.ledger import verification
from evidence.uploads import services as uploads
from evidence.uploads.models import Upload
from evidence.vault import services as vault
from portal.backup import files, places, report, restoring, rows
from portal.backup.places import BackupRefused, Folder
from tests.portal.backup.conftest import quiet


def is_empty() -> bool:
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM organizations_organization")
        return cursor.fetchone()[0] == 0


def test_what_is_restored_is_what_was_backed_up(live, empty, backups, apart):
    with live.entered():
        before = {row.artifact.ref: b"".join(vault.open(row.blob)) for row in ArtifactVersion.objects.all()}
        head = ledger.standing(live.organization.pk)
    live.back_up(backups, keys=apart)
    place = empty()
    restored = place.restore(backups, keys=apart)
    assert restored.proof.faults == [] and restored.proof.holds
    (told,) = restored.manifest["organizations"]
    assert (told["ledger"]["size"], told["ledger"]["root"]) == (head.size, head.root)
    with place.entered():
        after = {row.artifact.ref: b"".join(vault.open(row.blob)) for row in ArtifactVersion.objects.all()}
        assert ledger_services.checkpoint(place.organization.pk, head.size) == head.note
    assert after == before and len(after) == 3


def test_work_goes_on_in_the_restored_place(saved, empty, backups, apart):
    place = empty()
    place.restore(backups, keys=apart)
    added = place.add(b"after the restore")
    place.seal()
    assert added.ref == "E-004"
    assert verification.verify(place.organization.pk).holds
    assert place.back_up(place.folder / "again").exit_code == 0


def test_the_guards_stand_after_a_restore(saved, empty, backups, apart):
    place = empty()
    place.restore(backups, keys=apart)
    for statement in (
        "UPDATE ledger_event SET kind = 'thing.other'",
        "DELETE FROM artifacts_artifactversion",
        "TRUNCATE artifacts_artifactreview",
    ):
        for alias in ("default", "owner"):
            with pytest.raises(DatabaseError), transaction.atomic(using=alias), connections[alias].cursor() as cursor:
                cursor.execute("SELECT set_config('app.organization', %s, true)", [str(place.organization.pk)])
                cursor.execute(statement)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM artifacts_artifact")
        assert cursor.fetchone()[0] == 0, "a transaction that entered no organization sees nothing"


def test_a_guard_that_would_stay_off_undoes_the_whole_load(saved, empty, backups, apart, monkeypatch):
    place = empty()
    real = rows.Loader.__init__

    def forgetful(self, cursor):
        real(self, cursor)
        self.triggers = [row for row in self.triggers if row[1] != "ledger_event_append_only"]

    monkeypatch.setattr(rows.Loader, "__init__", forgetful)
    with pytest.raises(BackupRefused, match="guard of the database does not stand as before"):
        place.restore(backups, keys=apart)
    assert is_empty()
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'A'")
        assert cursor.fetchone()[0] == 0


def test_a_database_in_use_is_never_overwritten(live, backups, apart):
    live.back_up(backups, keys=apart)
    with pytest.raises(BackupRefused, match="The database is not empty"):
        live.restore(backups, keys=apart)
    with live.entered():
        assert Artifact.objects.count() == 3


def test_an_altered_table_is_refused_before_anything_is_touched(saved, empty, backups, apart):
    path = Folder(backups).chosen().folder / "database" / "artifacts_artifact.gz"
    content = gzip.decompress(path.read_bytes()).replace(b"Leavers", b"Joiners", 1)
    path.write_bytes(gzip.compress(content))
    place = empty()
    with pytest.raises(BackupRefused, match=r"artifacts_artifact\.gz is missing or altered"):
        place.restore(backups, keys=apart)
    assert is_empty() and place.files() == []


def test_a_manifest_that_was_edited_is_refused(saved, empty, backups, apart):
    path = Folder(backups).chosen().folder / places.MANIFEST
    path.write_text(path.read_text().replace('"rows": 3', '"rows": 2', 1))
    place = empty()
    with pytest.raises(BackupRefused, match="is not the one that was written"):
        place.restore(backups, keys=apart)
    assert is_empty()


@pytest.mark.parametrize("change", ["flipped", "shorter", "gone"])
def test_an_altered_stored_file_leaves_the_database_empty(saved, empty, backups, apart, change):
    path = sorted(path for path in (backups / "files").rglob("*") if path.is_file())[-1]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()
    if change != "gone":
        path.write_bytes(content if change == "flipped" else content[:-1])
    place = empty()
    with pytest.raises(BackupRefused, match="The database was not touched"):
        place.restore(backups, keys=apart)
    assert is_empty()


def test_a_listing_that_leads_out_of_the_backup_is_refused(saved, empty, backups, apart):
    chosen = Folder(backups).chosen()
    listing = [dict(row) for row in files.lines(chosen.folder / files.LISTING)]
    listing[0]["location"] = "../../../etc/passwd"
    packed = gzip.compress(b"".join(json.dumps(row).encode() + b"\n" for row in listing))
    (chosen.folder / files.LISTING).write_bytes(packed)
    place = empty()
    with pytest.raises(BackupRefused, match="missing or altered"):
        place.restore(backups, keys=apart)
    with pytest.raises(BackupRefused, match="leads out of the backup"):
        files.copy_back(Folder(backups), chosen.folder / files.LISTING, place.folder / "notes", quiet)


def test_a_restore_that_was_killed_can_be_given_again(saved, empty, backups, apart, monkeypatch):
    place = empty()

    def killed(*given):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(restoring, "_load", killed)
        with pytest.raises(KeyboardInterrupt):
            place.restore(backups, keys=apart)
    assert is_empty() and len(place.files()) == 3
    assert place.restore(backups, keys=apart).proof.holds


def test_without_its_keys_nothing_is_restored(saved, empty, backups):
    place = empty()
    with pytest.raises(BackupRefused, match="are not here"):
        place.restore(backups)
    assert is_empty() and place.files() == [] and not list((place.folder / "keys").glob("vault-*"))


def test_an_earlier_set_can_be_chosen(live, empty, backups, apart):
    first = live.back_up(backups, keys=apart).name
    live.add(b"later")
    live.seal()
    live.back_up(backups, keys=apart)
    place = empty()
    assert place.restore(backups, keys=apart, name=first).proof.holds
    with place.entered():
        assert Artifact.objects.count() == 3


def test_an_old_backup_under_the_live_signer_raises_the_alarm(live, empty, backups, apart):
    live.back_up(backups, keys=apart)
    live.add(b"signed after the backup")
    live.seal()
    place = empty()
    place.settings.CLEARHOLD_SIGNER_DIR = live.folder / "signer"
    restored = place.restore(backups, keys=apart)
    assert not restored.proof.holds
    assert any("it was set back" in fault for fault in restored.proof.faults)
    with place.entered(), pytest.raises(Unavailable, match="does not match what was signed"):
        ledger_services.require_healthy()


def test_without_the_signers_memory_the_alarm_is_raised(saved, empty, backups, apart):
    place = empty()
    restored = place.restore(backups, keys=apart, with_signer=False)
    assert any("has never signed" in fault for fault in restored.proof.faults)
    with place.entered(), pytest.raises(Unavailable, match="does not match what was signed"):
        ledger_services.require_healthy()


def test_events_that_waited_are_sealed_after_the_restore(live, empty, backups, apart):
    live.add(b"not sealed yet")
    live.back_up(backups, keys=apart)
    place = empty()
    restored = place.restore(backups, keys=apart)
    assert restored.manifest["organizations"][0]["ledger"]["waiting"] > 0
    place.seal()
    checked = verification.verify(place.organization.pk)
    assert checked.holds and checked.waiting == 0


def test_a_blob_that_rots_after_the_restore_is_found_by_the_check(saved, empty, backups, apart):
    place = empty()
    place.restore(backups, keys=apart)
    path = place.files()[0]
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    again = restoring.prove(backups, say=quiet)
    assert not again.proof.holds and "stored files that are not what was sealed" in [
        check.subject for check in again.proof.checks if not check.holds
    ]


def test_a_restore_is_an_event(saved, empty, backups, apart):
    place = empty()
    restored = place.restore(backups, keys=apart)
    with place.entered():
        (fact,) = ledger.events(place.organization.pk, ledger.Filters(kind="backup.restored")).facts
    assert fact.object_ref == restored.chosen.name and fact.data["holds"] is True
    assert fact.data["ledger_root"] == restored.manifest["organizations"][0]["ledger"]["root"]


def test_sessions_and_half_received_files_are_not_brought_back(live, empty, backups, apart):
    with live.entered():
        begun = uploads.begin(filename="half.csv", length=10, limit_bytes=100, actor=live.people.ines)
        assert Upload.objects.get(pk=begun.pk)
    live.back_up(backups, keys=apart)
    place = empty()
    restored = place.restore(backups, keys=apart)
    assert {"django_session", "uploads_upload", "uploads_part"} <= set(restored.manifest["left_out"])
    with place.entered():
        assert not Upload.objects.exists()


def test_a_newer_backup_is_refused_by_an_older_version(saved, empty, backups, apart):
    chosen = Folder(backups).chosen()
    manifest = chosen.manifest()
    manifest["migrations"].append(["artifacts", "0999_of_the_future"])
    written = places.keep(chosen.folder, places.MANIFEST, json.dumps(manifest).encode())
    places.put(chosen.folder / places.COMPLETE, json.dumps({"manifest_sha256": written.sha256}).encode())
    place = empty()
    with pytest.raises(BackupRefused, match=r"newer version: it knows the migration artifacts\.0999_of_the_future"):
        place.restore(backups, keys=apart)
    assert is_empty()


def test_the_command_restores_reports_and_keeps_the_report_as_evidence(saved, empty, backups, apart, tmp_path, capsys):
    place, path = empty(), tmp_path / "report.md"
    words = ["--keys", str(apart), "--report", str(path), "--record-as", "maya@lumenroll.example"]
    with pytest.raises(SystemExit) as ended:
        call_command("restore", str(backups), *words, "--organization", "lumenroll", "--control", "AC-01")
    said = capsys.readouterr().out
    assert ended.value.code == 0 and "every check holds" in said and "kept as E-004" in said
    assert json.loads(path.with_suffix(".json").read_text())["holds"] is True
    with place.entered():
        kept = Artifact.objects.get(ref="E-004")
        assert b"".join(vault.open(kept.latest.blob)) == path.read_bytes()
        assert kept.latest.method == "generated" and kept.latest.collector_id == place.people.maya.person_id
        assert [row.target_ref for row in kept.links.all()] == ["AC-01"]


def test_the_report_is_kept_only_by_somebody_who_may_upload(saved, empty, backups, apart, capsys):
    place = empty()
    words = ["--keys", str(apart), "--record-as", "otto@lumenroll.example", "--organization", "lumenroll"]
    with pytest.raises(CommandError, match="its report was not kept as evidence") as refused:
        call_command("restore", str(backups), *words)
    assert refused.value.returncode == 1
    with place.entered():
        assert Artifact.objects.count() == 3
    assert len(place.files()) == 3


def test_the_command_says_what_to_do_when_it_refuses(saved, backups, tmp_path):
    with pytest.raises(CommandError, match="no set was ever begun there") as refused:
        call_command("restore", str(tmp_path / "nothing"))
    assert refused.value.returncode == 2
    with pytest.raises(CommandError, match="belong together"):
        call_command("restore", str(backups), "--record-as", "maya@lumenroll.example")


def test_the_report_reads_well_and_judges_nothing(saved, empty, backups, apart):
    restored = empty().restore(backups, keys=apart)
    text = report.markdown(restored.proof, restored.manifest, restored.chosen.name)
    assert "Result: every check holds." in text and "| artifacts_artifact | 3 |" in text
    assert not {"compliant", "certified", "effective"} & set(text.lower().split())
