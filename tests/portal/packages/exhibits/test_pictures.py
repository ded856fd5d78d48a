"""Pictures of every size and kind: readable on their pages, within limits, or refused with the true reason."""

import io

import pikepdf
import pytest
from PIL import Image, ImageDraw

from portal.packages.exhibits import images
from portal.packages.exhibits.laying import Place
from portal.packages.exhibits.pieces import Desk, NotLaidOut, Piece
from tests.portal.packages.exhibits.laid import Volumes, lay_out


def saved(image: Image.Image, form: str, **options) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def one(tmp_path, name: str, data: bytes) -> tuple[Volumes, Place]:
    laid = lay_out(tmp_path, {name: data})
    return laid, laid.places["E-001"]


def drawn(laid: Volumes, page: int) -> tuple[int, int, bytes]:
    with laid.opened() as pdf:
        image = pdf.pages[page - 1].Resources.XObject.X.Resources.XObject.I
        is_jpeg = image.Filter == pikepdf.Name.DCTDecode
        return int(image.Width), int(image.Height), image.read_raw_bytes() if is_jpeg else image.read_bytes()


@pytest.mark.parametrize(("name", "form"), [("screen.avif", "AVIF"), ("scan.jp2", "JPEG2000")])
def test_newer_forms_of_pictures_are_drawn(tmp_path, name, form):
    _, place = one(tmp_path, name, saved(Image.new("RGB", (320, 200), "navy"), form))
    assert (place.reason, place.pages) == ("", 1)


def test_a_page_of_the_web_is_shown_in_parts_that_can_be_read(tmp_path):
    image = Image.new("RGB", (1200, 9000), "white")
    pen = ImageDraw.Draw(image)
    for at in range(0, 9000, 500):
        pen.rectangle((0, at, 1200, at + 20), fill=(at // 40, 0, 0))
    laid, place = one(tmp_path, "console.png", saved(image, "PNG"))
    assert place.reason == ""
    assert place.notes == (f"It is longer than a page and shown in {place.pages} parts, from its top.",)
    assert 4 <= place.pages <= 8
    parts = [drawn(laid, place.page + at) for at in range(place.pages)]
    assert {wide for wide, _, _ in parts} == {1200}
    with laid.opened() as pdf:
        assert len({tuple(map(float, pdf.pages[place.page - 1 + at].mediabox)) for at in range(place.pages)}) == 1
    # Nothing is left out and nothing shown twice.
    assert b"".join(data for _, _, data in parts) == image.tobytes()


def test_a_picture_a_little_longer_than_a_page_stays_on_one(tmp_path):
    assert one(tmp_path, "poster.png", saved(Image.new("RGB", (800, 1500), "white"), "PNG"))[1].pages == 1


def test_a_line_of_dots_is_no_pile_of_pages(tmp_path):
    assert one(tmp_path, "line.png", saved(Image.new("RGB", (1, 60_000), "white"), "PNG"))[1].pages == 1


def test_measured_values_keep_their_contrast(tmp_path):
    image = Image.new("F", (40, 40), 0.0)
    image.paste(0.25, (0, 0, 20, 40))
    laid, place = one(tmp_path, "heat.tif", saved(image, "TIFF"))
    assert set(drawn(laid, place.page)[2]) == {0, 255}


def test_a_scan_that_ends_early_is_damaged(tmp_path):
    data = saved(Image.new("L", (40, 40)), "TIFF")
    reasons = {one(tmp_path, "scan.tif", data[:length])[1].reason[:20] for length in (30, len(data) - 60)}
    assert reasons <= {"The picture is damag", "It is no picture tha"}


class TestHeic:
    """The library is among what the tests install; a real installation may do without."""

    @pytest.fixture(autouse=True)
    def limit_of_pillow(self, monkeypatch):
        """A reader sets it for its process, which is this one where it is called directly."""
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)

    @pytest.fixture
    def photograph(self) -> bytes:
        import pillow_heif

        pillow_heif.register_heif_opener()
        image = Image.new("RGB", (640, 400), "white")
        ImageDraw.Draw(image).rectangle((0, 0, 320, 200), fill=(200, 0, 0))
        exif = Image.Exif()
        exif[0x010F] = "CAMERA-OF-SOMEBODY"
        return saved(image, "HEIF", quality=90, exif=exif)

    def test_a_photograph_is_drawn_without_what_it_says_of_its_camera(self, tmp_path, photograph):
        laid, place = one(tmp_path, "photo.heic", photograph)
        assert (place.reason, place.pages) == ("", 1)
        wide, high, data = drawn(laid, place.page)
        assert (wide, high) == (640, 400)
        assert b"CAMERA-OF-SOMEBODY" not in laid.files[0]
        is_jpeg = data.startswith(b"\xff\xd8")
        seen = Image.open(io.BytesIO(data)) if is_jpeg else Image.frombytes("RGB", (wide, high), data)
        red, white = seen.getpixel((100, 100)), seen.getpixel((500, 300))
        assert red[0] > 150 and max(red[1:]) < 60
        assert min(white) > 230

    def test_of_several_pictures_the_main_one_is_shown(self, tmp_path):
        import pillow_heif

        several = pillow_heif.HeifFile()
        for size in ((64, 64), (128, 96)):
            several.add_frombytes("RGB", size, bytes(3 * size[0] * size[1]))
        out = io.BytesIO()
        several.save(out, primary_index=1)
        laid, place = one(tmp_path, "live.heic", out.getvalue())
        assert place.notes == ("It holds 2 pictures; the one that its maker calls the main one is shown.",)
        assert drawn(laid, place.page)[:2] == (128, 96)

    def test_half_a_photograph_is_damaged(self, tmp_path, photograph):
        _, place = one(tmp_path, "half.heic", photograph[: len(photograph) // 2])
        assert "damaged" in place.reason or "no picture" in place.reason

    def test_more_dots_than_a_picture_may_have_are_not_decoded(self, tmp_path, photograph, monkeypatch):
        monkeypatch.setattr(images, "MOST_PIXELS", 100_000)
        (tmp_path / "source").write_bytes(photograph)
        piece = Piece("E-001", "One", "photo.heic", "image/heic", len(photograph), "0" * 64, "source", "Attached.")
        with pytest.raises(NotLaidOut, match="dots"):
            images.copy(piece, Desk(tmp_path, "A4"))

    def test_without_a_library_the_slip_sheet_says_so(self, tmp_path, photograph, monkeypatch):
        monkeypatch.setattr(images, "READERS_OF_HEIC", ("no_such_library",))
        (tmp_path / "source").write_bytes(photograph)
        piece = Piece("E-001", "One", "photo.heic", "image/heic", len(photograph), "0" * 64, "source", "Attached.")
        with pytest.raises(NotLaidOut, match="HEIC, which this installation can't read"):
            images.copy(piece, Desk(tmp_path, "A4"))
