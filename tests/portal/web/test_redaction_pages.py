"""Redaction through its pages: choose, look, send; the copy is decided by another, and auditors see it alone."""

import io
import re

import pypdfium2
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from evidence.artifacts import redaction
from evidence.artifacts import services as artifacts
from evidence.artifacts.models import Artifact, Redaction
from evidence.intake import services as intake
from evidence.ledger.models import Event
from evidence.vault import services as vault
from tests.portal.evidence_store import stored_files
from tests.portal.web.test_signing_in_and_people import signed_in

CSV = b"name,mail\nAnn Lee,ann@x.example\nBo,<script>alert(1)</script>\n"


@pytest.fixture(autouse=True)
def own_store(settings, tmp_path):
    settings.CLEARHOLD_BLOBS_DIR = tmp_path / "blobs"
    settings.CLEARHOLD_KEYS_DIR = tmp_path / "keys"
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path / "no-such-folder")


@pytest.fixture
def root(org):
    return f"/o/{org.slug}/evidence/"


@pytest.fixture
def uploaded(org, people):
    def added(data=CSV, filename="leavers.csv"):
        received = intake.take(io.BytesIO(data), filename=filename, organization_id=org.pk, limit_bytes=10**8)
        return artifacts.add(received, title="Leavers", kind="report", actor=people.ines)

    return added


def bytes_of(version) -> bytes:
    return b"".join(vault.open(version.blob))


def test_columns_are_masked_looked_at_and_sent(root, people, uploaded):
    uploaded()
    client = signed_in(people.maya)
    page = client.get(f"{root}E-001/redact")
    assert page.status_code == 200
    assert b"name" in page.content
    order = {"columns": ["0"], "patterns": ["email"], "do": "look"}
    looked = client.post(f"{root}E-001/v/1/redact", order)
    assert looked.status_code == 200, looked.content
    assert b"2 values of chosen columns, 1 e-mail addresses" in looked.content
    assert b"&lt;script&gt;" in looked.content
    assert b"Ann Lee" not in looked.content
    shown = re.search(rb'name="sha256" value="([0-9a-f]{64})"', looked.content)[1].decode()
    sent = client.post(
        f"{root}E-001/v/1/redact", {**order, "do": "send", "sha256": shown, "reason": "It names students."}
    )
    assert sent.status_code == 302, sent.content
    made = Redaction.objects.get()
    assert made.redacted.sha256 == shown
    assert made.recipe == {"counts": {"columns": 2, "email": 1}, "patterns": ["email"], "columns": 1}
    assert made.redacted.filename == "E-001-v1-redacted.csv"
    assert bytes_of(made.redacted) == b"name,mail\n[masked],[masked]\n[masked],<script>alert(1)</script>\n"
    assert client.get(sent.url).status_code == 200


def test_what_was_not_looked_at_is_not_kept(root, people, uploaded):
    uploaded()
    client, before = signed_in(people.maya), len(stored_files())
    order = {"columns": ["0"], "do": "send", "sha256": "0" * 64, "reason": "It names students."}
    answer = client.post(f"{root}E-001/v/1/redact", order)
    assert answer.status_code == 412
    assert not Redaction.objects.exists()
    assert len(stored_files()) == before


def test_an_order_that_masks_nothing_says_so(root, people, uploaded):
    uploaded(b"a,b\n1,2\n")
    answer = signed_in(people.maya).post(f"{root}E-001/v/1/redact", {"patterns": ["email"], "do": "look"})
    assert answer.status_code == 422
    assert b"nothing was masked" in answer.content


