"""Office documents go through a LibreOffice that reaches nothing, runs nothing, and never outlives its reader."""

import http.server
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pikepdf
import pytest

from portal.packages.exhibits import enclosing, libreoffice, office, reading
from portal.packages.exhibits.compound import Compound
from portal.packages.exhibits.pieces import Desk, NotLaidOut, Piece
from tests import tools
from tests.portal.packages.exhibits import offices, originals
from tests.portal.packages.exhibits.laid import lay_out

LIMITS = reading.Limits(1 << 30, 60)


def piece(folder: Path, data: bytes, name: str, kind: str = "application/octet-stream") -> Piece:
    (folder / "source").write_bytes(data)
    return Piece("E-001", "One", name, kind, len(data), "0" * 64, "source", "Attached.")


def read(folder: Path, data: bytes, name: str) -> reading.Read:
    found, _ = reading.read([piece(folder, data, name)], Desk(folder, "A4"), LIMITS, set(), lambda **facts: None)
    return found[0]


# --- with the real one -------------------------------------------------------------------------------------------------


@pytest.fixture
def soffice() -> str:
    return tools.program("soffice")


@pytest.mark.slow
class TestWithLibreOffice:
    def test_documents_of_every_kind_are_laid_out_stamped_and_can_be_read(self, soffice, tmp_path):
        files = {
            "policy.docx": offices.docx("Access is reviewed each quarter.", "Zoë signs."),
            "training.pptx": offices.pptx("First slide", "Kept out of the talk", hidden=1),
            "minutes.odt": offices.odt("The committee met."),
            "leavers.ods": offices.ods([["person", "left"], ["i.barros", "2026-03-02"]]),
            "letter.rtf": offices.rtf("Rich words"),
        }
        laid = lay_out(tmp_path, files)
        words = {place.filename: "\n".join(laid.text(number)) for number, place in laid.places.items()}
        assert [place.reason for place in laid.laid.places] == [""] * len(files)
        assert "Access is reviewed each quarter." in words["policy.docx"]
        assert "Zoë signs." in words["policy.docx"]
        assert "First slide" in words["training.pptx"] and "Kept out of the talk" in words["training.pptx"]
        assert "The committee met." in words["minutes.odt"]
        assert "i.barros" in words["leavers.ods"] and "2 rows, 2 columns" in words["leavers.ods"]
        assert "Rich words" in words["letter.rtf"]
        for number, place in laid.places.items():
            assert f"{number} Page 1 of {place.pages} Draft" in laid.text(number)[0].replace("\n", " ")
        volume = tmp_path / "volume.pdf"
        volume.write_bytes(laid.files[0])
        assert subprocess.run([tools.program("qpdf"), "--check", volume], capture_output=True).returncode == 0
        said = subprocess.run(
            [tools.program("pdftotext"), volume, "-"], capture_output=True, text=True, check=True
        ).stdout
        assert "Access is reviewed each quarter." in said
        assert "First slide" in said

    def test_the_same_document_gives_the_same_bytes(self, soffice, tmp_path):
        said = set()
        for name in ("first", "second"):
            (tmp_path / name).mkdir()
            files = {"policy.docx": offices.docx("Access is reviewed."), "talk.pptx": offices.pptx("One", "Two")}
            said.add(lay_out(tmp_path / name, files).files[0])
        assert len(said) == 1

    def test_it_fetches_neither_a_file_of_the_machine_nor_an_address(self, soffice, tmp_path):
        secret = tmp_path / "secret.png"
        secret.write_bytes(originals.picture())
        asked: list[str] = []

        class Listening(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_error(404)

            do_HEAD = do_OPTIONS = do_GET

            def log_message(self, *words: object) -> None:
                """Quietly."""

        with http.server.HTTPServer(("127.0.0.1", 0), Listening) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            address = f"http://127.0.0.1:{server.server_port}/picture.png"
            laid = lay_out(tmp_path, {"reaching.odt": offices.reaching_odt(secret.as_uri(), address)})
            server.shutdown()
        assert "Reaching out" in laid.text("E-001")[0]
        with laid.opened() as pdf:
            assert not [
                each for each in pdf.objects if isinstance(each, pikepdf.Stream) and each.get("/Subtype") == "/Image"
            ]
        assert asked == []

    def test_no_program_of_a_document_runs(self, soffice, tmp_path):
        (words,) = lay_out(tmp_path, {"acting.odt": offices.acting_odt()}).text("E-001")
        assert "As written" in words
        assert "IT RAN" not in words

    def test_rubble_is_said_to_be_damaged(self, soffice, tmp_path):
        broken = offices.packed({"[Content_Types].xml": "<", "word/document.xml": "<w:document"})
        assert "could not lay it out" in read(tmp_path, broken, "rubble.docx").reason

    def test_nothing_of_it_is_left_behind(self, soffice, tmp_path):
        read(tmp_path, offices.docx("Tidy"), "tidy.docx")
        name = libreoffice.socket_name(tmp_path / "office-E-001" / "profile")
        assert not [left for folder in libreoffice.SOCKETS for left in folder.glob(f"OSL_PIPE_*{name}")]
        assert not list(tmp_path.glob("office-*"))


# --- with one that is played -------------------------------------------------------------------------------------------


@pytest.fixture
def played(monkeypatch, tmp_path):
    """A program of that name, of these lines of shell; `$2` is the folder for what it makes."""

    def write(lines: str) -> None:
        (tmp_path / "bin").mkdir()
        program = tmp_path / "bin" / "soffice"
        program.write_text(f'#!/bin/sh\nwhile [ "$1" != --outdir ]; do shift; done\n{lines}\n')
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    return write


def test_what_it_makes_is_the_copy(played, tmp_path):
    (tmp_path / "set.pdf").write_bytes(originals.pdf("Set by another program"))
    played(f'/bin/cp {tmp_path}/set.pdf "$2/exhibit.pdf"')
    found = read(tmp_path, offices.docx("Words"), "plan.docx")
    assert (found.reason, found.notes) == ("", [str(office.SET)])


def test_without_it_there_is_a_slip_sheet_that_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "no LibreOffice" in read(tmp_path, offices.docx("Words"), "plan.docx").reason


def test_one_that_asks_to_be_started_again_is(played, tmp_path):
    (tmp_path / "set.pdf").write_bytes(originals.pdf("At the second start"))
    played(f'[ -e started ] || {{ : > started; exit 81; }}\n/bin/cp {tmp_path}/set.pdf "$2/exhibit.pdf"')
    assert read(tmp_path, offices.docx("Words"), "plan.docx").reason == ""


def test_one_that_does_not_end_is_ended(played, tmp_path, monkeypatch):
    monkeypatch.setattr(libreoffice, "SECONDS", 1)
    played("/bin/sleep 600")
    assert "did not lay it out within" in read(tmp_path, offices.docx("Words"), "plan.docx").reason


def test_it_ends_with_the_process_that_waits_for_it_and_so_does_what_it_started(played, tmp_path):
    room = tmp_path / "room"
    room.mkdir()
    (tmp_path / "source").write_bytes(offices.docx("Words"))
    played("/bin/sleep 600 & echo $$ $! > began; wait")
    reader = os.fork()
    if not reader:
        try:
            libreoffice.converted(tmp_path / "source", "docx", room, "pdf")
        finally:
            os._exit(0)
    began = room / "began"
    _until(lambda: began.exists() and len(began.read_text().split()) == 2)
    os.kill(reader, signal.SIGKILL)
    os.waitpid(reader, 0)
    _until(lambda: not any(map(_is_alive, map(int, began.read_text().split()))))


def _is_alive(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat")
    try:
        return (
            state.read_text().rpartition(")")[2].split()[0] != "Z"
            if Path("/proc/self").exists()
            else not os.kill(pid, 0)
        )
    except (FileNotFoundError, ProcessLookupError):
        return False


def _until(is_so) -> None:
    for _ in range(400):
        if is_so():
            return
        time.sleep(0.05)
    pytest.fail("it did not come to be so within 20 seconds")


# --- what is inside ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (offices.docx("a"), office.Form.OPEN_WORDS),
        (offices.pptx("a"), office.Form.OPEN_SLIDES),
        (originals.workbook(), office.Form.OPEN_SHEETS),
        (offices.packed({"xl/workbook.bin": b"", "xl/worksheets/sheet1.bin": b""}), office.Form.BINARY_SHEETS),
        (offices.odt("a"), office.Form.FREE_WORDS),
        (offices.ods([["a"]]), office.Form.FREE_SHEETS),
        (offices.rtf(), office.Form.RICH),
        (offices.compound({"WordDocument": bytes(64), "1Table": b"x"}), office.Form.WORDS),
        (offices.compound({"Current User": b"x", "PowerPoint Document": b"x"}), office.Form.SLIDES),
        (offices.compound({"Workbook": bytes(64)}), office.Form.SHEETS),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_content_tells_what_a_document_is(tmp_path, data, form):
    (tmp_path / "source").write_bytes(data)
    assert office.form_of(tmp_path / "source") == form


LOCKED_WORDS = bytes(10) + b"\x00\x01" + bytes(52)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (offices.compound({"EncryptedPackage": b"x" * 64}), "password"),
        (offices.compound({"EncryptedSummary": b"x", "PowerPoint Document": b"x"}), "password"),
        (offices.compound({"WordDocument": LOCKED_WORDS}), "password"),
        (offices.packed({"mimetype": "application/vnd.oasis.opendocument.text",
                         "META-INF/manifest.xml": "<manifest:encryption-data/>"}), "password"),
        (offices.compound({"Something": b"x"}), "not that of an office document"),
        (offices.packed({"a.txt": "a"}), "not that of an office document"),
        (b"<html><img src='http://127.0.0.1/'>", "not that of an office document"),
        (offices.compound({"WordDocument": b"x"})[:700], "contradicts itself"),
        (offices.docx("a")[:300], "list of its parts"),
    ],
    ids=["package", "slides", "words", "free", "other", "zip", "page", "cut", "zip cut"],
)  # fmt: skip
def test_what_is_locked_foreign_or_broken_is_refused_with_its_reason(tmp_path, data, reason):
    (tmp_path / "source").write_bytes(data)
    with pytest.raises(NotLaidOut, match=reason):
        office.form_of(tmp_path / "source")


