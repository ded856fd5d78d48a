"""Masked copies hold nothing of what was masked, whatever the kind of file, and are made by a child with limits."""

import io
import json
import zipfile

import pikepdf
import pypdfium2
import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.comments import Comment
from PIL import Image, ImageDraw

from evidence.errors import Invalid
from evidence.intake import services as intake
from evidence.masking import Box, Recipe, Way, making, way_of
from evidence.vault import services as vault

ALL = Recipe(patterns=("email", "ssn", "id", "phone"))


@pytest.fixture(autouse=True)
def own_store(settings, tmp_path):
    settings.CLEARHOLD_BLOBS_DIR = tmp_path / "blobs"
    settings.CLEARHOLD_KEYS_DIR = tmp_path / "keys"


@pytest.fixture
def blob(org):
    def kept(data: bytes, filename: str):
        taken = intake.take(io.BytesIO(data), filename=filename, organization_id=org.pk, limit_bytes=10**8)
        return vault.adopt(taken.sealed), way_of(taken.mime)

    return kept


def test_a_table_loses_the_chosen_columns_and_whatever_has_the_shape(blob):
    data = (
        b"id,name,note\n20261234,Ann Lee,call 555-010-4477\n7,Bo,ann.lee+x@uni.example.edu has 123-45-6789\n8,,none\n"
    )
    kept, way = blob(data, "students.csv")
    assert way is Way.TABLE
    assert making.shape(kept, way).columns == (("0", "id"), ("1", "name"), ("2", "note"))
    made = making.masked(kept, way, Recipe(columns=("1",), patterns=ALL.patterns))
    assert made.data.decode() == (
        "id,name,note\n[masked],[masked],call [masked]\n7,[masked],[masked] has [masked]\n8,,none\n"
    )
    assert made.counts == {"columns": 2, "email": 1, "ssn": 1, "id": 1, "phone": 1}
    assert made.rows[1] == ("[masked]", "[masked]", "call [masked]")
    assert making.masked(kept, way, Recipe(columns=("1",), patterns=ALL.patterns)).sha256 == made.sha256


def test_numbered_masks_keep_the_same_people_the_same(blob):
    kept, way = blob(b"name,grade\nAnn,1\nBo,2\nann ,3\n", "a.csv")
    made = making.masked(kept, way, Recipe(columns=("0",), numbered=True))
    assert [row[0] for row in made.rows[1:]] == ["[masked 1]", "[masked 2]", "[masked 1]"]


def test_names_are_masked_in_text_in_any_case_and_not_inside_other_words(blob):
    kept, way = blob(b"Ann Lee wrote. ANN LEE left; Annabel stays. Mail ann@x.example.\n", "log.txt")
    made = making.masked(kept, way, Recipe(words=("Ann Lee", "Ann"), patterns=("email",)))
    assert made.text == "[masked] wrote. [masked] left; Annabel stays. Mail [masked]@x.example.\n"


def test_a_document_is_masked_below_the_chosen_keys_and_by_shape_everywhere(blob):
    data = {"student": {"name": "Ann", "born": 2001}, "rows": [{"mail": "a@b.example", "n": 20261234, "ok": True}]}
    kept, way = blob(json.dumps(data).encode(), "x.json")
    assert ("student", "student") in making.shape(kept, way).columns
    made = json.loads(making.masked(kept, way, Recipe(columns=("student",), patterns=("email", "id"))).data)
    assert made == {
        "student": {"name": "[masked]", "born": "[masked]"},
        "rows": [{"mail": "[masked]", "n": "[masked]", "ok": True}],
    }


def test_a_workbook_is_written_anew_from_its_values_alone(blob):
    book = Workbook()
    sheet = book.active
    sheet.title = "Students"
    sheet.append(["Name", "Number", "Note", "Total"])
    sheet.append(["Ann Lee", 20261234, "ann@x.example", 3.5])
    sheet["A2"].comment = Comment("Ann's own words", "Ann Lee")
    hidden = book.create_sheet("Hidden ann@x.example")
    hidden.sheet_state = "hidden"
    hidden.append(["x"])
    hidden.append(["Ann Lee"])
    book.properties.creator = "Ann Lee"
    source = io.BytesIO()
    book.save(source)
    kept, way = blob(source.getvalue(), "students.xlsx")
    assert way is Way.WORKBOOK
    assert making.shape(kept, way).columns[0] == ("0.0", "Students · A: Name")
    recipe = Recipe(columns=("0.0",), patterns=ALL.patterns, words=("Ann Lee",))
    made = making.masked(kept, way, recipe)
    copy = load_workbook(io.BytesIO(made.data))
    assert [[cell.value for cell in row] for row in copy.worksheets[0].rows] == [
        ["Name", "Number", "Note", "Total"],
        ["[masked]", "[masked]", "[masked]", 3.5],
    ]
    assert copy.worksheets[1]["A2"].value == "[masked]"
    with zipfile.ZipFile(io.BytesIO(made.data)) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist())
    assert b"Ann" not in everything
    assert b"20261234" not in everything
    assert b"ann@x" not in everything
    assert made.sha256 == making.masked(kept, way, recipe).sha256


