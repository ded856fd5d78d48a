"""Each kind of bad input once, through page or API: what it says, what was kept, and that nothing is half-done.

The families have their own suites (importers, uploads, guards, jobs); here stands the promise to whoever sends it.
"""

import csv
import io
import os
import shutil
import subprocess
import zipfile
from datetime import timedelta

import pikepdf
import pypdfium2
import pytest
import redis
from django.conf import settings as django_settings
from django.test import Client

from evidence import clock, tenancy
from evidence.artifacts.models import Artifact
from evidence.errors import TooLarge
from evidence.ledger.models import Event
from evidence.vault.models import Blob
from portal.celery import app
from portal.engagements import services as engagements
from portal.jobs.models import Job
from portal.packages import services as packages
from remediation.findings.models import Finding, ImportBatch
from tests.people import hire
from tests.portal.edge.test_who_is_let_in import bearer
from tests.portal.packages.test_building import FACTS, built
from tests.portal.web.test_imports import upload
from tests.portal.web.test_signing_in_and_people import signed_in
from tests.remediation.conftest import story  # noqa: F401  fixture
from tests.remediation.importers.reading import read
from tests.remediation.story import Story

MB = 1024 * 1024
HEAD = b"Title,Severity,Date observed,Asset,Description\n"


def bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * (300 * MB))
    return packed.getvalue()


@pytest.fixture(autouse=True)
def signer_of_ones_own(settings, tmp_path) -> None:
    settings.CLEARHOLD_SIGNER_DIR = tmp_path / "signer"


@pytest.fixture
def maya(story, people):  # noqa: F811
    return signed_in(people.maya)


def nothing_came_of_it() -> None:
    assert not Finding.objects.exists()
    assert not ImportBatch.objects.exists()
    assert not Job.objects.exists()
    assert not Event.objects.filter(kind__startswith="finding.").exists()


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("report.pdf", b"%PDF-1.7 something else", "import"),
        ("exceptions.xlsx", bomb(), "import"),
        ("exceptions.csv", HEAD + b"Leavers keep \xff\xfe logins,high,2026-01-05,CRM,x\n", "UTF-8"),
        ("exceptions.csv", HEAD + b"x" * (40 * MB), "longer"),
    ],
    ids=["wrong file", "bomb", "bad UTF-8", "endless line"],
)
def test_a_file_that_is_no_import_is_refused_on_its_page(org, maya, name, data, words):
    answer = upload(maya, org, data, name)
    page = maya.get(answer.url)
    said = page.content.decode()
    assert page.status_code in (413, 422)
    assert words in said and "Nothing was imported" in said and "Choose another file" in said
    nothing_came_of_it()


@pytest.mark.slow
def test_a_line_of_two_gigabytes_ends_in_a_sentence_within_its_time(org, people, story, tmp_path):  # noqa: F811
    """The file is sparse: two gigabytes without a line break."""
    path = tmp_path / "line.csv"
    with path.open("wb") as file:
        file.write(HEAD)
        file.truncate(2 * 1024 * MB)
    began = clock.now()
    with pytest.raises(TooLarge) as refusal:
        read(path)
    assert clock.now() - began < timedelta(seconds=60)
    assert "512 MB" in refusal.value.message and "Split it" in refusal.value.message
    nothing_came_of_it()


def test_a_formula_in_a_cell_stays_text_in_every_export(org, people, story):  # noqa: F811
    formula = '=HYPERLINK("http://evil.example","x")'
    story.reported(title=formula)
    made = engagements.create(FACTS, actor=people.maya)
    engagements.scope_everything(made.pk, actor=people.maya)
    package = built(made, people)
    with pikepdf.open(io.BytesIO(b"".join(packages.pdf_bytes(package)))) as pdf:
        sheets = [pdf.attachments[name].get_file().read_bytes() for name in pdf.attachments if name.endswith(".csv")]
    assert sheets
    cells = [cell for sheet in sheets for row in csv.reader(io.StringIO(sheet.decode("utf-8-sig"))) for cell in row]
    assert any("HYPERLINK" in cell for cell in cells)
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@", "\t"))]


def test_html_in_a_title_is_text_on_every_page_and_in_the_pdf(org, people, story):  # noqa: F811
    title = "<script>alert(1)</script><img src=http://evil.example/x>"
    story.reported(title=title)
    ref = story.finding.ref
    client = signed_in(people.maya)
    for path in (f"findings/{ref}", "findings", "triage", f"findings/{ref}/history", "ledger/", ""):
        body = client.get(f"/o/{org.slug}/{path}").content.decode()
        assert "<script>alert" not in body and "<img src=http" not in body, path
    assert "&lt;script&gt;" in client.get(f"/o/{org.slug}/findings/{ref}").content.decode()
    made = engagements.create(FACTS, actor=people.maya)
    engagements.scope_everything(made.pk, actor=people.maya)
    with pypdfium2.PdfDocument(b"".join(packages.pdf_bytes(built(made, people)))) as pdf:
        text = "".join(page.get_textpage().get_text_bounded() for page in pdf)
    assert "<script>alert(1)</script>" in "".join(text.split("\n")).replace("\r", "")