def test_a_locked_workbook_is_called_locked_whatever_it_is_named(tmp_path):
    data = offices.compound({"EncryptionInfo": b"x" * 64, "EncryptedPackage": b"x" * 64})
    laid = lay_out(tmp_path, {"accounts.xlsx": data, "accounts.xls": data})
    assert {place.reason for place in laid.laid.places} == {str(office.LOCKED)}


def test_a_compound_file_whose_chain_runs_in_a_circle_is_refused():
    data = bytearray(offices.compound({"WordDocument": bytes(2000)}))
    at = 512 + 4 * 2
    assert int.from_bytes(data[at : at + 4], "little") == 3
    data[at : at + 4] = (1).to_bytes(4, "little")
    held = Compound(bytes(data))
    with pytest.raises(ValueError, match="does not end"):
        held.stream("WordDocument")


# --- the doors ---------------------------------------------------------------------------------------------------------


def test_who_is_closed_in_reads_what_is_allowed_and_nothing_else(tmp_path):
    (tmp_path / "inside").mkdir()
    for name in ("inside/open.txt", "shut.txt"):
        (tmp_path / name).write_text("x")
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    pid = os.fork()
    if not pid:
        status = 99
        try:
            status = _closed_in(tmp_path, port)
        finally:
            os._exit(status)
    got = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    listener.close()
    if got == 50:
        pytest.skip("this system has no Landlock")
    assert got == 0


def _closed_in(folder: Path, port: int) -> int:
    enclosing.enclose([(folder / "inside", enclosing.READ)])
    wrong = 0
    try:
        (folder / "shut.txt").read_text()
        return 50
    except PermissionError:
        pass
    wrong += (folder / "inside" / "open.txt").read_text() != "x"
    try:
        (folder / "inside" / "new.txt").write_text("x")
        wrong += 2
    except PermissionError:
        pass
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2)
        wrong += 4
    except OSError:
        pass
    return wrong
