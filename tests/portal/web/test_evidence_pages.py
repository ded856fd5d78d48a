"""Evidence through its pages: upload with and without script, custody, judgement, preview and download."""

import base64
import hashlib
import io
import json
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from PIL import Image

from evidence.artifacts import services as artifacts
from evidence.artifacts.models import Artifact
from evidence.controls import services as controls
from evidence.intake import services as intake
from evidence.ledger.models import Event
from evidence.organizations import services as organizations
from evidence.vault import checking
from evidence.vault.sealing import Damaged
from remediation.sod.models import Hand
from tests.people import account_of
from tests.portal.evidence_store import stored_files
from tests.portal.web.test_signing_in_and_people import signed_in
from tests.remediation.story import Story

CSV = b"week,result\nW12,<script>alert(1)</script>\n"


@pytest.fixture(autouse=True)
def own_store(settings, tmp_path):
    settings.CLEARHOLD_BLOBS_DIR = tmp_path / "blobs"
    settings.CLEARHOLD_KEYS_DIR = tmp_path / "keys"
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path / "no-such-folder")
    return tmp_path


@pytest.fixture
def root(org):
    return f"/o/{org.slug}/evidence/"


@pytest.fixture
def uploaded(org, people):
    def added(data=CSV, filename="leavers.csv", title="Leavers", actor=None):
        received = intake.take(io.BytesIO(data), filename=filename, organization_id=org.pk, limit_bytes=10**8)
        return artifacts.add(received, title=title, kind="report", actor=actor or people.ines)

    return added


def events(kind: str) -> int:
    return Event.objects.filter(kind=kind).count()


def test_a_form_uploads_evidence_without_script(root, people):
    client = signed_in(people.ines)
    assert client.get(f"{root}upload").status_code == 200
    form = {"title": "Leavers", "kind": "report", "method": "export", "file": SimpleUploadedFile("a.csv", CSV * 5000)}
    answer = client.post(f"{root}upload", {**form, "period_from": "2026-09-01", "period_to": "2026-09-30"})
    assert (answer.status_code, answer.url) == (302, f"{root}E-001"), answer.content
    artifact = Artifact.objects.get()
    assert artifact.latest.sha256 == hashlib.sha256(CSV * 5000).hexdigest()
    assert len(stored_files()) == 1


def test_several_files_of_one_form_become_several_artifacts(root, people):
    files = [SimpleUploadedFile(f"{n}.csv", b"%d" % n) for n in range(3)]
    answer = signed_in(people.ines).post(f"{root}upload", {"kind": "log", "method": "api", "file": files})
    assert answer.url == root
    assert [one.title for one in Artifact.objects.order_by("number")] == ["0.csv", "1.csv", "2.csv"]


def test_a_form_that_does_not_fit_keeps_the_words_and_no_file(root, people):
    form = {"title": "Leavers of week 12", "kind": "report", "method": "export", "query": "SELECT everything"}
    client = signed_in(people.ines)
    for wrong in (
        {"period_from": "2026-09-30", "period_to": "2026-09-01", "file": SimpleUploadedFile("a", CSV)},
        {"period_from": "2026-09-30", "file": SimpleUploadedFile("a", CSV)},
        {"control": "AC-99", "file": SimpleUploadedFile("a", CSV)},
        {"row_count": "-3", "file": SimpleUploadedFile("a", CSV)},
        {},
    ):
        answer = client.post(f"{root}upload", {**form, **wrong})
        page = answer.content.decode()
        assert answer.status_code == 422
        assert "Leavers of week 12" in page
        assert "SELECT everything" in page
    assert not stored_files()
    assert not Artifact.objects.exists()


def test_a_form_without_its_token_leaves_nothing(root, people):
    client = Client(enforce_csrf_checks=True)
    client.force_login(account_of(people.ines), backend="portal.accounts.backend.RoleBackend")
    answer = client.post(f"{root}upload", {"kind": "log", "method": "api", "file": SimpleUploadedFile("a", CSV)})
    assert answer.status_code == 403
    raw = client.post(f"{root}upload?filename=a", CSV, content_type="application/octet-stream")
    assert raw.status_code == 403
    assert not stored_files()
    assert not Artifact.objects.exists()


