"""One file's whole life through pages: uploaded, redacted, shown to an auditor, packaged, held, disposed of.

The auditor never reads the original; the hold stops everything; what is left at the end says what was there.
"""

import io
import json
from contextlib import contextmanager
from datetime import date, timedelta

import pikepdf
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from evidence import clock, tenancy
from evidence.artifacts.models import Artifact, Redaction
from evidence.controls import services as controls
from evidence.controls.services import ControlFacts
from evidence.ledger import sequencer, verification
from evidence.vault import checking
from evidence.vault import services as vault
from portal.engagements import services as engagements
from portal.jobs import running
from portal.jobs import services as jobs
from portal.jobs.models import Job
from portal.packages import services as packages
from tests.people import PASSWORD
from tests.portal.evidence_store import stored_files
from tests.portal.web.test_signing_in_and_people import signed_in

ORIGINAL = b"name,mail,removed\nAnn Lee,ann@x.example,2018-03-01\nBo Chan,bo@x.example,2018-03-02\n"
COPY = b"name,mail,removed\n[masked 1],[masked 2],2018-03-01\n[masked 3],[masked 4],2018-03-02\n"
WHY = {"reason": "Kept long enough.", "authority": "Retention policy, section 4"}


@pytest.fixture(autouse=True)
def own_store(settings, tmp_path):
    settings.CLEARHOLD_BLOBS_DIR = tmp_path / "blobs"
    settings.CLEARHOLD_KEYS_DIR = tmp_path / "keys"
    settings.CLEARHOLD_SIGNER_DIR = tmp_path / "signer"
    settings.CLEARHOLD_WORK_DIR = tmp_path / "work"
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path / "no-such-folder")


@pytest.fixture(autouse=True)
def progress_in_the_test(monkeypatch):
    """A job's progress goes through the test's own transaction: no second connection could see its row."""

    def report(job, done, total, note):
        with tenancy.entered(job.organization_id):
            return jobs.report(job, done, total, note)

    monkeypatch.setattr(running, "_report_apart", report)


def body_of(answer) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


@contextmanager
def inside():
    yield


def built(engagement, people, org, title: str) -> bytes:
    package = packages.start(engagement.pk, actor=people.maya, title=title)
    sequencer.run_once(org.pk)
    packages.perform_build(package.pk, actor=people.maya, inside=inside, watch=lambda done, total, note: None)
    package.refresh_from_db()
    return b"".join(packages.pdf_bytes(package))


def attached(pdf: bytes) -> dict[str, bytes]:
    with pikepdf.open(io.BytesIO(pdf)) as document:
        return {name: document.attachments[name].get_file().read_bytes() for name in document.attachments}


def carried_out() -> Job:
    from portal.celery import app, load_jobs

    load_jobs()
    job = Job.objects.filter(kind="retention.dispose").order_by("-created_at").first()
    with tenancy.entered(None):
        app.tasks[job.kind].perform(job.pk)
    job.refresh_from_db()
    return job


