"""The import as a job: from a kept file, with its counts as the result; cancelled or refused, it leaves nothing."""

import io

import pytest
from django.db import transaction

from evidence import tenancy
from evidence.organizations.models import Organization
from portal.celery import app, load_jobs
from portal.jobs import running
from portal.jobs import services as jobs
from portal.jobs.models import Job
from remediation.findings.models import Finding
from remediation.importers import services
from remediation.importers.jobs import KIND
from tests.people import hire
from tests.remediation.importers.reading import SAMPLES


@pytest.fixture
def world(own_database, settings, tmp_path):
    settings.CLEARHOLD_BLOBS_DIR, settings.CLEARHOLD_KEYS_DIR = tmp_path / "blobs", tmp_path / "keys"
    running._apart = None
    organization = Organization.objects.create(slug="jobfirm", name="Jobfirm")
    with transaction.atomic(), tenancy.entered(organization.pk):
        maya = hire(organization).maya
    yield organization, maya
    if running._apart is not None:
        running._apart._connection.close()
        running._apart = None


def run(world, data: bytes, monkeypatch) -> Job:
    organization, maya = world
    monkeypatch.setattr(jobs, "ring", lambda *about: True)
    with transaction.atomic(), tenancy.entered(organization.pk):
        blob = services.hold(io.BytesIO(data), actor=maya)
        job = jobs.enqueue(KIND, actor=maya, args={"blob": str(blob.pk), "name": "weekly.json"})
    load_jobs()
    app.tasks[KIND].perform(job.pk)
    with transaction.atomic(), tenancy.entered(organization.pk):
        job.refresh_from_db()
        job.created = Finding.objects.count()
    return job


def test_a_kept_file_is_imported_by_a_job(world, monkeypatch):
    job = run(world, (SAMPLES / "trivy.json").read_bytes(), monkeypatch)
    assert (job.state, job.created) == ("succeeded", 6)
    assert job.result["created"] == 6 and job.result["format"] == "trivy"


def test_a_refused_file_fails_the_job_in_words(world, monkeypatch):
    job = run(world, b"Title,Severity\nA,high\nB,terrible\n", monkeypatch)
    assert (job.state, job.created) == ("failed", 0)
    assert "Row 3" in job.error


def test_a_cancelled_job_leaves_nothing(world, monkeypatch):
    monkeypatch.setattr(running, "_report_apart", lambda job, done, total, note: True)
    job = run(world, (SAMPLES / "trivy.json").read_bytes(), monkeypatch)
    assert (job.state, job.created) == ("cancelled", 0)