def test_a_form_with_its_token_is_taken(root, people):
    client = Client(enforce_csrf_checks=True)
    client.force_login(account_of(people.ines), backend="portal.accounts.backend.RoleBackend")
    page = client.get(f"{root}upload").content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]
    form = {"csrfmiddlewaretoken": token, "kind": "log", "method": "api", "file": SimpleUploadedFile("a", CSV)}
    assert client.post(f"{root}upload", form).status_code == 302
    raw = client.post(
        f"{root}upload?filename=b", CSV, content_type="application/octet-stream", headers={"X-CSRFToken": token}
    )
    assert raw.status_code == 201


def test_the_pages_script_sends_a_raw_file_with_its_facts(root, people):
    told = {"filename": "lö.csv", "title": "Leavers – week 12", "kind": "report", "query": "SELECT " + "x" * 3000}
    facts = base64.urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip("=")
    headers = {"Accept": "application/json", "X-Evidence-Facts": facts, "X-File-Type": "text/csv"}
    headers["X-SHA256"] = hashlib.sha256(CSV).hexdigest()
    client = signed_in(people.ines)
    answer = client.post(f"{root}upload", CSV, content_type="application/octet-stream", headers=headers)
    assert answer.status_code == 201, answer.content
    assert answer.json()["url"] == f"{root}E-001"
    assert Artifact.objects.get().title == "Leavers – week 12"
    assert Artifact.objects.get().latest.filename == "lö.csv"
    for broken in ("!!!", base64.urlsafe_b64encode(b"[1]").decode()):
        headers["X-Evidence-Facts"] = broken
        answer = client.post(f"{root}upload", CSV, content_type="application/octet-stream", headers=headers)
        assert answer.status_code == 422
        assert answer["Content-Type"].startswith("application/problem+json")
    assert len(stored_files()) == 1


def test_the_plain_bytes_of_a_form_stand_nowhere(root, people, tmp_path):
    canary = b"plaintext canary of the form 5d7e " * 200_000
    form = {"kind": "log", "method": "api", "file": SimpleUploadedFile("a.txt", canary)}
    assert signed_in(people.ines).post(f"{root}upload", form).status_code == 302
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"plaintext canary of the form" not in path.read_bytes()


def test_too_large_a_form_is_said_on_the_page(root, people):
    organizations.set_policy("uploads", {"limit_bytes": 100}, actor=people.adam)
    form = {"kind": "log", "method": "api", "file": SimpleUploadedFile("a", bytes(5000))}
    answer = signed_in(people.ines).post(f"{root}upload", form)
    assert answer.status_code == 413
    assert "100 bytes" in answer.content.decode()
    assert not stored_files()


@pytest.mark.parametrize("who", ["arun", "adam", "otto"])
def test_who_may_not_upload_finds_no_such_page(root, people, who):
    client = signed_in(getattr(people, who))
    assert client.get(f"{root}upload").status_code == 404
    assert client.post(f"{root}upload", {"file": SimpleUploadedFile("a", CSV)}).status_code == 404
    assert not stored_files()


def test_the_list_costs_the_same_for_ten_as_for_many(root, uploaded, people):
    client = signed_in(people.maya)
    for number in range(10):
        uploaded(b"%d" % number)
    client.get(root)
    with CaptureQueriesContext(
        connection,
    ) as few:
        assert client.get(root).status_code == 200
    for number in range(60):
        uploaded(b"more %d" % number)
    # On a busy machine a minute may have passed, and the session notes once a minute that it is used.
    client.get(root)
    with CaptureQueriesContext(connection) as many:
        page = client.get(root).content.decode()
    assert len(many) == len(few)
    assert page.count('<span class="id">E-') == 50
    assert "Load 50 more" in page
    second = client.get(f"{root}?after=21").content.decode()
    assert second.count('<span class="id">E-') == 20
    assert "No evidence matches" in client.get(f"{root}?state=accepted").content.decode()


def test_titles_and_names_are_shown_as_text(root, uploaded, people, field_data):
    client = signed_in(people.maya)
    lines = (field_data / "filenames" / "blns.txt").read_text().splitlines()
    wanted = [line for line in lines if "<" in line or "{{" in line or "\u202e" in line][:40]
    for line in wanted:
        uploaded(line.encode(), filename=line, title=line[:200].strip() or "x")
    page = client.get(root).content.decode()
    assert "<script>alert" not in page
    for artifact in Artifact.objects.all()[:10]:
        assert "<script>alert" not in client.get(f"{root}{artifact.ref}").content.decode()