def test_an_unknown_move_a_stale_version_and_a_missing_one_say_what_to_do(org, people, story):  # noqa: F811
    story.until("triaged")
    headers, _ = bearer(people.maya, "findings.view", "findings.triage", "findings.plan")
    client, at = Client(headers=headers), f"/api/v1/organizations/{org.slug}/findings/{story.finding.ref}/"
    events = Event.objects.count()
    for path, body, match, status in (
        ("close/", {}, story.finding.version, 409),
        ("fly/", {}, story.finding.version, 404),
        ("severity/", {"severity": "critical", "rationale": "Worse."}, 1, 412),
        ("severity/", {"severity": "critical", "rationale": "Worse."}, None, 428),
        ("severity/", {"severity": "purple", "rationale": "Worse."}, story.finding.version, 422),
    ):
        sent = {"If-Match": f'"{match}"'} if match else {}
        answer = client.post(at + path, body, content_type="application/json", headers=sent)
        assert answer.status_code == status, (path, answer.content)
        if status != 404:
            problem = answer.json()
            assert problem["title"] and problem["code"] and answer["Content-Type"] == "application/problem+json"
    assert Event.objects.count() == events
    page = signed_in(people.maya).post(f"/o/{org.slug}/findings/{story.finding.ref}/do/fly", {})
    assert page.status_code == 404
    assert story.again().finding.severity == "medium"


def test_another_organizations_id_is_simply_not_there(org, other_org, people, story):  # noqa: F811
    with tenancy.entered(other_org.pk):
        cast = hire(other_org)
        for _ in range(3):
            theirs = Story(cast).reported()
    client = signed_in(people.maya)
    foreign = client.get(f"/o/{org.slug}/findings/{theirs.finding.ref}")
    invented = client.get(f"/o/{org.slug}/findings/F-9999")
    assert foreign.status_code == invented.status_code == 404
    assert b"Leavers" not in foreign.content


def test_an_expired_grant_lets_nobody_in_and_says_so(org, people, story):  # noqa: F811
    story.until("triaged")
    made = engagements.create(FACTS, actor=people.maya)
    engagements.scope_everything(made.pk, actor=people.maya)
    engagements.release(made.pk, actor=people.maya)
    engagements.grant(
        made.pk, account_id=people.otto.account_id, valid_until=clock.now() + timedelta(minutes=5), actor=people.maya
    )
    otto = signed_in(people.otto)
    page = f"/o/{org.slug}/audit/{made.ref}/"
    assert otto.get(page).status_code == 200
    events = Event.objects.count()
    with clock.at(clock.now() + timedelta(minutes=6)):
        answer = otto.get(page)
        start = otto.get(f"/o/{org.slug}/audit/")
    assert answer.status_code == 404
    assert start.status_code == 200 and made.title not in start.content.decode()
    assert Event.objects.count() == events


@pytest.mark.faults
def test_a_full_disk_during_an_upload_keeps_nothing_and_says_so(org, people, settings, tmp_path):
    if shutil.which("mount") is None or os.geteuid() != 0:
        pytest.skip("a small disk of one's own needs root")
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(small)], capture_output=True)
    if mounted.returncode:
        pytest.skip("this machine mounts nothing")
    try:
        settings.CLEARHOLD_BLOBS_DIR, settings.CLEARHOLD_KEYS_DIR = small / "blobs", tmp_path / "keys"
        headers, _ = bearer(people.ines, "evidence.upload", "evidence.view")
        url = f"/api/v1/organizations/{org.slug}/evidence/?filename=big.bin"
        client = Client(headers=headers)
        answer = client.post(url, b"x" * (4 * MB), content_type="application/octet-stream")
        assert answer.status_code in (503, 507), answer.content
        assert "nothing of this file was kept" in answer.json()["title"]
        assert not Artifact.objects.exists() and not Blob.objects.exists()
        assert not [path for path in small.rglob("*") if path.is_file()]
        again = client.post(url, b"x" * 1000, content_type="application/octet-stream")
        assert again.status_code == 201
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_with_the_broker_away_pages_work_and_jobs_wait(org, people, maya, settings, django_capture_on_commit_callbacks):
    settings.REDIS_URL = settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    with pytest.raises(redis.RedisError):
        redis.Redis.from_url(django_settings.REDIS_URL).ping()
    before, app.conf.broker_url = app.conf.broker_url, "redis://127.0.0.1:1/0"
    try:
        client, seen = maya, Story(people).until("triaged")
        for path in ("", "findings", f"findings/{seen.finding.ref}", "triage", "packages", "jobs/"):
            assert client.get(f"/o/{org.slug}/{path}").status_code == 200, path
        held = upload(client, org, b"Title,Severity\n", "x.csv")
        with django_capture_on_commit_callbacks(execute=True):
            started = client.post(held.url.replace("/review", "/run").split("?")[0], {"name": "x.csv"})
        assert started.status_code == 302
        page = client.get(started.url).content.decode()
        assert "Waiting for a worker" in page and "Closing this page is safe" in page
        assert Job.objects.get().state == "queued"
    finally:
        app.conf.broker_url = before
