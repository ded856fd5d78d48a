"""The finished file: fonts, links, labels, attachments, sameness, and what it refuses to fetch."""

import dataclasses
import hashlib
import json
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pikepdf
import pypdfium2
import pytest

from portal.packages import assembly, binding, leaves, painting, render
from tests.portal.packages import sample
from tests.portal.packages.conftest import UNPROVEN, fetch, set_package, still


def text_of(path) -> str:
    document = pypdfium2.PdfDocument(path)
    try:
        return "\n".join(page.get_textpage().get_text_bounded() for page in document)
    finally:
        document.close()


def test_the_same_snapshot_gives_the_same_bytes(package, tmp_path):
    path, printed = package
    again = set_package(sample.snapshot(), tmp_path / "again.pdf")
    assert again.sha256 == printed.sha256
    assert (tmp_path / "again.pdf").read_bytes() == path.read_bytes()


def test_every_exhibit_is_attached_byte_for_byte_with_its_relationship_and_dates(package):
    path, printed = package
    # The volume of exhibits stands beside the PDF.
    listed = [file for file in json.loads(printed.manifest)["files"] if "volume" not in file]
    with pikepdf.open(path) as pdf:
        assert set(pdf.attachments) == {"manifest.json"} | {file["path"] for file in listed}
        for file in listed:
            data = pdf.attachments[file["path"]].get_file().read_bytes()
            assert hashlib.sha256(data).hexdigest() == file["sha256"]
            assert len(data) == file["size"]
        associated = pdf.Root.AF
        assert len(associated) == len(pdf.attachments)
        for spec in associated:
            assert spec.AFRelationship in ("/Data", "/Source", "/Supplement")
            assert "/CreationDate" in spec.EF.F.Params
            assert "/ModDate" in spec.EF.F.Params


def test_fonts_are_embedded_and_come_from_the_project(package):
    path, _ = package
    families = {"Inter", "Source-Serif-4", "JetBrains-Mono", "Noto-Sans-SC", "Noto-Sans-Arabic", "Noto-Emoji"}
    found = set()
    with pikepdf.open(path) as pdf:
        for item in pdf.objects:
            if isinstance(item, pikepdf.Dictionary) and item.get("/Type") == "/FontDescriptor":
                name = str(item.FontName).split("+")[-1].split(",")[0]
                found.add(next((family for family in families if name.startswith(family)), name))
                assert any(key in item for key in ("/FontFile", "/FontFile2", "/FontFile3"))
    assert found == families


def test_chinese_arabic_and_emoji_can_be_read_back(package):
    text = text_of(package[0])
    assert "学生信息导出缺少审批记录" in text
    assert "🔐" in text
    assert any(0x600 <= ord(char) <= 0x6FF or 0xFB50 <= ord(char) <= 0xFEFF for char in text)


def test_a_character_that_no_font_has_is_named():
    from portal.packages import typefaces

    assert typefaces.showable("a\U0001e900b\x07") == "a⟨U+1E900⟩b"


def test_pages_are_labelled_numbered_and_outlined(package):
    path, printed = package
    with pikepdf.open(path) as pdf:
        assert len(pdf.pages) == printed.pages
        assert [page.label for page in pdf.pages] == [str(n + 1) for n in range(printed.pages)]
        with pdf.open_outline() as outline:
            titles = [item.title for item in outline.root]
        assert titles[:3] == ["Cover", "Contents", "Executive summary"]
        assert "/StructTreeRoot" in pdf.Root
        assert str(pdf.Root.Lang) == "en"
        assert "/OpenAction" not in pdf.Root
        assert "pdfaid:part" in pdf.Root.Metadata.read_bytes().decode()
    text = text_of(path)
    assert f"Page {printed.pages} of {printed.pages}" in text


def test_nothing_in_it_runs_or_leads_outside(package):
    with pikepdf.open(package[0]) as pdf:
        for item in pdf.objects:
            if isinstance(item, pikepdf.Dictionary):
                assert item.get("/S") not in ("/JavaScript", "/URI", "/Launch", "/SubmitForm")
                assert "/JS" not in item


@pytest.mark.parametrize(("state", "marked"), [("draft", True), ("in_review", True), ("sealed", False)])
def test_every_page_is_marked_as_a_draft_until_it_is_sealed(state, marked, tmp_path):
    rows = sample.templated("board")
    rows = dataclasses.replace(rows, identity=dataclasses.replace(rows.identity, state=state, approved_by="Arun Mehta"))
    set_package(rows, tmp_path / "package.pdf")
    strokes = assembly.DRAFT.partition(b"%s")[0]
    with pikepdf.open(tmp_path / "package.pdf") as pdf:
        marks = [any(part.read_bytes().startswith(strokes) for part in page.Contents) for page in pdf.pages]
    assert marks == [marked] * len(marks)


