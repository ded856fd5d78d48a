"""A backup holds everything but the keys, adds only what is new, and says so when it can't."""

import errno
import json
import os
from types import SimpleNamespace

import pytest
from django.db import DatabaseError, connections, transaction

from evidence.ledger import queries as ledger
from evidence.organizations.models import Organization
from evidence.vault import keys as vault_keys
from portal.backup import catalogue, files, making, places
from portal.backup.places import BackupRefused, Folder, Set


def everything(folder) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def newest(backups) -> Set:
    return Folder(backups).chosen()


def test_every_table_of_the_database_is_in_it(live, backups):
    live.back_up(backups)
    told = {each["table"]: each for each in newest(backups).manifest()["tables"]}
    from django.apps import apps

    models = {model._meta.db_table for model in apps.get_models(include_auto_created=True) if model._meta.managed}
    assert models - set(told) == {*catalogue.LEFT_OUT} & models
    assert told["artifacts_artifact"]["rows"] == 3
    assert told["artifacts_artifact"]["by_organization"] == {str(live.organization.pk): 3}
    assert told["ledger_event"]["rows"] > 3


def test_two_organizations_are_both_in_it_and_counted_apart(live, backups):
    first = live.organization
    live.found("otherfirm")
    live.add(b"of the other")
    live.seal()
    live.back_up(backups)
    manifest = newest(backups).manifest()
    told = {each["table"]: each for each in manifest["tables"]}["artifacts_artifact"]
    assert told["by_organization"] == {str(first.pk): 3, str(live.organization.pk): 1}
    assert {each["slug"] for each in manifest["organizations"]} == {"lumenroll", "otherfirm"}


def test_the_head_of_each_history_is_that_of_the_snapshot(live, backups):
    live.back_up(backups)
    (told,) = newest(backups).manifest()["organizations"]
    with live.entered():
        standing = ledger.standing(live.organization.pk)
    assert told["ledger"] == {"size": standing.size, "root": standing.root, "checkpoint": standing.note, "waiting": 0}


def test_a_second_backup_copies_only_what_is_new(live, backups):
    first = live.back_up(backups)
    live.add(b"newer")
    before = {path: path.stat().st_ino for path in (backups / "files").rglob("*") if path.is_file()}
    second = live.back_up(backups)
    assert (first.new_files, second.files, second.new_files) == (3, 4, 1)
    assert all(path.stat().st_ino == inode for path, inode in before.items())
    assert len(Folder(backups).whole()) == 2


def test_a_file_that_a_killed_backup_brought_is_not_copied_again(live, backups):
    live.back_up(backups)
    (Folder(backups).chosen().folder / places.COMPLETE).unlink()
    again = live.back_up(backups)
    assert again.new_files == 0 and again.files == 3
    rows = list(files.lines(newest(backups).folder / files.LISTING))
    assert all(places.digest(backups / "files" / row["location"]) == row["stored_sha256"] for row in rows)


def test_no_key_that_signs_or_opens_is_in_it(live, backups):
    live.back_up(backups)
    secrets = [
        path.read_bytes().strip() for path in (live.folder / "keys").glob("*") if path.suffix in (".pem", ".key")
    ]
    assert len(secrets) >= 2  # a seal may have been made beside those of history and vault
    held = everything(backups)
    assert not [name for name, content in held.items() if any(secret in content for secret in secrets)]
    assert [name for name in held if name.endswith(".pub")]


def test_nothing_of_a_file_is_readable_in_it(live, backups):
    live.add(b"CANARY-5e1f" * 1000)
    live.back_up(backups)
    assert not [name for name, content in everything(backups).items() if b"CANARY-5e1f" in content]


def test_keys_go_apart_when_asked(live, backups, apart):
    made = live.back_up(backups, keys=apart)
    ring = vault_keys.keyring()
    assert {f"vault-{ring.current}.key", "vault-current", "ledger-0001.pem", "ledger-0001.pub"} <= set(made.keys)
    assert (apart / "ledger-0001.pem").stat().st_mode & 0o777 == 0o600
    assert live.back_up(backups, keys=apart).keys == []


def test_keys_from_the_environment_go_apart_too(live, backups, apart, monkeypatch):
    monkeypatch.setenv("CLEARHOLD_VAULT_KEYS", "k-env=" + "A" * 43 + "=")
    live.back_up(backups, keys=apart)
    assert (apart / "vault-k-env.key").read_text().strip() == "A" * 43 + "="


@pytest.mark.parametrize("where", ["", "keys", ".."])
def test_keys_beside_the_backup_are_refused(live, backups, where):
    with pytest.raises(BackupRefused, match="must not lie in or above"):
        live.back_up(backups, keys=(backups / where).resolve())
    assert not backups.exists()


