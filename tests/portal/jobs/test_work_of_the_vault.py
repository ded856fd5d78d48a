"""The long work of the vault as jobs: it ends with figures, and the daily round is one job a day."""

import io
from datetime import timedelta

import pytest
from django.db import transaction

from evidence import clock, tenancy
from evidence.organizations.models import Organization
from evidence.vault import jobs as work
from evidence.vault import keys
from evidence.vault import services as vault
from evidence.vault.models import Blob, BlobCheck
from portal.jobs import running, services, sweeps
from portal.jobs.models import Job
from tests.people import hire


@pytest.fixture(autouse=True)
def own_store(settings, tmp_path):
    settings.CLEARHOLD_BLOBS_DIR, settings.CLEARHOLD_KEYS_DIR = tmp_path / "blobs", tmp_path / "keys"


def keep(organization, data: bytes) -> Blob:
    return vault.adopt(vault.store(io.BytesIO(data), organization_id=organization.pk, limit_bytes=1000))


@pytest.fixture
def world(own_database, monkeypatch):
    monkeypatch.setattr(services, "ring", lambda *given: True)
    running._apart = None
    organization = Organization.objects.create(slug="vaultfirm", name="Vaultfirm")
    with transaction.atomic(), tenancy.entered(organization.pk):
        people = hire(organization)
        for number in range(3):
            keep(organization, bytes([number]))
    yield organization, people
    if running._apart is not None:
        running._apart._connection.close()
        running._apart = None


@pytest.mark.parametrize(
    ("job", "given", "figures"),
    [
        (work.scrub, {}, {"files": 1, "intact": 1}),
        (work.verify, {}, {"files": 3, "intact": 3, "damaged": 0}),
        (work.rewrap, {}, {"files": 3}),
        (work.move, {"to": "local"}, {"files": 0}),
    ],
    ids=["scrub", "verify", "rewrap", "move"],
)
def test_each_ends_with_its_figures(world, settings, job, given, figures):
    organization, people = world
    keys.create(settings.CLEARHOLD_KEYS_DIR)
    with transaction.atomic(), tenancy.entered(organization.pk):
        row = services.enqueue(job.name, actor=people.adam, args=given)
    assert job.perform(row.pk) == "succeeded"
    with transaction.atomic(), tenancy.entered(organization.pk):
        row.refresh_from_db()
        assert figures.items() <= row.result.items()
        assert row.done == (row.total or 0)
        if job is work.rewrap:
            assert Blob.objects.values("kek_id").distinct().count() == 1


def test_a_check_that_is_asked_to_stop_stops_at_the_next_file(world):
    organization, people = world
    with transaction.atomic(), tenancy.entered(organization.pk):
        row = services.enqueue(work.VERIFY, actor=people.adam, args={})
    row.cancel_requested = True
    with transaction.atomic(), tenancy.entered(organization.pk):
        claimed = services.claim(row.pk, "here")
        services.cancel(row.pk, actor=people.adam)
        Job.objects.filter(pk=row.pk).update(lease_until=clock.now() - timedelta(seconds=1))
    assert claimed is not None
    assert work.verify.perform(row.pk) == "left"
    with transaction.atomic(), tenancy.entered(organization.pk):
        assert Job.objects.get(pk=row.pk).state == "cancelled"
        assert not BlobCheck.objects.exists()


def test_the_daily_round_is_queued_once_a_day_and_not_beside_another(org):
    assert sweeps.check_blobs(org.pk) is None
    keep(org, b"evidence")
    first = sweeps.check_blobs(org.pk)
    assert (first.kind, first.created_by_id) == (work.SCRUB, None)
    assert sweeps.check_blobs(org.pk) is None
    services.finish(first, Job.State.SUCCEEDED)
    assert sweeps.check_blobs(org.pk) is None
    with clock.at(clock.now() + timedelta(days=1, minutes=1)):
        assert sweeps.check_blobs(org.pk) is not None


def test_a_round_that_failed_is_tried_again_within_hours(org):
    keep(org, b"evidence")
    services.finish(sweeps.check_blobs(org.pk), Job.State.FAILED, error="The store is away.")
    with clock.at(clock.now() + timedelta(hours=1, minutes=1)):
        assert sweeps.check_blobs(org.pk) is not None