def test_one_changed_byte_breaks_the_fingerprint(package):
    data = bytearray(package[0].read_bytes())
    assert binding.is_whole(bytes(data))
    for place in (20, len(data) // 2, len(data) - 10):
        changed = bytearray(data)
        changed[place] ^= 1
        assert not binding.is_whole(bytes(changed))


def test_hostile_text_makes_no_request(tmp_path):
    asked = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)

    with HTTPServer(("127.0.0.1", 0), Listener) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        evil = (
            f'<img src="{url}/a"><link rel=stylesheet href="{url}/b"><svg><image href="{url}/c"/></svg>'
            f"<style>@import url({url}/d)</style> url({url}/e) file:///etc/passwd"
        )
        finding = dataclasses.replace(sample.closed_finding(), title=evil, condition=evil, plan=evil, owner=evil)
        organization = dataclasses.replace(sample.snapshot().organization, name=evil)
        set_package(sample.snapshot(findings=(finding,), organization=organization), tmp_path / "evil.pdf")
        server.shutdown()
    assert asked == []
    assert "root:" not in text_of(tmp_path / "evil.pdf")


def test_an_altered_exhibit_stops_the_build_and_is_named():
    def altered(exhibit, target):
        target.write(b"other bytes")

    refused = pytest.raises(render.BuildFailed, match="Exhibit E-001 has changed")
    with refused, render.printed(sample.snapshot(), altered, UNPROVEN, paper="A4", watch=still):
        pytest.fail("a package was made")


def test_cancel_stops_the_child_and_leaves_nothing(tmp_path):
    class Cancelled(Exception):
        pass

    def cancel(done, total, note):
        if note.startswith(("Forms", "Pages: Cover")):
            raise Cancelled

    with (
        pytest.raises(Cancelled),
        render.printed(sample.snapshot(), fetch, UNPROVEN, paper="A4", watch=cancel, work=tmp_path),
    ):
        pytest.fail("a package was made")
    assert list(tmp_path.iterdir()) == []


def test_too_little_memory_is_said_clearly(monkeypatch):
    monkeypatch.setattr(render, "MEMORY_BYTES", 90 << 20)
    refused = pytest.raises(render.BuildFailed, match="No package was made")
    with refused, render.printed(sample.snapshot(), fetch, UNPROVEN, paper="A4", watch=still):
        pytest.fail("a package was made")


@pytest.mark.slow
def test_a_package_in_parts_has_one_numbering_one_outline_and_links_that_arrive(tmp_path):
    rows = sample.many(80)
    first = set_package(rows, tmp_path / "one.pdf")
    second = set_package(rows, tmp_path / "two.pdf")
    assert first.sha256 == second.sha256
    assert first.peak_bytes < 400 << 20
    text = text_of(tmp_path / "one.pdf")
    for number in (2, first.pages // 2, first.pages):
        assert f"Page {number} of {first.pages}" in text
    with pikepdf.open(tmp_path / "one.pdf") as pdf:
        assert len(pdf.pages) == first.pages
        assert [page.label for page in pdf.pages] == [str(n + 1) for n in range(first.pages)]
        with pdf.open_outline() as outline:
            register = next(item for item in outline.root if item.title == "Findings register")
            assert [item.title for item in register.children] == [finding.ref for finding in rows.findings]
        places = dict(pikepdf.NameTree(pdf.Root.Names.Dests).items())
        order = {page.obj.objgen: index for index, page in enumerate(pdf.pages)}
        links = [note for page in pdf.pages for note in page.obj.get("/Annots", ()) if note.Subtype == "/Link"]
        assert links
        assert all("/A" not in note and str(note.Dest) in places for note in links)
        # The register's page column says where the finding is.
        start = order[places["finding-F-061"][0].objgen] + 1
    document = pypdfium2.PdfDocument(tmp_path / "one.pdf")
    assert rows.findings[60].title[:30] in " ".join(document[start - 1].get_textpage().get_text_bounded().split())
    register_text = " ".join(text.split())
    assert register_text.count(f" {start} ") >= 1
    document.close()


@pytest.mark.slow
def test_letter_paper_has_letter_pages(tmp_path):
    set_package(sample.snapshot(), tmp_path / "letter.pdf", paper="letter")
    with pikepdf.open(tmp_path / "letter.pdf") as pdf:
        assert {tuple(round(float(x)) for x in page.mediabox) for page in pdf.pages} == {(0, 0, 612, 792)}


@pytest.mark.parametrize("byte", ["0d", "0a", "28", "29", "5c", "00", "0d0a"])
def test_the_identifier_is_cut_from_any_hash_of_a_manifest(tmp_path, byte):
    # A carriage return in a literal string is read back as a line feed, and made one package in sixteen look altered.
    sha256 = (byte * 32)[:64]
    leaf = leaves.dump(painting.Press("A4").paint("<html lang=en><body><h1>One page"))
    about = binding.About("Title", "Subject", "Author", datetime(2026, 1, 1, tzinfo=UTC))
    units = [binding.Bound(lambda: leaf, "Page")]
    binding.bind(tmp_path / "bound.pdf", units, [], about, manifest_sha256=sha256)
    data = (tmp_path / "bound.pdf").read_bytes()
    assert binding.first_identifier(data) == sha256[:32]
    assert binding.is_whole(data)
    with pikepdf.open(tmp_path / "bound.pdf") as pdf:
        assert bytes(pdf.trailer.ID[0]).hex() == sha256[:32]