def test_another_key_of_the_same_name_is_never_replaced(live, backups, apart):
    apart.mkdir()
    (apart / "ledger-0001.pem").write_bytes(b"another")
    with pytest.raises(BackupRefused, match="is another key"):
        live.back_up(backups, keys=apart)
    assert (apart / "ledger-0001.pem").read_bytes() == b"another"
    assert Folder(backups).whole() == []


def test_a_set_without_its_mark_is_none_and_the_next_backup_clears_it(live, backups):
    live.back_up(backups)
    unfinished = Folder(backups).chosen()
    (unfinished.folder / places.COMPLETE).unlink()
    with pytest.raises(BackupRefused, match="1 sets were begun there, and none is whole"):
        Folder(backups).chosen()
    made = live.back_up(backups)
    assert made.cleared == [unfinished.name]
    assert [each.name for each in Folder(backups).sets()] == [made.name]


def test_a_full_place_leaves_the_earlier_sets_as_they_were(live, backups, monkeypatch):
    live.back_up(backups)
    before = everything(backups / "sets")
    real = os.fsync

    def full(handle):
        if "database" in os.readlink(f"/proc/self/fd/{handle}"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BackupRefused, match=r"no space left\. No backup was made"):
        live.back_up(backups)
    assert everything(backups / "sets") == before


def test_too_little_room_is_noticed_before_files_are_copied(live, backups, monkeypatch):
    live.back_up(backups)
    live.add(b"y" * 300_000)
    monkeypatch.setattr(places.shutil, "disk_usage", lambda path: SimpleNamespace(free=100_000))
    monkeypatch.setattr(places, "LEAST_FREE_BYTES", 1000)
    with pytest.raises(BackupRefused, match=r"has 100 KB free, and this backup needs 300\.\d KB more"):
        live.back_up(backups)
    assert len(Folder(backups).sets()) == 1


def test_a_place_that_cannot_be_written_is_named(live, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BackupRefused, match="can't be written"):
        live.back_up(tmp_path / "file" / "backups")


def test_two_backups_into_one_folder_do_not_run_at_once(live, backups):
    folder = Folder(backups)
    folder.prepare()
    with folder.alone(), pytest.raises(BackupRefused, match="Another backup"):
        live.back_up(backups)


def test_a_file_that_the_vault_has_lost_is_named_and_the_rest_is_kept(live, backups):
    live.files()[0].unlink()
    made = live.back_up(backups)
    assert made.exit_code == 1 and made.files == 2
    assert len(made.lost) == 1 and "missing from the evidence store" in made.lost[0]
    assert newest(backups).manifest()["files"]["lost"] == made.lost


def test_a_truncated_file_of_the_vault_is_named_too(live, backups):
    damaged = live.files()[0]
    damaged.write_bytes(damaged.read_bytes()[:-1])
    made = live.back_up(backups)
    assert made.exit_code == 1 and "were sealed" in made.lost[0]


def test_a_backup_is_an_event_of_each_organization(live, backups):
    made = live.back_up(backups)
    with live.entered():
        (fact,) = ledger.events(live.organization.pk, ledger.Filters(kind="backup.made")).facts
    mark = json.loads((newest(backups).folder / places.COMPLETE).read_text())
    assert fact.object_ref == made.name
    assert fact.data["manifest_sha256"] == mark["manifest_sha256"]
    assert fact.data["files_lost"] == 0 and fact.data["keys_kept_apart"] is False


def test_an_organization_that_went_meanwhile_stops_nothing(live, backups, monkeypatch):
    monkeypatch.setattr(making.Organization.objects, "filter", lambda **given: Organization.objects.none())
    assert live.back_up(backups).exit_code == 0
    monkeypatch.undo()
    with live.entered():
        assert ledger.events(live.organization.pk, ledger.Filters(kind="backup.made")).facts == ()


def test_every_tenants_table_names_its_organization(live):
    with connections["owner"].cursor() as cursor:
        assert not [
            one.name for one in catalogue.tables(cursor) if one.is_tenants and "organization_id" not in one.columns
        ]


def test_the_app_cannot_read_what_the_backup_reads(live):
    """Neither another organization's rows nor the owner's place: raw SQL as the app's role."""
    with pytest.raises(DatabaseError), transaction.atomic(), connections["default"].cursor() as cursor:
        cursor.execute("SET ROLE clearhold_owner")
    with transaction.atomic(), connections["default"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM artifacts_artifact")
        assert cursor.fetchone()[0] == 0


def test_settings_in_the_manifest_hold_no_secret(live, backups, settings):
    settings.SECRET_KEY = "the-secret-of-sessions"
    live.back_up(backups)
    assert not [name for name, content in everything(backups).items() if b"the-secret-of-sessions" in content]
