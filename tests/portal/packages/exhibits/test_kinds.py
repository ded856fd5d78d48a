"""Every kind of file as an exhibit: it appears, with its number on each page, or its slip sheet says why it doesn't."""

import io
from importlib.util import find_spec

import pikepdf
import pytest

from portal.packages.exhibits.kinds import Kind, kind_of
from portal.packages.exhibits.structured import spread
from tests.portal.packages.exhibits import originals
from tests.portal.packages.exhibits.laid import Volumes, lay_out

FILES = {
    "policy.pdf": originals.pdf("Policy", "Second"),
    "active.pdf": originals.active_pdf(),
    "locked.pdf": originals.locked_pdf(),
    "restricted.pdf": originals.locked_pdf(user=""),
    "signed.pdf": originals.signed_pdf(),
    "mended.pdf": originals.broken_pdf(),
    "rubble.pdf": b"%PDF-1.7\n" + b"rubble " * 40,
    "console.png": originals.picture(),
    "photograph.jpg": originals.turned_photograph(),
    "fax.tif": originals.paged_tiff(),
    "animation.gif": originals.animation(),
    "half.jpg": originals.turned_photograph()[:3000],
    "gate.log": originals.log(),
    "leavers.csv": originals.table(),
    "accounts.xlsx": originals.workbook(),
    "bomb.xlsx": originals.bomb(),
    "settings.json": originals.structure(),
    "broken.json": b'{"never": "closed", ',
    "mail.eml": originals.message(),
    "logs.zip": originals.archive(),
    "empty.txt": b"",
    "film.mp4": b"\0\0\0\x18ftypmp42" + bytes(64),
    "page.html": b"<!doctype html><script>alert(1)</script><p>Words</p>",
    "blob.bin": b"\x7f\x03" * 99,
    "camera.heic": b"\0\0\0\x18ftypheic" + bytes(64),
}
KINDS = {"camera.heic": "image/heic", "film.mp4": "video/mp4"}
NUMBERS = {name: f"E-{number:03d}" for number, name in enumerate(FILES, 1)}


@pytest.fixture(scope="module")
def volumes(tmp_path_factory) -> Volumes:
    return lay_out(tmp_path_factory.mktemp("exhibits"), FILES, KINDS)


def text(volumes: Volumes, name: str) -> str:
    return "\n".join(volumes.text(NUMBERS[name]))


def place(volumes: Volumes, name: str):
    return volumes.places[NUMBERS[name]]


def test_none_is_dropped_and_all_stand_in_the_order_of_their_numbers(volumes):
    numbers = [each.number for each in volumes.laid.places]
    assert [number for number in numbers if "." not in number] == list(NUMBERS.values())
    assert [number for number in numbers if "." in number] == [f"{NUMBERS['mail.eml']}.{part}" for part in (1, 2, 3)]
    with volumes.opened() as pdf:
        assert len(pdf.pages) == volumes.laid.volumes[0].pages
    at = volumes.laid.places[0].page
    for each in volumes.laid.places:
        assert each.page == at
        at += each.pages
    assert at == volumes.laid.volumes[0].pages + 1


def test_every_page_is_stamped_with_exhibit_page_and_package(volumes):
    total = volumes.laid.volumes[0].pages
    for number, each in volumes.places.items():
        for page, words in enumerate(volumes.text(number)):
            stamp = words.strip().split("\n")[-1] if words.strip() else ""
            whole = words.replace("\n", " ")
            assert number in whole, (number, words)
            assert f"Page {page + 1} of {each.pages}" in whole, (number, stamp)
            assert f"Draft · PKG-0001 · issue 1 · page {each.page + page} of {total}" in whole


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("policy.pdf", "Second"),
        ("mended.pdf", "Mended"),
        ("active.pdf", "Typed in"),
        ("gate.log", "学生"),
        ("gate.log", "<b>no tag</b>"),
        ("leavers.csv", "r3c2"),
        ("leavers.csv", "4 rows, 3 columns"),
        ("accounts.xlsx", "i.barros"),
        ("accounts.xlsx", "Kept out of sight (hidden)"),
        ("settings.json", "1.50"),
        ("settings.json", "Zoë"),
        ("broken.json", "not valid JSON"),
        ("mail.eml", "Removal of leavers"),
        ("mail.eml", "See the two files."),
        ("page.html", "<script>alert(1)</script>"),
    ],
)
def test_what_is_in_the_file_can_be_read(volumes, name, words):
    assert words in text(volumes, name)
    assert not place(volumes, name).reason


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("locked.pdf", "password"),
        ("restricted.pdf", "encrypted"),
        ("signed.pdf", "digitally signed"),
        ("rubble.pdf", "damaged beyond"),
        ("half.jpg", "damaged"),
        ("bomb.xlsx", "would unpack to"),
        ("logs.zip", "archive of 1 file, "),
        ("empty.txt", "empty file"),
        ("film.mp4", "recording in pictures"),
        ("blob.bin", "no pages"),
        ("camera.heic", "picture that can be read" if find_spec("pillow_heif") else "HEIC"),
    ],
)
def test_what_has_no_copy_has_a_slip_sheet_with_the_reason(volumes, name, reason):
    found = place(volumes, name)
    assert (found.pages, found.note) == (1, "slip sheet")
    assert reason in found.reason
    words = text(volumes, name).replace("\n", " ")
    assert "Slip sheet".lower() in words.lower()
    assert found.reason[:40] in words
    assert found.sha256 in words.replace(" ", "")
    assert f"Attached to PKG-0001-issue-1.pdf, byte for byte, as {NUMBERS[name]}-{name}" in words


