"""The whole way on real connections with their own roles: the command, and the durable job with cancel."""

import json
from datetime import UTC, date, datetime

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from evidence import tenancy
from evidence.controls import services as controls
from evidence.ledger import sequencer
from evidence.organizations.models import Organization
from portal.celery import app
from portal.engagements import services as engagements
from portal.jobs import services as jobs
from portal.jobs.models import Job
from portal.packages import services
from portal.packages.models import Package
from remediation.findings.services import reporting
from tests.people import hire

FACTS = engagements.Facts("Examination", date(2026, 1, 1), date(2026, 12, 31), auditor_firm="Haas & Partner")


@pytest.fixture
def firm(own_database):
    with transaction.atomic():
        organization = Organization.objects.create(slug="lumenroll", name="Lumenroll")
        with tenancy.entered(organization.pk):
            people = hire(organization)
            made = engagements.create(FACTS, actor=people.maya)
            controls.adopt_starter_set(actor=people.maya)
            reporting.report(
                actor=people.maya,
                title="Log gap",
                source="audit_report",
                detected_at=datetime(2026, 2, 3, tzinfo=UTC),
                asset="CRM",
                severity="high",
            )
            engagements.scope_everything(made.pk, actor=people.maya)
    return organization, people, made


@pytest.mark.slow
def test_the_command_builds_what_the_other_command_verifies(firm, tmp_path, capsys):
    target = tmp_path / "package.pdf"
    call_command("build_package", "ENG-1", "--out", str(target), "--organization", "lumenroll")
    assert target.exists()
    call_command("verify_package", str(target), "--json")
    said = capsys.readouterr().out
    assert json.loads(said[said.index("{") :])["ok"] is True
    target.write_bytes(target.read_bytes().replace(b"%%EOF", b"%%EOG"))
    with pytest.raises(SystemExit) as ended:
        call_command("verify_package", str(target))
    assert ended.value.code == 1


@pytest.mark.slow
def test_the_command_names_what_is_missing(firm, tmp_path):
    with pytest.raises(CommandError, match="ENG-1"):
        call_command("build_package", "ENG-9", "--out", str(tmp_path / "x.pdf"))
    with pytest.raises(CommandError, match="no folder"):
        call_command("build_package", "ENG-1", "--out", str(tmp_path / "none" / "x.pdf"))
    with pytest.raises(CommandError, match="does not include"):
        call_command("build_package", "ENG-1", "--out", str(tmp_path / "x.pdf"), "--as", "ines@lumenroll.example")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_job_builds_it_and_can_be_cancelled(firm, monkeypatch):
    organization, people, engagement = firm
    monkeypatch.setattr(jobs, "ring", lambda *_: True)
    with transaction.atomic(), tenancy.entered(organization.pk):
        first = services.build(engagement.pk, actor=people.maya)
        second = services.build(engagement.pk, actor=people.maya)
        jobs.cancel(second.job_id, actor=people.maya)
    sequencer.run_once(organization.pk)
    assert app.tasks["packages.build"].perform(first.job_id) == "succeeded"
    app.tasks["packages.build"].perform(second.job_id)
    with transaction.atomic(), tenancy.entered(organization.pk):
        assert Package.objects.get(pk=first.pk).is_built
        assert not Package.objects.get(pk=second.pk).is_built
        assert Job.objects.get(pk=second.job_id).state == "cancelled"
        assert Job.objects.get(pk=first.job_id).result["url"].endswith(str(first.pk))
