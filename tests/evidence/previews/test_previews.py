"""Previews show the beginning of a file and never the file; what can't be drawn fails alone."""

import io
import struct
import zipfile
import zlib
from datetime import date
from email.message import EmailMessage

import openpyxl
import pytest
from PIL import Image

from evidence.errors import TooLarge
from evidence.intake import services as intake
from evidence.limited import running
from evidence.previews import Kind, kind_of, pictures, texts
from evidence.previews.inside import reading
from evidence.previews.pictures import NoPicture
from evidence.vault import services as vault


@pytest.fixture(autouse=True)
def own_store(settings, tmp_path):
    settings.CLEARHOLD_BLOBS_DIR = tmp_path / "blobs"
    settings.CLEARHOLD_KEYS_DIR = tmp_path / "keys"


@pytest.fixture
def keep(org):
    def kept(data: bytes):
        return vault.adopt(vault.store(io.BytesIO(data), organization_id=org.pk, limit_bytes=10**9))

    return kept


def picture(form: str = "PNG", size=(60, 40), **given) -> bytes:
    target = io.BytesIO()
    Image.new("RGB", size, "teal").save(target, form, **given)
    return target.getvalue()


def test_a_table_is_shown_by_rows_and_cells(keep):
    blob = keep("week;naïve\nW12;<script>alert(1)</script>\nW11;=1+1\n".encode())
    shown = texts.shown(blob, Kind.TABLE)
    assert shown.head == ("week", "naïve")
    assert shown.rows == (("W12", "<script>alert(1)</script>"), ("W11", "=1+1"))
    assert shown.is_whole


def test_a_long_or_wide_table_is_cut_and_says_so(keep):
    shown = texts.shown(keep(b"a,b\n" * 1000), Kind.TABLE)
    assert len(shown.rows) == reading.MAX_ROWS - 1
    assert not shown.is_whole
    assert texts.shown(keep(b",".join([b"x"] * 100)), Kind.TABLE).columns_left_out == 60


@pytest.mark.parametrize(
    ("data", "seen"),
    [
        (b"\xef\xbb\xbfhello", "hello"),
        ("hello".encode("utf-16"), "hello"),
        (b"caf\xe9", "café"),
        (b"a\x00b\x1b[31m", "a\ufffdb\ufffd[31m"),
        ("\u202etxt".encode(), "\ufffdtxt"),
        (b"", ""),
    ],
)
def test_text_in_any_encoding_is_readable_and_harmless(keep, data, seen):
    assert texts.shown(keep(data), Kind.TEXT).text == seen


def test_a_line_of_megabytes_is_cut(keep):
    shown = texts.shown(keep(b"x" * 5_000_000), Kind.TEXT)
    assert len(shown.text) < 2100
    assert not shown.is_whole
    assert len(texts.shown(keep(b"x" * 5_000_000), Kind.TABLE).head[0]) <= reading.MAX_CELL + 1


def test_json_is_laid_out_and_broken_json_stays_as_it_is(keep):
    assert texts.shown(keep(b'{"a":[1,2]}'), Kind.JSON).text == '{\n  "a": [\n    1,\n    2\n  ]\n}'
    assert texts.shown(keep(b'{"a":'), Kind.JSON).text == '{"a":'
    assert texts.shown(keep(b"[" * 100_000), Kind.JSON).text


def workbook() -> bytes:
    made = openpyxl.Workbook()
    sheet = made.active
    sheet.title = "Leavers"
    sheet.append(["week", "left on", "<b>result</b>", "total"])
    sheet.append(["W12", date(2026, 11, 20), True, "=SUM(1,2)"])
    for number in range(300):
        sheet.append([f"W{number}"])
    hidden = made.create_sheet("Working")
    hidden.sheet_state = "hidden"
    hidden["C3"] = "far away"
    target = io.BytesIO()
    made.save(target)
    return target.getvalue()


def test_a_workbook_is_shown_sheet_by_sheet_as_it_is_stored(keep):
    blob = keep(workbook())
    shown = texts.shown(blob, Kind.SHEET)
    assert shown.sheets == (("Leavers", False), ("Working", True))
    assert shown.head == ("", "A", "B", "C", "D")
    assert shown.rows[:2] == (
        ("1", "week", "left on", "<b>result</b>", "total"),
        ("2", "W12", "2026-11-20", "TRUE", "=SUM(1,2)"),
    )
    assert (len(shown.rows), shown.row_count, shown.is_whole) == (reading.MAX_SHEET_ROWS, 302, False)
    other = texts.shown(blob, Kind.SHEET, sheet=2)
    assert (other.sheet, other.rows) == (2, (("3", "", "", "far away"),))
    assert texts.shown(blob, Kind.SHEET, sheet=99).sheet == 2


def test_a_workbook_that_is_none_or_tells_of_entities_has_a_sentence(keep):
    assert "can't be shown" in texts.shown(keep(b"PK\x03\x04 nothing"), Kind.SHEET).problem
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(
            "xl/workbook.xml", '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><workbook>&x;</workbook>'
        )
    assert "can't be shown" in texts.shown(keep(target.getvalue()), Kind.SHEET).problem


