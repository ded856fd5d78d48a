"""Files come in as they are: named safely, typed by content, and what is odd about them is said."""

import hashlib
import io
import zipfile

import pytest

from evidence.errors import TooLarge
from evidence.intake import names
from evidence.intake import services as intake
from evidence.intake.services import DigestDiffers
from evidence.vault import services as vault


@pytest.fixture(autouse=True)
def own_store(settings, tmp_path):
    settings.CLEARHOLD_BLOBS_DIR = tmp_path / "blobs"
    settings.CLEARHOLD_KEYS_DIR = tmp_path / "keys"


@pytest.fixture
def take(org):
    def taken(data: bytes, filename: str = "file.bin", **given):
        given.setdefault("limit_bytes", 50_000_000)
        return intake.take(io.BytesIO(data), filename=filename, organization_id=org.pk, **given)

    return taken


def codes(received) -> list[str]:
    return [note.code for note in received.notes]


def zipped(**entries: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return target.getvalue()


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("report.csv", "report.csv"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ines\\report.xlsx", "report.xlsx"),
        ("a\x00b\x1f\x7f.txt", "ab.txt"),
        ("gnp.\u202egpj.exe", "gnp.gpj.exe"),
        ("cafe\u0301.txt", "café.txt"),
        ("", "unnamed"),
        ("...", "unnamed"),
        ("/", "unnamed"),
        ("  two   words .txt ", "two words .txt"),
        ("line\u2028break\nhere.txt", "linebreakhere.txt"),
        ("学生データ.csv", "学生データ.csv"),
        ("تقرير.pdf", "تقرير.pdf"),
        ("\ud800lone.txt", "?lone.txt"),
        ("zero\u200bwidth.txt", "zerowidth.txt"),
    ],
)
def test_a_name_is_made_safe_to_show(given, shown):
    assert names.cleaned(given) == shown


def test_a_long_name_keeps_its_ending_and_its_letters_whole():
    name = names.cleaned("学" * 150 + ".xlsx")
    assert name.endswith("学.xlsx")
    assert len(name.encode()) <= 200


def test_naughty_names_are_all_safe_to_show(field_data):
    lines = (field_data / "filenames" / "blns.txt").read_text(encoding="utf-8").splitlines()
    assert len(lines) > 500
    for line in lines:
        name = names.cleaned(line)
        assert 0 < len(name.encode()) <= 200
        assert not set(name) & set("/\\\x00\n\r\u202e\u2066")
        assert names.cleaned(name) == name


@pytest.mark.parametrize(
    ("data", "filename", "mime"),
    [
        (b"a,b\n1,2\n", "x.csv", "text/csv"),
        (b'{"a": 1}', "x.json", "application/json"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "x.pdf", "application/pdf"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(20), "x.png", "image/png"),
        (b"", "x.txt", "inode/x-empty"),
        (b"just words", "x.txt", "text/plain"),
    ],
)
def test_the_type_is_what_the_content_says(take, data, filename, mime):
    assert take(data, filename).mime == mime


def test_an_office_document_is_recognised_by_looking_into_it(take):
    document = zipped(**{"[Content_Types].xml": b"<Types/>", "xl/workbook.xml": b"<workbook/>"})
    assert take(document, "x.xlsx").mime.endswith("spreadsheetml.sheet")
    assert take(document, "x.xlsx").notes == ()
    assert codes(take(document, "x.docx")) == ["name_contradicts_content"]
    assert take(zipped(a=b"1"), "x.zip").mime == "application/zip"


@pytest.mark.parametrize(
    ("data", "filename", "claimed", "code"),
    [
        (b"just words", "photo.png", "", "name_contradicts_content"),
        (b"%PDF-1.7\n", "report.csv", "", "name_contradicts_content"),
        (b"%PDF-1.7\n", "report", "image/png", "claim_contradicts_content"),
        (b"", "x.csv", "", "empty"),
        (b"<html><script>alert(1)</script></html>", "x.html", "", "active_page"),
        (b"%PDF-1.7\n1 0 obj <</OpenAction 2 0 R>>", "x.pdf", "", "pdf_actions"),
        (b"%PDF-1.7\ntrailer <</Encrypt 2 0 R>>", "x.pdf", "", "broken_pdf"),
        (b"PK\x03\x04 and nothing more", "x.zip", "", "broken_archive"),
    ],
)
def test_what_is_odd_is_said_but_kept(take, data, filename, claimed, code):
    received = take(data, filename, claimed_mime=claimed)
    assert code in codes(received)
    assert not received.is_blocked
    assert b"".join(vault.open(received.sealed)) == data