def test_an_artifact_page_shows_facts_custody_and_preview(root, uploaded, people):
    uploaded()
    client = signed_in(people.vera)
    page = client.get(f"{root}E-001").content.decode()
    for words in ("Chain of custody", "Ines Duarte", "Not scanned", "Period covered", "Accept", "Nothing uses it yet"):
        assert words in page, words
    fragment = client.get(f"{root}E-001/v/1/preview", headers={"HX-Request": "true"})
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in fragment.content.decode()
    assert "<html" not in fragment.content.decode()
    assert fragment["Cache-Control"] == "private, no-store"
    assert "<html" in client.get(f"{root}E-001/v/1/preview").content.decode()
    assert events("artifact.viewed") == 2
    assert client.get(f"{root}E-002").status_code == 404
    assert client.get(f"{root}E-001/v/2").status_code == 404


def test_a_reviewer_accepts_on_the_page_and_the_uploader_is_told_why_not(root, uploaded, people):
    uploaded()
    own = uploaded(b"x", actor=people.maya)
    assert signed_in(people.vera).post(f"{root}E-001/review", {"verdict": "accepted", "number": "1"}).status_code == 302
    assert Artifact.objects.get(ref="E-001").state == "accepted"
    answer = signed_in(people.maya).post(f"{root}{own.ref}/review", {"verdict": "accepted", "number": "1"})
    assert answer.status_code == 409
    assert "You uploaded version 1" in answer.content.decode()
    assert signed_in(people.vera).post(f"{root}{own.ref}/review", {"verdict": "x", "number": "n"}).status_code == 422
    assert signed_in(people.ines).post(f"{root}{own.ref}/review", {"verdict": "accepted"}).status_code == 404


def test_a_download_is_an_attachment_that_nothing_runs(root, uploaded, people):
    uploaded(b"<html><script>alert(1)</script></html>", filename="бой \u202egnp.html")
    answer = signed_in(people.maya).get(f"{root}E-001/v/1/original?reason=memo")
    assert b"".join(answer.streaming_content) == b"<html><script>alert(1)</script></html>"
    assert answer["Content-Disposition"].startswith("attachment; filename*=utf-8''")
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer["Cache-Control"] == "private, no-store"
    assert events("artifact.downloaded") == 1


@pytest.mark.parametrize(
    ("header", "status", "got"),
    [
        ("", 200, slice(0, None)),
        ("bytes=0-9", 206, slice(0, 10)),
        ("bytes=100000-", 206, slice(100_000, None)),
        ("bytes=-5", 206, slice(-5, None)),
        ("bytes=5-1000000", 206, slice(5, None)),
        ("bytes=0-1,5-6", 200, slice(0, None)),
        ("lines=1-2", 200, slice(0, None)),
        ("bytes=900000-", 416, None),
        ("bytes=9-5", 416, None),
    ],
)
def test_a_range_is_served_exactly(root, uploaded, people, header, status, got):
    data = bytes(range(256)) * 500
    uploaded(data)
    answer = signed_in(people.maya).get(f"{root}E-001/v/1/original", headers={"Range": header} if header else {})
    assert answer.status_code == status
    if got is None:
        assert answer["Content-Range"] == f"bytes */{len(data)}"
    else:
        body = b"".join(answer.streaming_content)
        assert body == data[got]
        assert answer["Content-Length"] == str(len(body))


def test_damaged_bytes_are_refused_before_the_download_starts(root, uploaded, people):
    uploaded()
    [path] = stored_files()
    path.write_bytes(path.read_bytes()[:-1])
    answer = signed_in(people.maya).get(f"{root}E-001/v/1/original")
    assert answer.status_code == 503
    assert events("artifact.downloaded") == 0
    assert events("vault.damaged") == 1
    client = signed_in(people.maya)
    assert client.post(f"{root}E-001/v/1/verify").status_code == 302
    assert "are not those on record" in client.get(f"{root}E-001").content.decode()