@pytest.mark.slow
def test_a_file_lives_and_goes_and_its_hash_stays(org, people):
    root = f"/o/{org.slug}/"
    ines, maya, vera, arun, alba, edda = (
        signed_in(one) for one in (people.ines, people.maya, people.vera, people.arun, people.alba, people.edda)
    )
    control = controls.create(ControlFacts(title="Leavers lose access", frequency="weekly"), actor=people.maya)
    form = {"title": "Leavers", "kind": "report", "method": "export", "control": control.ref,
            "period_from": "2018-01-01", "period_to": "2018-12-31"}  # fmt: skip
    sent = ines.post(f"{root}evidence/upload", {**form, "file": SimpleUploadedFile("leavers.csv", ORIGINAL)})
    assert sent.status_code == 302, sent.content

    # Maya masks columns, looks, and sends; the reviewer decides on the copy and then on it as evidence.
    order = {"columns": ["0", "1"], "numbered": "on", "do": "look"}
    looked = maya.post(f"{root}evidence/E-001/v/1/redact", order)
    assert looked.status_code == 200, looked.content
    shown = looked.content.split(b'name="sha256" value="')[1][:64].decode()
    copied = maya.post(
        f"{root}evidence/E-001/v/1/redact", {**order, "do": "send", "sha256": shown, "reason": "It names students."}
    )
    assert copied.status_code == 302, copied.content
    engagement = engagements.create(
        engagements.Facts("Examination", date(2018, 1, 1), date(2018, 12, 31), access_ends_on=date(2099, 12, 31)),
        actor=people.maya,
    )
    engagements.scope(engagement.pk, actor=people.maya, controls=[control.pk])
    engagements.release(engagement.pk, actor=people.maya, controls=[control.pk])
    engagements.grant(
        engagement.pk, account_id=people.otto.account_id, valid_until=clock.now() + timedelta(days=9), actor=people.maya
    )
    otto, audit = signed_in(people.otto), f"{root}audit/{engagement.ref}/"
    assert otto.get(f"{audit}evidence/E-001").status_code == 404
    assert vera.post(copied.url, {"verdict": "approved"}).status_code == 302
    judged = vera.post(f"{root}evidence/E-001/review", {"verdict": "accepted", "number": "2", "reason": "Totals tie."})
    assert judged.status_code == 302, judged.content

    # The auditor and the package get the copy alone.
    page = otto.get(f"{audit}evidence/E-001")
    assert b"[masked 1]" in page.content
    assert body_of(otto.get(f"{audit}evidence/E-001/download")) == COPY
    pdf = built(engagement, people, org, "First")
    assert attached(pdf)["E-001-E-001-v1-redacted.csv"] == COPY
    assert b"Ann Lee" not in b"".join(attached(pdf).values())

    # A hold beats the disposal of the original; another person ends it, and then it goes.
    hold = {"kind": "legal", "scope": "engagement", "target": engagement.ref, "matter": "Doe v. us", "reason": "Suit."}
    assert edda.post(f"{root}retention/holds/new", hold).status_code == 302
    asking = {**WHY, "numbers": ["1"]}
    assert maya.post(f"{root}evidence/E-001/dispose", asking).status_code == 409
    assert edda.post(f"{root}retention/holds/H-001", {"reason": "Over.", "password": PASSWORD}).status_code == 409
    assert arun.post(f"{root}retention/holds/H-001", {"reason": "Over.", "password": PASSWORD}).status_code == 302
    asked = maya.post(f"{root}evidence/E-001/dispose", asking)
    assert asked.status_code == 302, asked.content
    agreed = {"verdict": "approve", "reason": "Long over.", "password": PASSWORD}
    assert alba.post(asked.url, agreed).status_code == 302
    assert carried_out().state == "succeeded"
    made = Redaction.objects.select_related("original__blob", "redacted__blob").get()
    with pytest.raises(vault.Erased):
        b"".join(vault.open(made.original.blob))
    assert body_of(otto.get(f"{audit}evidence/E-001/download")) == COPY

    # At the end the copy goes, too; auditor and package say so with its hash, and everything still verifies.
    rest = maya.post(f"{root}evidence/E-001/dispose", {**WHY, "numbers": ["2"]})
    assert rest.status_code == 302, rest.content
    assert alba.post(rest.url, agreed).status_code == 302
    assert carried_out().state == "succeeded"
    assert Artifact.objects.get().state == "disposed"
    gone = otto.get(f"{audit}evidence/E-001")
    assert gone.status_code == 200
    assert b"The company destroyed this file" in gone.content
    assert otto.get(f"{audit}evidence/E-001/download").status_code == 410
    files = attached(built(engagement, people, org, "Second"))
    assert not any(name.startswith("E-001-") for name in files)
    listed = [row for row in json.loads(files["manifest.json"])["files"] if row.get("exhibit") == "E-001"]
    assert [(row["attached"], row["sha256"]) for row in listed] == [(False, made.redacted.sha256)]
    report = checking.verify_all(slug=org.slug)
    assert (report.erased, report.exit_code) == (2, 0)
    assert not any(made.original.blob.location.endswith(path.name) for path in stored_files())
    assert verification.verify(org.pk).fault == ""
