"""Keeping and disposing through pages: what is due, holds, a request, its decision with a password, the certificate."""

import io
from datetime import date

import pypdfium2
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from evidence import tenancy
from evidence.artifacts import services as artifacts
from evidence.artifacts.facts import VersionFacts
from evidence.artifacts.models import Artifact
from evidence.errors import WrongState
from evidence.intake import services as intake
from evidence.ledger import sequencer
from evidence.retention import queries, services
from evidence.retention.models import Certificate, Disposal, DisposalDecision, Hold, HoldRelease, Scope
from portal.engagements import services as engagements
from portal.jobs import running
from portal.jobs import services as jobs
from portal.jobs.models import Job
from tests.people import PASSWORD
from tests.portal.evidence_store import stored_files
from tests.portal.web.test_signing_in_and_people import signed_in
from tests.remediation.story import Story

WHY = {"reason": "Kept long enough.", "authority": "Retention policy, section 4"}
HOLD = {"kind": "legal", "matter": "Doe v. Lumenroll", "reason": "Counsel asked for it."}


@pytest.fixture(autouse=True)
def own_store(settings, tmp_path):
    settings.CLEARHOLD_BLOBS_DIR = tmp_path / "blobs"
    settings.CLEARHOLD_KEYS_DIR, settings.CLEARHOLD_SIGNER_DIR = tmp_path / "keys", tmp_path / "signer"


@pytest.fixture(autouse=True)
def progress_in_the_test(monkeypatch):
    """A job's progress goes through the test's own transaction: no second connection could see its row."""

    def report(job, done, total, note):
        with tenancy.entered(job.organization_id):
            return jobs.report(job, done, total, note)

    monkeypatch.setattr(running, "_report_apart", report)


@pytest.fixture
def root(org):
    return f"/o/{org.slug}/"


@pytest.fixture
def kept(org, people):
    def added(data=b"week,result\n", year=2018, who=None):
        received = intake.take(io.BytesIO(data), filename="weeks.csv", organization_id=org.pk, limit_bytes=10**6)
        about = VersionFacts(period_from=date(year, 1, 1), period_to=date(year, 12, 31))
        made = artifacts.add(received, title="<b>Leavers</b>", kind="report", about=about, actor=who or people.ines)
        return artifacts.accept(made.pk, number=1, actor=people.vera)

    return added


def run_job() -> Job:
    """The last job, done as a worker would."""
    from portal.celery import app, load_jobs

    load_jobs()
    job = Job.objects.order_by("-created_at").first()
    with tenancy.entered(None):
        app.tasks[job.kind].perform(job.pk)
    job.refresh_from_db()
    return job


def test_the_whole_way_from_due_to_the_certificate(root, org, people, kept):
    made = kept()
    manager, approver = signed_in(people.maya), signed_in(people.arun)
    due = manager.get(f"{root}retention").content
    assert made.ref.encode() in due
    assert b"&lt;b&gt;Leavers" in due
    assert f"{root}evidence/{made.ref}/dispose".encode() in due
    assert manager.get(f"{root}evidence/{made.ref}/dispose").status_code == 200
    asked = manager.post(f"{root}evidence/{made.ref}/dispose", {**WHY, "numbers": ["1"]})
    assert (asked.status_code, asked.url) == (302, f"{root}retention/disposals/D-001"), asked.content
    assert b"Withdraw the request" in manager.get(asked.url).content
    own = manager.post(asked.url, {"verdict": "approve", "reason": "So.", "password": PASSWORD})
    assert own.status_code == 403
    assert b"Approve the disposal" in approver.get(asked.url).content
    assert b"Approve the disposal" not in manager.get(asked.url).content
    wrong = approver.post(asked.url, {"verdict": "approve", "reason": "Long over.", "password": "no"})
    assert wrong.status_code == 403
    assert b"The password is not right" in wrong.content
    assert not DisposalDecision.objects.exists()
    assert not Job.objects.exists()
    done = approver.post(asked.url, {"verdict": "approve", "reason": "Long over.", "password": PASSWORD})
    assert done.status_code == 302, done.content
    assert b"Being disposed of" in approver.get(asked.url).content
    job = run_job()
    assert (job.state, job.result) == ("succeeded", {"files": 1, "left": 0})
    assert stored_files() == []
    page = manager.get(f"{root}evidence/{made.ref}").content
    assert b"Certificate D-001" in page
    assert made.latest.sha256.encode() in page
    assert b"Download original" not in page
    assert manager.get(f"{root}evidence/{made.ref}/v/1/original").status_code == 410
    sequencer.run_once(org.pk)
    certificate = manager.get(f"{root}retention/certificates/D-001").content
    for words in (made.latest.sha256, "Maya Okafor", "Arun Mehta", WHY["authority"], WHY["reason"], "Long over."):
        assert words.encode() in certificate
    printed = manager.get(f"{root}retention/certificates/D-001/pdf")
    assert printed["Content-Type"] == "application/pdf"
    text = "".join(sheet.get_textpage().get_text_range() for sheet in pypdfium2.PdfDocument(printed.content))
    for words in (made.latest.sha256, "Maya Okafor", "Arun Mehta", WHY["authority"], "Long over."):
        assert words in text
    for view in ("requests", "certificates"):
        assert b"D-001" in manager.get(f"{root}retention?view={view}").content
    assert manager.get(f"{root}evidence/").status_code == 200