def test_damage_met_on_the_way_ends_the_download_and_raises_the_alarm_of_a_check(root, uploaded, people):
    uploaded(bytes(200_000))
    [path] = stored_files()
    sealed = path.read_bytes()
    path.write_bytes(sealed[:-1] + bytes([sealed[-1] ^ 1]))
    answer = signed_in(people.maya).get(f"{root}E-001/v/1/original")
    with pytest.raises(Damaged):
        b"".join(answer.streaming_content)
    assert events("vault.damaged") == 1
    assert checking.damaged().get().words


def test_a_picture_is_drawn_anew_and_broken_ones_are_a_sentence(root, uploaded, people):
    target = io.BytesIO()
    Image.new("RGB", (30, 20), "teal").save(target, "JPEG")
    uploaded(target.getvalue(), filename="a.jpg")
    uploaded(target.getvalue()[:100], filename="b.jpg")
    client = signed_in(people.maya)
    assert "page/1.png" in client.get(f"{root}E-001/v/1/preview").content.decode()
    drawn = client.get(f"{root}E-001/v/1/page/1.png")
    assert drawn["Content-Type"] == "image/png"
    assert drawn.content.startswith(b"\x89PNG")
    assert drawn["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert events("artifact.viewed") == 1
    assert client.get(f"{root}E-002/v/1/page/1.png").status_code == 422
    assert client.get(f"{root}E-001/v/1/page/99.png").status_code == 422


def test_evidence_is_linked_to_a_control_on_its_page(root, uploaded, people):
    controls.create(controls.ControlFacts(title="Leavers", frequency="weekly"), actor=people.maya)
    uploaded()
    client = signed_in(people.ines)
    assert client.post(f"{root}E-001/link", {"control": "ac-01"}).status_code == 302
    assert "AC-01" in client.get(f"{root}E-001").content.decode()
    assert client.get(f"{root}?control=AC-01").content.decode().count('<span class="id">E-') == 1
    assert client.get(f"{root}?control=AC-02").content.decode().count('<span class="id">E-') == 0


def test_evidence_given_for_a_task_answers_what_it_owes_and_leaves_the_uploaders_hand(root, people):
    story = Story(people).reported().triaged().analysed().planned().in_remediation()
    owed = story.task.owed.get()
    client = signed_in(people.ivan)
    address = f"{root}upload?task={story.task.ref}&owed={owed.pk}"
    page = client.get(address).content.decode()
    assert f'value="{owed.pk}" checked' in page
    assert story.finding.ref in page
    form = {"kind": "report", "method": "export", "task": story.task.ref, "owed": str(owed.pk)}
    assert client.post(f"{root}upload", {**form, "file": SimpleUploadedFile("a.csv", CSV)}).status_code == 302
    owed.refresh_from_db()
    assert owed.artifact.ref == "E-001"
    hands = Hand.objects.filter(subject_id=story.finding.pk, person_id=people.ivan.person_id)
    assert "uploader" in hands.values_list("duty", flat=True)
    shown = client.get(f"{root}E-001").content.decode()
    assert story.task.ref in shown
    assert "given to close it" in shown


def test_evidence_for_a_task_or_finding_that_does_not_exist_leaves_nothing(root, people):
    client = signed_in(people.ines)
    assert client.get(f"{root}upload?task=T-999").status_code == 422
    for name, ref in (("task", "T-999"), ("finding", "F-999")):
        form = {"kind": "log", "method": "api", name: ref, "file": SimpleUploadedFile("a", CSV)}
        assert client.post(f"{root}upload", form).status_code == 422
    assert not stored_files()
    assert not Artifact.objects.exists()


def test_what_is_stated_of_completeness_and_accuracy_is_kept_and_shown(root, people):
    client = signed_in(people.ines)
    form = {"title": "Leavers", "kind": "report", "method": "export", "file": SimpleUploadedFile("a.csv", CSV)}
    stated = {"control_total": "61", "totals_tie": "yes", "no_gaps": "no"}
    assert client.post(f"{root}upload", {**form, **stated}).status_code == 302
    assert Artifact.objects.get().latest.ipe == {"control_total": "61", "totals_tie": True, "no_gaps": False}
    page = client.get(f"{root}E-001").content.decode()
    assert "Control total of the source" in page
