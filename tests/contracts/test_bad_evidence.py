"""Each kind of bad evidence once, through the page: its state, its sentence, and that nothing of it runs on our origin.

| what comes | state | what is said |
|---|---|---|
| EICAR, alone, in a zip, in a PDF | infected, quarantined for good | the signature |
| zip bombs, path tricks, polyglots, programs | quarantined | why, and that a reviewer decides |
| encrypted, broken and scripted PDFs, SVG, HTML, nothing at all | received | what about it a person should know |
| names that deceive | received | how the name was, without showing it so |
| anything of the field | one of these, within its limits | |
"""

import io
import time

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from evidence import previews
from evidence.actors import Actor
from evidence.artifacts import queries, scanning
from evidence.artifacts import services as artifacts
from evidence.artifacts.models import Artifact, ArtifactVersion
from evidence.controls import services as controls
from evidence.intake import scanner
from evidence.intake import services as intake
from evidence.ledger.models import Event
from evidence.previews import pictures, texts
from evidence.vault import services as vault
from portal.engagements import services as engagements
from portal.engagements.queries import artifacts as shown_to_auditors
from tests.evidence.artifacts.test_scanning import in_a_pdf, zipped
from tests.evidence.intake import dangers
from tests.evidence.intake.dangers import HTML, SVG
from tests.evidence.intake.test_dangers import CASES
from tests.evidence.scanners import EICAR, clamd, clamd_socket  # noqa: F401  fixtures
from tests.portal.engagements.test_engagements import FACTS
from tests.portal.web.test_signing_in_and_people import signed_in

LIMIT_SECONDS = 60


@pytest.fixture(autouse=True)
def own_store(settings, tmp_path):
    settings.CLEARHOLD_BLOBS_DIR = tmp_path / "blobs"
    settings.CLEARHOLD_KEYS_DIR = tmp_path / "keys"


@pytest.fixture
def root(org):
    return f"/o/{org.slug}/evidence/"


def brought(client: Client, root: str, data: bytes, name: str) -> Artifact:
    """Uploaded through the page's form."""
    form = {"title": "Something", "kind": "report", "method": "export", "file": SimpleUploadedFile(name, data)}
    answer = client.post(f"{root}upload", form)
    assert answer.status_code == 302, answer.content.decode()[-500:]
    return Artifact.objects.select_related("latest").latest("number")


def page_of(client: Client, root: str, artifact: Artifact) -> str:
    answer = client.get(f"{root}{artifact.ref}")
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize(
    ("made", "name"),
    [(lambda: EICAR, "report.txt"), (lambda: zipped(EICAR), "export.zip"), (lambda: in_a_pdf(EICAR), "report.pdf")],
    ids=["alone", "in a zip", "in a PDF"],
)
def test_malware_is_named_on_the_page_and_given_to_nobody_but_reviewers(clamd, org, people, root, made, name):  # noqa: F811
    ines, vera = signed_in(people.ines), signed_in(people.vera)
    artifact = brought(ines, root, made(), name)
    assert "Waiting for the malware scan" in page_of(ines, root, artifact)
    scanning.scan(artifact.latest_id, actor=Actor.system(org.pk, "scanner"))
    for client in (ines, vera):
        said = page_of(client, root, artifact)
        assert "Malware found" in said and "Clearhold.Eicar" in said
        assert "Show the preview" not in said
        assert client.get(f"{root}{artifact.ref}/v/1/preview").status_code in (409, 422)
    assert "never shown" in page_of(ines, root, artifact)
    assert ines.get(f"{root}{artifact.ref}/v/1/original").status_code == 409
    answer = vera.get(f"{root}{artifact.ref}/v/1/original")
    assert answer["Content-Disposition"].startswith("attachment")
    refused = vera.post(f"{root}{artifact.ref}/review", {"verdict": "released", "number": "1", "reason": "Fine."})
    assert refused.status_code == 409
    assert "Malware found" in vera.get(root).content.decode()