def test_a_hold_is_set_stops_all_and_is_released_by_another(root, people, kept):
    made = kept()
    executive, approver, manager = (signed_in(one) for one in (people.edda, people.arun, people.maya))
    assert executive.get(f"{root}retention/holds/new").status_code == 200
    wrong = executive.post(f"{root}retention/holds/new", {**HOLD, "scope": "artifact", "target": "E-999"})
    assert wrong.status_code == 422
    assert b"There is no E-999 here" in wrong.content
    both = executive.post(f"{root}retention/holds/new", {**HOLD, "scope": "organization", "target": made.ref})
    assert both.status_code == 422
    assert not Hold.objects.exists()
    made_hold = executive.post(f"{root}retention/holds/new", {**HOLD, "scope": "artifact", "target": "e-001"})
    assert (made_hold.status_code, made_hold.url) == (302, f"{root}retention/holds/H-001"), made_hold.content
    assert b"On hold" in manager.get(f"{root}evidence/{made.ref}").content
    held = manager.post(f"{root}evidence/{made.ref}/dispose", {**WHY, "numbers": ["1"]})
    assert held.status_code == 409
    assert b"a hold beats every disposal (rule H-01)" in held.content
    assert not Disposal.objects.exists()
    own = executive.post(made_hold.url, {"reason": "Settled.", "password": PASSWORD})
    assert own.status_code == 409
    assert b"rule H-02" in own.content
    assert not HoldRelease.objects.exists()
    assert b"You set H-001" in executive.get(made_hold.url).content
    assert b"Release the hold" in approver.get(made_hold.url).content
    released = approver.post(made_hold.url, {"reason": "Settled.", "password": PASSWORD})
    assert released.status_code == 302, released.content
    assert b"Released" in manager.get(made_hold.url).content
    assert b"H-001" in manager.get(f"{root}retention?view=holds").content


def test_an_approved_disposal_that_met_a_hold_is_carried_out_after_its_release(root, people, kept):
    made = kept()
    asked = services.ask(made.pk, actor=people.maya, **WHY)
    approver = signed_in(people.arun)
    address = f"{root}retention/disposals/{asked.ref}"
    approver.post(address, {"verdict": "approve", "reason": "Long over.", "password": PASSWORD})
    hold = services.set_hold(actor=people.edda, scope=Scope.ORGANIZATION, matter="Case 7", reason="A lawsuit.")
    job = run_job()
    assert job.state == "failed"
    assert "Case 7" in job.error
    assert len(stored_files()) == 1
    assert b"Carry it out" in approver.get(address).content
    assert approver.post(f"{address}/run").status_code == 409
    services.release(hold.pk, actor=people.alba, reason="Settled.")
    assert approver.post(f"{address}/run").status_code == 302
    assert run_job().state == "succeeded"
    assert Certificate.objects.count() == 1


