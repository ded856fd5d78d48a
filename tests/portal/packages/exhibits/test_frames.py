"""The band of the stamp: beneath what a page shows, however the page is turned, cropped or sized, and never over it."""

import pikepdf
import pypdfium2
import pytest
from PIL import ImageChops

from portal.packages.exhibits import frames
from tests.portal.packages.exhibits import originals
from tests.portal.packages.exhibits.laid import lay_out

SCALE = 1.0
A4 = (0, 0, 595, 842)


def drawn(data: bytes, page: int = 0):
    document = pypdfium2.PdfDocument(data)
    image = document[page].render(scale=SCALE).to_pil().convert("L")
    document.close()
    return image


PAGES = {
    "upright": {},
    "turned right": {"Rotate": 90},
    "on its head": {"Rotate": 180},
    "turned left": {"Rotate": 270},
    "turned by minus a quarter": {"Rotate": -90},
    "cropped": {"CropBox": pikepdf.Array([50, 40, 500, 500])},
    "cropped and turned": {"CropBox": pikepdf.Array([50, 40, 500, 500]), "Rotate": 90},
    "corners exchanged": {"box": (595, 842, 0, 0)},
    "away from the origin": {"box": (-300, -200, 295, 642)},
    "small": {"box": (0, 0, 200, 150)},
    "broad": {"box": (0, 0, 960, 540)},
    "a plan": {"box": (0, 0, 1684, 2384)},
}


@pytest.fixture(scope="module")
def volumes(tmp_path_factory):
    files = {f"{name}.pdf": originals.pdf("Seen", **options) for name, options in PAGES.items()}
    return lay_out(tmp_path_factory.mktemp("frames"), files), files


@pytest.mark.parametrize("name", PAGES)
def test_what_the_page_shows_is_untouched_and_the_stamp_stands_beneath_it(volumes, name):
    laid, files = volumes
    before = drawn(files[f"{name}.pdf"])
    number = f"E-{list(PAGES).index(name) + 1:03d}"
    after = drawn(laid.files[0], laid.places[number].page - 1)
    assert after.width >= before.width and after.height > before.height
    shown = after.crop((0, 0, before.width, before.height))
    assert ImageChops.difference(shown, before).point(lambda value: 255 * (value > 64)).getbbox() is None
    band = after.crop((0, before.height + 2, after.width, after.height))
    inked = ImageChops.invert(band).point(lambda value: 255 * (value > 100)).getbbox()
    assert inked is not None
    # The number at the left and the package at the right, within the page.
    assert inked[0] < band.width * 0.12
    assert band.width * 0.85 < inked[2] < band.width


def test_the_stamp_of_a_turned_page_is_read_as_the_page_is(volumes):
    laid, _ = volumes
    for name in ("turned right", "on its head", "turned left"):
        number = f"E-{list(PAGES).index(name) + 1:03d}"
        document = pypdfium2.PdfDocument(laid.files[0])
        page = document[laid.places[number].page - 1]
        text = page.get_textpage()
        assert "Page 1 of 1" in text.get_text_bounded()
        image = page.render(scale=2).to_pil().convert("L")
        band = image.crop((0, image.height - 48, image.width, image.height))
        ink = ImageChops.invert(band).point(lambda value: 255 * (value > 100)).getbbox()
        assert ink[3] - ink[1] < 48
        assert ink[2] - ink[0] > image.width * 0.8
        document.close()


def test_a_page_that_leaves_its_drawing_turned_around_does_not_turn_the_stamp(tmp_path):
    made = originals.document("Turned")
    made.pages[0].obj.Contents = made.make_stream(b"q q q 0 1 -1 0 300 300 cm 2 0 0 2 0 0 cm BT /F1 9 Tf (Turned) Tj")
    other = originals.document("Closed")
    other.pages[0].obj.Contents = other.make_stream(b"Q Q Q Q 1 0 0 rg 10 10 50 50 re f Q")
    laid = lay_out(tmp_path, {"open.pdf": originals.saved(made), "closed.pdf": originals.saved(other)})
    for number in ("E-001", "E-002"):
        image = drawn(laid.files[0], laid.places[number].page - 1)
        band = image.crop((0, image.height - 20, image.width, image.height))
        ink = ImageChops.invert(band).point(lambda value: 255 * (value > 100)).getbbox()
        assert ink[0] < 60
        assert ink[2] > 500


def test_pages_that_share_a_drawing_keep_their_own_size(tmp_path):
    made = originals.document("One", "Two")
    first, second = (page.obj for page in made.pages)
    second.Contents, second.MediaBox = first.Contents, pikepdf.Array([0, 0, 300, 300])
    laid = lay_out(tmp_path, {"shared.pdf": originals.saved(made)})
    with laid.opened() as pdf:
        boxes = [list(map(float, page.mediabox)) for page in pdf.pages][1:]
    assert boxes[0] == [0, -24, 595, 842]
    assert boxes[1] == [0, -24, 400, 300]
    assert all("One" in text for text in laid.text("E-001"))


def test_a_page_without_a_size_is_letter_and_one_larger_than_five_metres_is_said_to_be_so(tmp_path):
    shapeless = originals.document("Shapeless")
    del shapeless.pages[0].obj["/MediaBox"]
    files = {"shapeless.pdf": originals.saved(shapeless), "huge.pdf": originals.pdf("Huge", box=(0, 0, 90000, 100))}
    laid = lay_out(tmp_path, files)
    with laid.opened() as pdf:
        assert list(map(float, pdf.pages[laid.places["E-001"].page - 1].mediabox)) == [0, -24, 612, 792]
    assert "five metres" in laid.places["E-002"].reason


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_the_band_lies_outside_of_the_page(turn):
    made = frames.frame((10.0, 20.0, 605.0, 862.0), turn)
    x0, y0, x1, y1 = made.box
    grown = {0: 20.0 - y0, 90: x1 - 605.0, 180: y1 - 862.0, 270: 10.0 - x0}
    assert grown[turn] == pytest.approx(frames.BAND)
    assert all(each == pytest.approx(0) for other, each in grown.items() if other != turn)