def test_an_email_shows_headers_words_and_what_is_attached(keep):
    message = EmailMessage()
    message["From"], message["To"] = "Ada <ada@example.com>", "vera@example.com"
    message["Subject"] = "The export"
    message.set_content("<p>Hello <b>Vera</b></p><script>alert(1)</script><p>Second</p>", subtype="html")
    message.add_attachment(b"week\n", maintype="text", subtype="csv", filename="weeks.csv")
    shown = texts.shown(keep(message.as_bytes()), Kind.MAIL)
    assert ("Subject", "The export") in shown.headers
    assert "Hello Vera" in shown.text and "Second" in shown.text
    assert "alert" not in shown.text
    assert shown.attached == (("weeks.csv", "text/csv", 5),)


def test_a_document_is_shown_as_its_words(keep):
    body = (
        '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>'
        "<w:p><w:r><w:t>Access &lt;policy&gt;</w:t></w:r></w:p>"
        "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>b</w:t></w:r></w:p></w:tc></w:tr>"
        "</w:tbl></w:body></w:document>"
    )
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("word/document.xml", body)
    assert texts.shown(keep(target.getvalue()), Kind.DOCUMENT).text == "Access <policy>\na\tb"


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"])
def test_images_are_drawn_anew_as_png(keep, form):
    found = pictures.drawn(keep(picture(form)), Kind.IMAGE)
    assert found.png.startswith(b"\x89PNG")
    assert (found.pages, found.width, found.height) == (1, 60, 40)


def test_no_metadata_survives_in_a_preview(keep):
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    data = picture("JPEG", exif=exif)
    assert b"secret place" in data
    assert b"secret place" not in pictures.drawn(keep(data), Kind.IMAGE).png


def test_a_document_in_tiff_is_leafed_through(keep):
    target = io.BytesIO()
    pages = [Image.new("RGB", (60, 40), color) for color in ("teal", "white", "black")]
    pages[0].save(target, "TIFF", save_all=True, append_images=pages[1:])
    blob = keep(target.getvalue())
    assert pictures.drawn(blob, Kind.IMAGE, 3).pages == 3
    assert Image.open(io.BytesIO(pictures.drawn(blob, Kind.IMAGE, 3).png)).convert("RGB").getpixel((1, 1)) == (0, 0, 0)
    with pytest.raises(NoPicture):
        pictures.drawn(blob, Kind.IMAGE, 4)


def test_a_large_image_is_made_smaller(keep):
    found = pictures.drawn(keep(picture(size=(4000, 100))), Kind.IMAGE)
    assert Image.open(io.BytesIO(found.png)).size == (1600, 40)


def test_an_image_bomb_is_refused_without_harm(keep):
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1_000_000))) + chunk(b"IEND", b"")
    with pytest.raises(NoPicture):
        pictures.drawn(keep(bomb), Kind.IMAGE)


def test_what_is_no_picture_is_refused_with_a_sentence(keep):
    for data, kind in ((b"not an image", Kind.IMAGE), (b"%PDF-1.7 broken", Kind.PDF), (b"", Kind.PDF)):
        with pytest.raises(NoPicture, match="stored as it came"):
            pictures.drawn(keep(data), kind)
    with pytest.raises(NoPicture, match="first 20 pages"):
        pictures.drawn(keep(picture()), Kind.IMAGE, 21)


def test_a_process_that_hangs_or_dies_is_a_sentence_not_an_error(keep, monkeypatch):
    def fails(*given, **told):
        raise running.Failed("killed")

    monkeypatch.setattr(running, "run", fails)
    with pytest.raises(NoPicture, match="within the limits"):
        pictures.drawn(keep(picture()), Kind.IMAGE)
    assert "can't be shown here" in texts.shown(keep(b"a,b"), Kind.TABLE).problem


def test_a_large_file_has_no_preview(keep, monkeypatch):
    monkeypatch.setattr(pictures, "MAX_BYTES", 10)
    with pytest.raises(TooLarge):
        pictures.drawn(keep(picture()), Kind.IMAGE)


@pytest.mark.parametrize(
    "mime", ["text/html", "image/svg+xml", "application/zip", "application/x-dosexec", "image/heic"]
)
def test_active_and_unknown_content_has_no_preview(mime):
    assert kind_of(mime) is Kind.NONE


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["images", "pdf", "pdf_encrypted", "office", "archives"])
def test_field_files_preview_without_harm(org, field_data, folder):
    shown, refused = [], []
    for path in sorted((field_data / folder).iterdir()):
        received = intake.take(
            io.BytesIO(path.read_bytes()), filename=path.name, organization_id=org.pk, limit_bytes=10**9
        )
        blob, kind = vault.adopt(received.sealed), kind_of(received.mime)
        if kind in (Kind.IMAGE, Kind.PDF):
            try:
                assert pictures.drawn(blob, kind).png.startswith(b"\x89PNG")
                shown.append(path.name)
            except NoPicture:
                refused.append(path.name)
        elif kind is not Kind.NONE:
            texts.shown(blob, kind)
            shown.append(path.name)
    print(folder, "shown", len(shown), "refused", refused)
    if folder in ("images", "pdf"):
        assert len(shown) > len(refused)
