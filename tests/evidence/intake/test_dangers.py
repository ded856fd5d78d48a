"""Each danger of an upload has its note, its sentence, and its place: let through with a note, or held for a reviewer."""

import io
import tarfile

import pytest

from evidence.intake import checks
from evidence.intake import services as intake
from evidence.intake.looks import Look
from evidence.limited import running
from tests.evidence.intake import dangers
from tests.evidence.intake.dangers import EXE, GIF, GIF_SCRIPT, HTML, MB, SVG, pdf, png, zipped


@pytest.fixture(autouse=True)
def own_store(settings, tmp_path):
    settings.CLEARHOLD_BLOBS_DIR = tmp_path / "blobs"
    settings.CLEARHOLD_KEYS_DIR = tmp_path / "keys"


@pytest.fixture
def take(org):
    def taken(data: bytes, filename: str = "file.bin"):
        return intake.take(io.BytesIO(data), filename=filename, organization_id=org.pk, limit_bytes=10**9)

    return taken


def tar(*members: tuple[str, str]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name, link in members:
            member = tarfile.TarInfo(name)
            member.type = tarfile.SYMTYPE if link else tarfile.REGTYPE
            member.linkname = link
            archive.addfile(member, io.BytesIO(b""))
    return target.getvalue()


MAIL = (
    b"From: a@example.com\nTo: b@example.com\nSubject: x\nMIME-Version: 1.0\n"
    b'Content-Type: multipart/mixed; boundary="b"\n\n--b\nContent-Type: text/plain\n\nhello\n--b\n'
    b'Content-Type: application/octet-stream; name="rows.bin"\nContent-Disposition: attachment; filename="rows.bin"\n\n'
    b"a,b\n--b--\n"
)
# Made by a function, so that no file is made before its test runs: code, whether a reviewer has to decide, how.
CASES = {
    "a gigabyte of zeros": ("zeros.zip", dangers.zeros, "bomb", True),
    "five levels of ten": ("nested.zip", dangers.nested, "bomb", True),
    "a size that lies": ("lying.zip", dangers.lying, "bomb", True),
    "70,000 names": ("many.zip", dangers.many, "bomb", True),
    "overlapping entries": ("overlap.zip", dangers.overlapping, "bomb", True),
    "zeros in gzip": ("zeros.gz", dangers.gzipped, "bomb", True),
    "zeros in a zip in a zip": ("two.zip", lambda: zipped({"in.zip": dangers.zeros(40 * MB)}), "bomb", True),
    "a path that climbs": ("slip.zip", lambda: zipped({"../../etc/x": b"1"}), "archive_paths", True),
    "a path that climbs from within": ("slip.zip", lambda: zipped({"a/../../b": b"1"}), "archive_paths", True),
    "a path with backslashes": ("slip.zip", lambda: zipped({"..\\..\\x": b"1"}), "archive_paths", True),
    "an absolute path": ("slip.zip", lambda: zipped({"/abs": b"1"}), "archive_paths", True),
    "a drive": ("slip.zip", lambda: zipped({"C:\\x": b"1"}), "archive_paths", True),
    "a file through a link": ("link.zip", dangers.linked, "archive_paths", True),
    "a tar that climbs": ("slip.tar", lambda: tar(("../x", "")), "archive_paths", True),
    "links in a tar": ("links.tar", lambda: tar(("a", "b")), "archive_paths", False),
    "names twice": ("twice.zip", lambda: zipped({"A.txt": b"1", "a.txt": b"2"}), "archive_paths", False),
    "a program in a zip": ("tools.zip", lambda: zipped({"bin/tool": EXE}), "executable", True),
    "a program in a PDF": ("report.pdf", lambda: pdf(attached=EXE), "executable", True),
    "a file in a PDF": ("report.pdf", lambda: pdf(attached=b"rows"), "attachments", False),
    "a file in an e-mail": ("message.eml", lambda: MAIL, "attachments", False),
    "a PDF with JavaScript": ("report.pdf", lambda: pdf(script="app.alert(1)"), "pdf_actions", False),
    "a PDF that starts a program": ("report.pdf", lambda: pdf(launch=True), "pdf_actions", False),
    "a PDF with a password": ("report.pdf", lambda: pdf(password="secret"), "password", False),
    "a PDF that opens all the same": ("report.pdf", lambda: pdf(password=""), "sealed_pdf", False),
    "a PDF that is none": ("report.pdf", lambda: b"%PDF-1.7 nothing", "broken_pdf", False),
    "an image that is none": ("shot.png", lambda: b"\x89PNG\r\n\x1a\n" + b"x" * 50, "broken_image", False),
    "an image of 3.6 billion pixels": ("shot.png", lambda: png(60_000, 60_000, bytes(1000)), "image_bomb", True),
    "a PDF that is a zip": ("both.pdf", lambda: pdf() + zipped({"a": b"1"}), "polyglot", True),
    "an image that is a zip": ("both.png", lambda: png() + zipped({"a": b"1"}), "polyglot", True),
    "an image that is a script": ("both.gif", lambda: GIF_SCRIPT, "polyglot", True),
    "an image that is a page": ("both.gif", lambda: GIF + HTML, "polyglot", True),
    "a PDF that is a page": ("both.pdf", lambda: b"<html><script>1</script>\n" + pdf(), "polyglot", True),
    "a page after a PDF": ("both.pdf", lambda: pdf() + b"\n<script>alert(1)</script>", "polyglot", True),
    "a page": ("page.html", lambda: HTML, "active_page", False),
    "an SVG": ("drawing.svg", lambda: SVG, "active_page", False),
    "a 7z archive": ("a.7z", lambda: b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(60), "opaque", False),
    "nothing": ("empty.csv", lambda: b"", "empty", False),
    "a name that turns around": ("report\u202efdp.exe.txt", lambda: b"x", "deceiving_name", False),
    "a name with folders": ("../../etc/passwd", lambda: b"x", "path_in_name", False),
    "a name of 300 bytes": ("学" * 100 + ".txt", lambda: b"x", "long_name", False),
}


@pytest.mark.parametrize("case", CASES)
def test_each_danger_has_its_note_and_its_place(take, case):
    filename, made, code, blocks = CASES[case]
    received = take(made(), filename)
    notes = {note.code: note for note in received.notes}
    assert code in notes, sorted(notes)
    assert received.is_blocked is blocks, received.notes
    assert notes[code].sentence.endswith(".")


@pytest.mark.parametrize(
    ("filename", "made"),
    [
        ("rows.csv", lambda: b"week,result\nW12,OK\n"),
        ("site.zip", lambda: zipped({"a/b.txt": b"hello" * 100, "a/c.txt": b"hi"})),
        ("page.pdf", pdf),
        ("shot.png", png),
        ("one.gif", lambda: GIF),
        ("logs.tar", lambda: tar(("logs/a.log", ""))),
        ("words.txt", lambda: b"The archive PK is not one, and <script> is only a word."),
    ],
)
def test_ordinary_files_have_no_note(take, filename, made):
    assert take(made(), filename).notes == ()


def test_every_check_answers_for_a_file_of_which_nothing_is_known():
    """The contract of a check: a generator of notes whose code is a word and whose sentence is whole."""
    assert len(checks.modules()) >= 10
    nothing = checks.Incoming("", "", "", "", 0, b"")
    assert [note.code for note in checks.notes_on(nothing)] == ["empty"]
    failed = checks.Incoming("a.zip", "zip", "application/zip", "", 10, b"PK\x03\x04", Look(failed=True))
    assert [(note.code, note.blocks) for note in checks.notes_on(failed)] == [("unexamined", True)]


def test_a_process_that_dies_or_hangs_sends_the_file_to_a_reviewer(take, monkeypatch):
    def fails(*given, **told):
        raise running.Failed("killed")

    monkeypatch.setattr(running, "run", fails)
    received = take(b"week,result\n", "a.csv")
    assert [note.code for note in received.notes] == ["unexamined"]
    assert received.is_blocked
    assert received.personal.failed