def test_a_repaired_file_is_labelled_on_its_pages(volumes):
    assert place(volumes, "mended.pdf").note == "repaired copy"
    assert "Page 1 of 1 · repaired copy" in text(volumes, "mended.pdf").replace("\n", " ")
    assert place(volumes, "policy.pdf").note == ""


def test_attachments_of_a_message_are_exhibits_of_their_own(volumes):
    number = NUMBERS["mail.eml"]
    assert "Attached" in volumes.text(f"{number}.1")[0]
    assert "r3c2" in volumes.text(f"{number}.2")[0]
    assert volumes.places[f"{number}.3"].note == "slip sheet"
    assert f"It is inside {number}" in volumes.text(f"{number}.3")[0].replace("\n", " ")
    assert f"{number}.2" in text(volumes, "mail.eml")


def test_each_page_of_a_tiff_is_a_page_and_of_an_animation_the_first_picture(volumes):
    assert place(volumes, "fax.tif").pages == 3
    assert place(volumes, "animation.gif").pages == 1
    assert place(volumes, "animation.gif").notes == ("It is an animation of 2 pictures; the first is shown.",)


def test_a_photograph_stands_upright_without_where_and_by_what_it_was_taken(volumes):
    found = place(volumes, "photograph.jpg")
    with volumes.opened() as pdf:
        form = pdf.pages[found.page - 1].Resources.XObject.X
        image = form.Resources.XObject.I
        assert (int(image.Width), int(image.Height)) == (400, 640)
        assert image.Filter == pikepdf.Name.DCTDecode
    assert b"CAMERA-OF-SOMEBODY" not in volumes.files[0]


def test_programs_actions_forms_links_and_files_are_left_out_of_the_copy(volumes):
    with volumes.opened() as pdf:
        plain = io.BytesIO()
        pdf.save(plain, object_stream_mode=pikepdf.ObjectStreamMode.disable, compress_streams=False, qdf=True)
    for name in (b"JavaScript", b"/JS", b"/AA", b"/OpenAction", b"/AcroForm", b"/EmbeddedFile", b"/Annots", b"/URI",
                 b"EMBEDDED", b"/Launch", b"evil.example", b"/Metadata"):  # fmt: skip
        assert name not in plain.getvalue(), name


def test_the_list_in_front_names_every_exhibit_with_its_page(volumes):
    import pypdfium2

    words = pypdfium2.PdfDocument(volumes.files[0])[0].get_textpage().get_text_bounded()
    assert "Exhibits E-001 to" in words.replace("\r\n", " ")
    assert NUMBERS["fax.tif"] in words
    with volumes.opened() as pdf:
        labels = pdf.Root.PageLabels.Nums
        named = {int(labels[at]): str(labels[at + 1].get("/P", "")) for at in range(0, len(labels), 2)}
        assert named[place(volumes, "fax.tif").page - 1] == f"{NUMBERS['fax.tif']} p. "
        with pdf.open_outline() as outline:
            titles = [item.title for item in outline.root]
    assert len(titles) == 1 + len(FILES)


def test_json_keeps_every_name_number_and_text_as_written():
    lines = list(spread('{"a":[1.50,{"b":"x: {y}"}],"a":[],"c":{ }}'))
    assert lines == ["{", '  "a": [', "    1.50,", "    {", '      "b": "x: {y}"', "    }", "  ],", '  "a": [],', '  "c": {}', "}"]  # fmt: skip


@pytest.mark.parametrize(
    ("media_type", "name", "kind"),
    [
        ("application/octet-stream", "report.pdf", Kind.PDF),
        ("application/zip", "book.xlsm", Kind.WORKBOOK),
        ("application/zip", "files.zip", Kind.ARCHIVE),
        ("application/x-ole-storage", "old.doc", Kind.OFFICE),
        ("text/plain", "message.eml", Kind.MAIL),
        ("text/plain", "policy.pdf.txt", Kind.TEXT),
        ("image/svg+xml", "drawing.svg", Kind.OTHER),
        ("application/x-executable", "run", Kind.OTHER),
    ],
)
def test_the_type_decides_and_the_name_only_where_the_type_is_open(media_type, name, kind):
    assert kind_of(media_type, name) == kind
