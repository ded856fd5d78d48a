"""Previews show the beginning of a file and never the file; what can't be drawn fails alone."""

import io
import struct
import subprocess
import sys
import zlib

import pytest
from PIL import Image

from evidence.errors import TooLarge
from evidence.intake import services as intake
from evidence.previews import Kind, kind_of, pictures, texts
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
    assert len(shown.rows) == texts.MAX_ROWS - 1
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
    assert len(texts.shown(keep(b"x" * 5_000_000), Kind.TABLE).head[0]) <= texts.MAX_CELL + 1


def test_json_is_laid_out_and_broken_json_stays_as_it_is(keep):
    assert texts.shown(keep(b'{"a":[1,2]}'), Kind.JSON).text == '{\n  "a": [\n    1,\n    2\n  ]\n}'
    assert texts.shown(keep(b'{"a":'), Kind.JSON).text == '{"a":'
    assert texts.shown(keep(b"[" * 100_000), Kind.JSON).text


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


def test_a_child_that_hangs_or_dies_is_a_sentence_not_an_error(keep, monkeypatch, tmp_path):
    for number, program in enumerate(("import time; time.sleep(60)", "import os; os.kill(os.getpid(), 9)")):
        child = tmp_path / f"child{number}.py"
        child.write_text(program)
        monkeypatch.setattr(pictures, "CHILD", child)
        monkeypatch.setattr(pictures, "WALL_SECONDS", 1)
        with pytest.raises(NoPicture):
            pictures.drawn(keep(picture()), Kind.IMAGE)


def test_the_child_cannot_write_files_and_has_little_memory(tmp_path):
    program = (
        "import sys, runpy, resource; m = runpy.run_path(sys.argv[1]); m['limit']();"
        "print(resource.getrlimit(resource.RLIMIT_AS)[0], resource.getrlimit(resource.RLIMIT_FSIZE)[0])"
    )
    done = subprocess.run([sys.executable, "-c", program, str(pictures.CHILD)], capture_output=True, text=True)
    assert done.stdout.split() == [str(1024**3), "0"]


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
