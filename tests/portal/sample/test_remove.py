"""Removing the sample takes everything of it and touches nothing else."""

import io
from pathlib import Path

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connections, transaction

from evidence import clock, tenancy
from evidence.ledger import sequencer, signer, verification
from evidence.organizations.models import Organization
from portal.accounts.models import Account, Person
from portal.sample import load, remove
from remediation.findings.services import reporting
from tests.people import give, hire

TRIGGERS = (
    "SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal"
    " AND tgrelid::regclass::text !~ '^pg_' ORDER BY 1, 2"
)
FENCES = "SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class WHERE relkind = 'r' ORDER BY 1"


@pytest.fixture
def firm(own_database):
    with transaction.atomic():
        organization = Organization.objects.create(slug="lumenroll", name="Lumenroll")
        with tenancy.entered(organization.pk):
            people = hire(organization)
            reporting.report(actor=people.maya, title="Log gap", asset="CRM", severity="high", criteria=["CC7.2"],
                             detected_at=clock.now())  # fmt: skip
    sequencer.run_once(organization.pk)
    return organization


@pytest.fixture
def place(tmp_path, settings):
    settings.VAR = tmp_path
    settings.CLEARHOLD_BLOBS_DIR = tmp_path / "blobs"
    settings.CLEARHOLD_KEYS_DIR = tmp_path / "keys"
    settings.CLEARHOLD_SIGNER_DIR = tmp_path / "signer"
    return tmp_path


def asked(statement):
    with connections["owner"].cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def rows_of(organization):
    """How many rows the organization has in each of its tables."""
    with transaction.atomic(using="owner"), tenancy.entered(organization.pk, using="owner"):
        return {
            table: asked(f"SELECT count(*) FROM {table} WHERE organization_id = '{organization.pk}'")[0][0]
            for table in remove.tables()
        }


def small_sample():
    """A sample of a few people and one finding, sealed; one of them also works for the other organization."""
    with transaction.atomic():
        organization = Organization.objects.create(slug="sample", name="Lumenroll (sample)", is_sample=True)
        with tenancy.entered(organization.pk):
            people = hire(organization)
            reporting.report(actor=people.maya, title="Log gap", asset="CRM", severity="high", criteria=["CC7.2"],
                             detected_at=clock.now())  # fmt: skip
    sequencer.run_once(organization.pk)
    return organization, people


def test_every_table_with_an_organization_is_known(own_database):
    found = asked(
        "SELECT table_name FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)"
        " WHERE column_name = 'organization_id' AND table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1"
    )
    assert sorted(table for (table,) in found) == remove.tables()


def test_it_takes_the_sample_and_leaves_the_others_as_they_were(place, firm):
    sample, people = small_sample()
    with transaction.atomic(), tenancy.entered(firm.pk):
        give(firm, people.ivan.person_id, "engineer")
    session = SessionStore()
    session["_auth_user_id"] = str(people.maya.account_id)
    session.save()
    (place / "sample").mkdir()
    (place / "sample.txt").write_text("Sign in as …")
    (place / "blobs" / sample.pk.hex / "ab").mkdir(parents=True)
    (place / "blobs" / sample.pk.hex / "ab" / "blob").write_bytes(b"sealed")
    (place / "blobs" / firm.pk.hex / "ab").mkdir(parents=True)
    kept_blob = place / "blobs" / firm.pk.hex / "ab" / "blob"
    kept_blob.write_bytes(b"sealed")
    before = rows_of(firm), asked(TRIGGERS), asked(FENCES)
    out = io.StringIO()
    call_command("remove_sample", "--yes", stdout=out)
    assert (rows_of(firm), asked(TRIGGERS), asked(FENCES)) == before
    assert sum(rows_of(sample).values()) == 0
    assert list(Organization.objects.values_list("slug", flat=True)) == ["lumenroll"]
    assert "8 people, 1 files" in out.getvalue() and "1 people stay" in out.getvalue()
    assert not Account.objects.filter(email__endswith="@sample.example").exclude(email__startswith="ivan").exists()
    assert Person.objects.filter(pk=people.ivan.person_id).exists()
    assert not SessionStore(session.session_key).exists(session.session_key)
    assert signer.known_organizations() == [firm.pk]
    assert not (place / "sample").exists() and "was removed" in (place / "sample.txt").read_text()
    assert [path for path in (place / "blobs").rglob("*") if path.is_file()] == [kept_blob]
    assert verification.verify(firm.pk, firm.slug).holds


@pytest.mark.slow
def test_the_whole_sample_can_be_removed_and_made_again(place, firm):
    before = rows_of(firm), asked(TRIGGERS)
    for _ in range(2):
        load._make(lambda words: None)
        sample = Organization.objects.get(slug="sample")
        sequencer.run_once(sample.pk)
        assert rows_of(sample)["findings_finding"] > 20
        call_command("remove_sample", "--yes", stdout=io.StringIO())
        assert not any(path.is_file() for path in Path(place / "blobs").rglob("*"))
    assert (rows_of(firm), asked(TRIGGERS)) == before


def test_it_asks_first(place, firm, monkeypatch):
    small_sample()
    monkeypatch.setattr("builtins.input", lambda words: "n")
    out = io.StringIO()
    call_command("remove_sample", stdout=out)
    assert "Nothing was removed" in out.getvalue()
    assert load.exists()


def test_a_failure_leaves_rows_triggers_and_files_as_they_were(place, firm, monkeypatch):
    sample, _ = small_sample()
    before = rows_of(sample), asked(TRIGGERS)

    def fail(*_):
        raise RuntimeError("no")

    monkeypatch.setattr(remove, "_remove_person", fail)
    with pytest.raises(RuntimeError):
        remove.remove()
    assert (rows_of(sample), asked(TRIGGERS)) == before
    assert sample.pk in signer.known_organizations()


def test_a_real_organization_stays_whatever_it_is_called(place, own_database):
    with pytest.raises(CommandError, match="no sample"):
        call_command("remove_sample", "--yes")
    with transaction.atomic():
        Organization.objects.create(slug="sample", name="Sample & Sons")
    with pytest.raises(CommandError, match="real one"):
        call_command("remove_sample", "--yes")
    assert load.exists()


@pytest.mark.parametrize("alias", ["default", "owner"])
@pytest.mark.parametrize("was", [True, False])
def test_nobody_turns_a_real_organization_into_a_sample_or_back(own_database, alias, was):
    with transaction.atomic():
        made = Organization.objects.create(slug="lumenroll", name="Lumenroll", is_sample=was)
    with pytest.raises(DatabaseError, match="from its first moment"), connections[alias].cursor() as cursor:
        cursor.execute("UPDATE organizations_organization SET is_sample = NOT is_sample WHERE id = %s", [made.pk])
    with connections[alias].cursor() as cursor:
        cursor.execute("UPDATE organizations_organization SET name = 'Lumenroll Inc.' WHERE id = %s", [made.pk])
