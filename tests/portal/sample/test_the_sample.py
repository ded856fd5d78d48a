"""The sample organization shows the whole product, made through the same services as everything else."""

from collections import Counter
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from django.db import transaction

from evidence import clock, tenancy
from evidence.artifacts.models import Artifact
from evidence.organizations.models import Organization
from portal.sample import NAME, SLUG, files, load, packages
from remediation.approvals.models import Decision, Request
from remediation.findings.models import Finding
from remediation.risk.models import Acceptance


@pytest.fixture
def sample(db, tmp_path, settings):
    settings.VAR = tmp_path
    today = clock.today(load.ZONE)
    organization = Organization.objects.create(slug=SLUG, name=NAME, timezone=load.ZONE, is_sample=True)
    made = load.Sample(organization, today)
    written = files.write(load.folder(), today)
    with tenancy.entered(organization.pk):
        for step in (made.people_and_controls, lambda: made.imports(written), made.tales, made.runs, made.engagement):
            made.renew()
            with transaction.atomic():
                step()
        yield made


@pytest.mark.slow
def test_it_shows_findings_in_every_state(sample):
    states = Counter(Finding.objects.values_list("state", flat=True))
    assert set(states) >= {
        "draft", "reported", "triaged", "analysed", "planned", "in_remediation", "ready_for_verification", "verified",
        "closed", "rejected", "risk_accepted", "risk_acceptance_pending", "deferred", "deferral_pending",
    }  # fmt: skip
    assert 28 <= sum(states.values()) <= 40
    assert Finding.objects.filter(cycle=2).exists()
    assert Decision.objects.filter(verdict="reject").exists()
    assert Request.objects.filter(state="granted").count() >= 6
    assert Acceptance.objects.filter(state="active").count() == 1
    assert Artifact.objects.filter(state="accepted").exists()


def test_a_worker_that_is_quicker_to_the_seal_is_waited_for(monkeypatch):
    states = iter(["queued", "running", "succeeded"])
    job = SimpleNamespace(kind="packages.seal", pk=None, state="queued", is_over=False)

    def refresh() -> None:
        job.state = next(states)
        job.is_over = job.state == "succeeded"

    job.refresh_from_db = refresh
    monkeypatch.setattr(packages, "sleep", lambda seconds: None)
    monkeypatch.setattr(packages.app, "tasks", {job.kind: SimpleNamespace(perform=lambda key: "left")})
    press = packages.Press(Organization(slug=SLUG))
    monkeypatch.setattr(press, "inside", nullcontext)
    assert press._done(job) == "succeeded"