def test_a_class_is_changed_with_a_reason(root, people, kept):
    made = kept()
    client = signed_in(people.maya)
    address = f"{root}evidence/{made.ref}/retention"
    assert client.get(address).status_code == 200
    assert client.post(address, {"retention_class": "student_data"}).status_code == 422
    sent = client.post(address, {"retention_class": "student_data", "reason": "It names students."})
    assert sent.status_code == 302, sent.content
    assert b"nobody has said when it was last needed" in client.get(f"{root}evidence/{made.ref}").content
    assert made.ref.encode() in client.get(f"{root}retention?view=undated").content


def test_the_class_comes_with_the_upload(root, people):
    client = signed_in(people.ines)
    form = {"title": "Students", "kind": "report", "method": "export", "retention_class": "student_data"}
    sent = client.post(f"{root}evidence/upload", {**form, "file": SimpleUploadedFile("a.csv", b"a,b\n1,2\n")})
    assert sent.status_code == 302, sent.content
    assert b"Raw student data" in client.get(sent.url).content
    wrong = client.post(
        f"{root}evidence/upload",
        {**form, "retention_class": "forever", "file": SimpleUploadedFile("a.csv", b"a,b\n1,2\n")},
    )
    assert wrong.status_code == 422
    assert Artifact.objects.count() == 1


def test_the_classes_are_a_versioned_policy(root, people):
    client = signed_in(people.adam)
    address = f"{root}settings/policies/retention"
    assert b"the day it was last needed" in client.get(address).content
    fields = {}
    for name, years, trigger in (
        ("evidence", 8, "received"), ("student_data", 1, "last_need"), ("draft", 1, "received"),
        ("package", 7, "engagement_end"),
    ):  # fmt: skip
        fields |= {f"{name}.years": years, f"{name}.from": trigger}
    assert client.post(address, {**fields, "draft.from": "someday"}).status_code == 422
    assert client.post(address, fields).status_code == 302
    assert b"8" in client.get(address).content


def test_the_lists_cost_the_same_for_any_number(root, people, kept):
    client = signed_in(people.maya)
    kept(b"first")
    counts = {}
    for view in ("due", "requests", "holds"):
        with CaptureQueriesContext(
            connection,
        ) as few:
            client.get(f"{root}retention?view={view}")
        counts[view] = len(few)
    for number in range(7):
        made = kept(b"%d" % number)
        services.ask(made.pk, actor=people.maya, **WHY)
        services.set_hold(actor=people.edda, scope=Scope.ORGANIZATION, matter=f"Case {number}", reason="A lawsuit.")
        hold = Hold.objects.order_by("-number").first()
        services.release(hold.pk, actor=people.arun, reason="Settled.")
    for view, few in counts.items():
        with CaptureQueriesContext(connection) as many:
            assert client.get(f"{root}retention?view={view}").status_code == 200
        assert len(many) <= few, view


def test_a_hold_on_an_engagement_keeps_what_its_scope_uses_and_its_scope(people, org):
    story = Story(people).until("closed")
    engagement = engagements.create(
        engagements.Facts("Examination", date(2026, 1, 1), date(2026, 12, 31)), actor=people.maya
    )
    engagements.scope(engagement.pk, actor=people.maya, findings=[story.finding.pk])
    artifact = Artifact.objects.get(links__target_id=story.task.pk)
    assert queries.holds_on(artifact.pk) == []
    from evidence.ledger.services import Subject

    target = Subject("engagements.engagement", engagement.pk, engagement.ref)
    services.set_hold(actor=people.maya, scope=Scope.ENGAGEMENT, target=target, matter="Case 7", reason="A lawsuit.")
    assert [one.ref for one in queries.holds_on(artifact.pk)] == ["H-001"]
    with pytest.raises(WrongState, match="rule H-04"):
        engagements.narrow(engagement.pk, actor=people.maya, reason="Out.", findings=[story.finding.pk])
    with pytest.raises(DatabaseError, match=r"\[H-04\]"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM engagements_scopedfinding WHERE engagement_id = %s", [engagement.pk])