def a_pdf(*words: str) -> bytes:
    document = pikepdf.new()
    for word in words:
        document.add_blank_page(page_size=(400, 400))
        page = document.pages[-1]
        font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
        page.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=document.make_indirect(font)))
        page.Contents = document.make_stream(f"BT /F1 40 Tf 40 300 Td ({word}) Tj ET".encode())
    target = io.BytesIO()
    document.docinfo["/Author"] = "Ann Lee"
    document.save(target)
    return target.getvalue()


def test_a_pdf_becomes_pictures_with_black_areas_and_no_text_below(blob):
    kept, way = blob(a_pdf("Ann Lee", "Second"), "letter.pdf")
    assert way is Way.PDF
    assert making.shape(kept, way).pages == 2
    made = making.boxed(kept, way, [Box(1, 50, 100, 600, 200)])
    assert (made.extension, made.pages, made.counts) == (".pdf", 2, {"boxes": 1})
    document = pypdfium2.PdfDocument(made.data)
    assert [page.get_textpage().get_text_range() for page in document] == ["", ""]
    picture = document[0].render(scale=1).to_pil().convert("L")
    width, height = picture.size
    inside = picture.crop((width * 6 // 100, height * 11 // 100, width * 64 // 100, height * 29 // 100))
    assert inside.getextrema()[1] < 30
    assert picture.getpixel((width * 9 // 10, height * 9 // 10)) > 240
    assert b"Ann" not in made.data
    with pikepdf.open(io.BytesIO(made.data)) as copy:
        assert not copy.docinfo
        assert not copy.attachments
    assert making.boxed(kept, way, [Box(1, 50, 100, 600, 200)]).sha256 == made.sha256


def test_a_picture_is_drawn_anew_without_its_metadata(blob):
    image = Image.new("RGB", (200, 100), "white")
    ImageDraw.Draw(image).text((20, 40), "Ann", fill="black")
    exif = Image.Exif()
    exif[0x013B] = "Ann Lee"
    source = io.BytesIO()
    image.save(source, "JPEG", exif=exif)
    kept, way = blob(source.getvalue(), "shot.jpg")
    made = making.boxed(kept, way, [Box(1, 0, 0, 500, 1000)])
    assert made.extension == ".png"
    copy = Image.open(io.BytesIO(made.data))
    assert copy.size == (200, 100)
    assert not copy.getexif()
    assert copy.crop((0, 0, 100, 100)).getextrema() == ((0, 0),) * 3
    shown = making.drawn(kept, way, [Box(1, 0, 0, 500, 1000)], 1)
    assert shown.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("data", "name", "way"),
    [
        (b"{" * 5000, "deep.json", Way.JSON),
        (b"%PDF-1.4\nnothing", "broken.pdf", Way.PDF),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "broken.png", Way.IMAGE),
    ],
    ids=["json", "pdf", "png"],
)
def test_what_cannot_be_read_is_refused_with_a_way_out(blob, data, name, way):
    kept, _ = blob(data, name)
    with pytest.raises(making.CantMask, match="The file is as it was") as refusal:
        if way is Way.JSON:
            making.masked(kept, way, ALL)
        else:
            making.boxed(kept, way, [Box(1, 0, 0, 10, 10)])
    assert "upload the copy" in refusal.value.help


def test_nothing_chosen_is_nothing_done(blob):
    kept, way = blob(b"a,b\n1,2\n", "a.csv")
    with pytest.raises(Invalid):
        making.masked(kept, way, Recipe())
    with pytest.raises(Invalid):
        making.boxed(kept, Way.PDF, [])


def test_the_names_to_mask_stand_in_no_command_line(blob, monkeypatch):
    seen = []
    real = making.subprocess.run
    monkeypatch.setattr(
        making.subprocess, "run", lambda command, **given: (seen.append(command), real(command, **given))[1]
    )
    kept, way = blob(b"Ann Lee\n", "a.txt")
    making.masked(kept, way, Recipe(words=("Ann Lee",)))
    assert len(seen) == 1
    assert "Ann" not in " ".join(seen[0])