@pytest.mark.parametrize(
    "claimed", ["text/csv", "text/csv; charset=utf-8", "application/octet-stream", "text/plain", ""]
)
def test_an_honest_claim_is_not_noted(take, claimed):
    assert codes(take(b"a,b\n1,2\n", "x.csv", claimed_mime=claimed)) == []


@pytest.mark.parametrize(
    ("data", "filename"),
    [
        (b"MZ\x90\x00" + bytes(200), "setup.exe"),
        (b"MZ\x90\x00" + bytes(200), "holiday.png"),
        (b"\x7fELF\x02\x01\x01" + bytes(200), "tool"),
        (b"echo hello", "run.bat"),
        (b"Write-Host hello", "run.PS1"),
    ],
)
def test_programs_are_blocked_until_someone_decides(take, data, filename):
    received = take(data, filename)
    assert "executable" in codes(received)
    assert received.is_blocked


def test_an_archive_bomb_is_blocked_without_unpacking_it(take):
    received = take(zipped(zeros=bytes(30_000_000)), "x.zip")
    assert "bomb" in codes(received)
    assert received.is_blocked


def test_macros_and_paths_that_climb_are_noted(take):
    document = zipped(
        **{"[Content_Types].xml": b"", "word/document.xml": b"", "word/vbaProject.bin": b"", "../../up.txt": b""}
    )
    assert sorted(codes(take(document, "x.docm"))) == ["archive_paths", "macros"]


def test_a_digest_that_differs_removes_the_file_again(take, org, settings):
    digest = hashlib.sha256(b"other").hexdigest()
    with pytest.raises(DigestDiffers, match="Nothing of it was kept"):
        take(b"bytes", expected_sha256=digest)
    assert [path for path in settings.CLEARHOLD_BLOBS_DIR.rglob("*") if path.is_file()] == []
    assert take(b"bytes", expected_sha256=hashlib.sha256(b"bytes").hexdigest().upper()).sealed.size == 5


def test_a_file_over_the_limit_is_refused_before_it_is_read_whole(org, settings):
    class Endless:
        given = 0

        def read(self, size):
            self.given += size
            return bytes(size)

    source = Endless()
    with pytest.raises(TooLarge, match="up to 2 MB"):
        intake.take(source, filename="x", organization_id=org.pk, limit_bytes=2_000_000)
    assert source.given <= 3_200_000
    assert [path for path in settings.CLEARHOLD_BLOBS_DIR.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("folder", ["archives", "office", "images", "pdf", "pdf_encrypted"])
def test_field_files_come_in_untouched_whatever_they_are(take, field_data, folder):
    for path in sorted((field_data / folder).iterdir()):
        data = path.read_bytes()
        received = take(data, path.name)
        assert received.sealed.sha256 == hashlib.sha256(data).hexdigest(), path.name
        assert received.mime, path.name


def test_field_files_that_nobody_can_read_are_named(take, field_data):
    def noted(place):
        return codes(take((field_data / place).read_bytes(), place.rsplit("/", 1)[-1]))

    assert "password" in noted("archives/testZipEncrypted.zip")
    assert "broken_archive" in noted("office/truncated62886.docx")
    assert "bomb" in noted("archives/zipbomb.xlsx")
    assert "macros" in noted("office/SimpleMacro.docm")
    assert "archive_paths" in noted("archives/COMPRESS-214_unix_symlinks.zip")
    assert "active_page" in noted("images/testSVG.svg")
    assert "password" in noted("office/protected_agile.docx")
    assert noted("office/TwoSheetsOneHidden.xlsx") == []