WEB_CASES = (
    "a size that lies", "overlapping entries", "70,000 names", "a path that climbs", "a PDF that is a zip",
    "an image that is a script", "a PDF with JavaScript", "a PDF with a password", "a PDF that is none", "an SVG",
    "nothing", "a name of 300 bytes",
)  # fmt: skip


@pytest.mark.parametrize("case", WEB_CASES)
def test_the_page_says_what_is_wrong_and_where_it_went(org, people, root, case):
    filename, made, code, blocks = CASES[case]
    ines = signed_in(people.ines)
    artifact = brought(ines, root, made() or b"", filename)
    note = next(note for note in artifact.latest.intake_notes if note["code"] == code)
    assert artifact.state == ("quarantined" if blocks else "received")
    said = page_of(ines, root, artifact)
    assert note["sentence"].split("“")[0][:40].replace("'", "&#x27;") in said
    assert ("In quarantine" in said) is blocks


def test_what_may_hold_personal_data_is_decided_on_its_page(org, people, root):
    ines, vera, maya = (signed_in(someone) for someone in (people.ines, people.vera, people.maya))
    rows = b"student_id,first_name\n1001,Ada\n1002,Alan\n"
    artifact = brought(ines, root, rows, "students.csv")
    said = page_of(ines, root, artifact)
    assert "2 possible student ids" in said and "column “student_id”, lines 2, 3" in said
    assert "Not personal data, keep" in said
    hidden = page_of(vera, root, artifact)
    assert "Not personal data, keep" not in hidden and "compliance manager" in hidden
    assert "Ada" not in hidden
    assert vera.get(f"{root}{artifact.ref}/v/1/original").status_code == 409
    assert vera.get(f"{root}{artifact.ref}/v/1/preview").status_code == 409
    assert vera.post(f"{root}{artifact.ref}/v/1/keep", {"reason": "Fine."}).status_code == 403
    assert vera.post(f"{root}{artifact.ref}/review", {"verdict": "accepted", "number": "1"}).status_code == 409
    assert "Check needed" in vera.get(root).content.decode()
    assert maya.post(f"{root}{artifact.ref}/v/1/keep", {"reason": " "}).status_code == 422
    answer = maya.post(f"{root}{artifact.ref}/v/1/keep", {"reason": "Made-up rows."}, follow=True)
    assert "Kept as it is" in answer.content.decode()
    assert "Made-up rows." in page_of(vera, root, artifact)
    assert vera.get(f"{root}{artifact.ref}/v/1/preview").status_code == 200


def test_auditors_get_nothing_held_or_infected(org, people, root):

    controls.create(controls.ControlFacts(title="Leavers", frequency="weekly"), actor=people.maya)
    ines, refs = signed_in(people.ines), {}
    for name, data in (("held", b"student_id,x\n1,2\n"), ("infected", b"y"), ("free", b"week,result\nW1,OK\n")):
        artifact = brought(ines, root, data, f"{name}.csv")
        artifacts.link_control(artifact.pk, "AC-01", actor=people.ines)
        refs[name] = artifact
    scanning.record(
        refs["infected"].latest_id, scanner.Result("infected", "Test"), actor=Actor.system(org.pk, "scanner")
    )
    made = engagements.create(FACTS, actor=people.maya)
    engagements.scope_everything(made.pk, actor=people.maya)
    assert [row.ref for row in shown_to_auditors(made)] == [refs["free"].ref]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("page.html", HTML),
        ("drawing.svg", SVG),
        ("both.gif", dangers.GIF_SCRIPT),
        ("both.pdf", b"<html><script>1</script>\n" + dangers.pdf()),
        ("script.js", b"alert(1)"),
        ("page.xhtml", b'<html xmlns="http://www.w3.org/1999/xhtml"><script>alert(1)</script></html>'),
        ("report.pdf", dangers.pdf(script="app.alert(1)")),
        ("rows.csv", b'=HYPERLINK("http://evil.example"),<script>alert(1)</script>\n'),
        ("message.eml", b"From: a@b.example\nSubject: x\nContent-Type: text/html\n\n<script>alert(1)</script>\n"),
        ("report\u202efdp.exe.html", HTML),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isascii() else "",
)
def test_every_download_is_an_attachment_that_no_browser_runs(people, root, name, data):
    ines, vera = signed_in(people.ines), signed_in(people.vera)
    artifact = brought(ines, root, data, name)
    answer = vera.get(f"{root}{artifact.ref}/v/1/original")
    assert answer.status_code == 200
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer["Cache-Control"] == "private, no-store"
    assert answer["Content-Type"].split(";")[0] not in {"text/html", "image/svg+xml", "application/xhtml+xml"}
    assert b"".join(answer.streaming_content) == data
    preview = vera.get(f"{root}{artifact.ref}/v/1/preview").content.decode()
    assert "<script>alert" not in preview and "<script>1" not in preview
    assert Event.objects.filter(kind="artifact.downloaded", object_id=artifact.pk).count() == 1