def test_areas_of_pages_are_blacked_out(root, people, uploaded):
    picture = io.BytesIO()
    Image.new("RGB", (300, 200), "white").save(picture, "PDF")
    uploaded(picture.getvalue(), "letter.pdf")
    client = signed_in(people.maya)
    assert client.get(f"{root}E-001/v/1/redact").status_code == 200
    area = {"b0-page": "1", "b0-x": "10", "b0-y": "10", "b0-width": "50.5", "b0-height": "20"}
    looked = client.post(f"{root}E-001/v/1/redact", {**area, "do": "look"})
    assert looked.status_code == 200, looked.content
    address = re.search(rb'src="([^"]+redact/page/1\?box=[^"]+)"', looked.content)[1].decode().replace("&amp;", "&")
    png = client.get(address)
    assert (png.status_code, png["Content-Type"]) == (200, "image/png")
    assert "sandbox" in png["Content-Security-Policy"]
    assert Image.open(io.BytesIO(png.content)).convert("L").getpixel((200, 100)) < 30
    sent = client.post(f"{root}E-001/v/1/redact", {**area, "do": "send", "reason": "It shows a name."})
    assert sent.status_code == 302, sent.content
    made = Redaction.objects.get()
    assert made.redacted.mime == "application/pdf"
    assert len(pypdfium2.PdfDocument(bytes_of(made.redacted))) == 1
    assert client.post(f"{root}E-001/v/1/redact", area).status_code == 409


@pytest.mark.parametrize(
    ("area", "words"),
    [
        ({"b0-page": "1", "b0-x": "10"}, b"all five figures"),
        ({"b0-page": "9", "b0-x": "1", "b0-y": "1", "b0-width": "1", "b0-height": "1"}, b"There is no page 9"),
    ],
    ids=["half", "beyond"],
)
def test_an_area_that_cannot_be_is_refused_on_the_form(root, people, uploaded, area, words):
    picture = io.BytesIO()
    Image.new("RGB", (30, 20), "white").save(picture, "PNG")
    uploaded(picture.getvalue(), "shot.png")
    answer = signed_in(people.maya).post(f"{root}E-001/v/1/redact", {**area, "do": "look"})
    assert answer.status_code == 422
    assert words in answer.content


def test_ones_own_masked_copy_is_uploaded(root, people, uploaded):
    uploaded(b"\x00\x01binary", "dump.bin")
    client = signed_in(people.maya)
    assert b"mask this kind of file" in client.get(f"{root}E-001/redact").content
    before = len(stored_files())
    copy = SimpleUploadedFile("copy.bin", b"\x00\x01masked")
    empty = client.post(f"{root}E-001/v/1/redact/upload", {"reason": "Names."})
    assert empty.status_code == 422
    silent = client.post(f"{root}E-001/v/1/redact/upload", {"reason": " ", "file": copy})
    assert silent.status_code == 422
    assert len(stored_files()) == before
    copy.seek(0)
    sent = client.post(f"{root}E-001/v/1/redact/upload", {"reason": "Names.", "file": copy})
    assert sent.status_code == 302, sent.content
    assert Redaction.objects.get().method == "upload"


def test_a_reviewer_compares_and_decides(root, people, uploaded):
    artifact = uploaded()
    copy = intake.take(io.BytesIO(b"name,mail\n[masked],[masked]\n"), filename="c.csv",
                       organization_id=artifact.organization_id, limit_bytes=99)  # fmt: skip
    made = redaction.propose(artifact.latest.pk, copy, actor=people.maya, method="upload", reason="Names.")
    address = f"{root}E-001/redactions/{made.pk}"
    own = signed_in(people.maya)
    assert b"someone else must decide (rule X-03)" in own.get(address).content
    assert own.post(address, {"verdict": "approved"}).status_code == 409
    engineer = signed_in(people.ines)
    assert b"Ann Lee" not in engineer.get(address).content
    assert engineer.get(f"{root}E-001/v/1/original").status_code == 403
    assert engineer.get(f"{root}E-001/v/1/preview").status_code == 403
    reviewer = signed_in(people.vera)
    page = reviewer.get(address).content
    assert b"- Ann Lee | ann@x.example" in page
    assert b"+ [masked] | [masked]" in page
    assert Event.objects.filter(kind="artifact.viewed").count() >= 2
    assert reviewer.post(address, {"verdict": "approved"}).status_code == 302
    assert reviewer.get(f"{root}E-001/v/1/original").status_code == 200
    assert Artifact.objects.get().latest_id == made.redacted_id
    assert b"approved the redacted copy" in reviewer.get(f"{root}E-001").content