FOLDERS = ("archives", "office", "images", "pdf", "pdf_encrypted", "pdf_verapdf", "email_evidence", "filenames")


@pytest.mark.slow
@pytest.mark.parametrize("folder", FOLDERS)
def test_every_file_of_the_field_ends_in_a_state_with_a_sentence(org, people, field_data, folder):

    for path in sorted((field_data / folder).iterdir()):
        began = time.monotonic()
        received = intake.take(
            io.BytesIO(path.read_bytes()), filename=path.name, organization_id=org.pk, limit_bytes=10**9
        )
        artifact = artifacts.add(received, title=path.name, kind="report", actor=people.ines)
        assert time.monotonic() - began < LIMIT_SECONDS * 5, path.name
        assert artifact.state in ("received", "quarantined")
        assert (artifact.state == "quarantined") is any(note.blocks for note in received.notes), path.name
        assert "unexamined" not in [note.code for note in received.notes], path.name
        version = ArtifactVersion.objects.select_related("blob").get(artifact=artifact)
        kind = previews.kind_of(version.mime)
        if kind in previews.PICTURES:
            try:
                pictures.drawn(version.blob, kind)
            except pictures.NoPicture as refusal:
                assert refusal.message
        elif kind is not previews.Kind.NONE:
            shown = texts.shown(version.blob, kind)
            assert shown.text or shown.head or shown.problem or version.size == 0 or shown.attached or shown.headers
        assert vault.open(version.blob)
    assert queries.evidence(queries.Filters()).rows


def test_field_files_that_are_dangerous_or_unreadable_have_their_words(org, field_data):
    def noted(place: str) -> set[str]:
        data = (field_data / place).read_bytes()
        received = intake.take(
            io.BytesIO(data), filename=place.rsplit("/")[-1], organization_id=org.pk, limit_bytes=10**9
        )
        return {note.code + ("!" if note.blocks else "") for note in received.notes}

    assert "bomb!" in noted("archives/quine.gz")
    assert "bomb!" in noted("archives/droste.zip")
    assert "bomb!" in noted("archives/zipbomb.xlsx")
    assert "opaque" in noted("archives/test7Z_protected_passTika.7z")
    assert "password" in noted("pdf_encrypted/r6-both-passwords.pdf")
    assert "sealed_pdf" in noted("pdf_encrypted/r4-owner-password.pdf")
    assert "broken_pdf" in noted("pdf/pages-loop.pdf")
    assert "pdf_actions" in noted("pdf/js-buttons.pdf")
    assert "attachments" in noted("pdf/add-attachments-1.pdf")
    assert "attachments" in noted("email_evidence/testEmailWithPNGAtt.eml")
    assert "image_place" in noted("images/testJPEG_GEO.jpg")
    assert noted("pdf/11-pages.pdf") == set()
