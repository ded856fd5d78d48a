"""Name, logo, accent and paper of an organization's documents: what is taken, what is refused, and how it is printed."""

import io
import zlib
from dataclasses import replace

import pikepdf
import pypdfium2
import pytest
from django.db import DatabaseError, connection, transaction
from PIL import Image

from evidence.errors import Invalid, NotAllowed
from evidence.ledger.models import Event
from portal.packages import colours, letterheads, services
from portal.packages.letterheads import Wanted
from portal.packages.models import Letterhead
from tests.portal.packages import accessible, sample
from tests.portal.packages.conftest import set_package
from tests.portal.packages.test_building import engagement  # noqa: F401


def picture(kind: str = "PNG", size: tuple[int, int] = (1200, 400), colour=(180, 40, 60, 128)) -> io.BytesIO:
    out = io.BytesIO()
    Image.new("RGBA", size, colour).convert("RGB" if kind == "JPEG" else "RGBA").save(out, kind)
    out.seek(0)
    return out


# --- the colour -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("colour", "contrast"), [("#000000", 21), ("#ffffff", 1), ("#767676", 4.54), ("#0f5c63", 7.69)]
)
def test_contrast_is_that_of_wcag(colour, contrast):
    assert colours.contrast(colour) == pytest.approx(contrast, abs=0.02)


def test_a_pale_accent_is_refused_with_a_shade_that_can_be_read(org, people):
    with pytest.raises(Invalid) as refusal:
        letterheads.change(Wanted(accent="#ffcc00"), actor=people.adam)
    [words] = refusal.value.fields["accent"]
    suggested = words.rpartition("such as ")[2].rstrip(".")
    assert colours.readable(suggested)
    assert not Letterhead.objects.exists() and not Event.objects.filter(kind="letterhead.changed").exists()
    letterheads.change(Wanted(accent=suggested), actor=people.adam)


@pytest.mark.parametrize("accent", ["red", "#12345", "#gggggg", "#0f5c63;background:url(x)", "#0F5C6"])
def test_what_is_no_colour_is_refused(org, people, accent):
    with pytest.raises(Invalid):
        letterheads.change(Wanted(accent=accent), actor=people.adam)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("accent", "#ffcc00"),
        ("accent", "red"),
        ("accent", "#777777"),
        ("logo", b"GIF89a"),
        ("logo", b"\x89PNG\r\n\x1a\n" + bytes(131072)),
    ],
)
def test_the_database_refuses_a_pale_accent_and_a_large_or_strange_picture(org, people, column, value):
    letterheads.change(Wanted(accent="#757575", logo=picture()), actor=people.adam)
    with pytest.raises(DatabaseError, match="letterhead_"), transaction.atomic():
        Letterhead.objects.create(
            **{"organization": org, "version": 9, "set_by_id": people.adam.person_id, column: value}
        )


def test_the_database_keeps_every_version(org, people):
    letterheads.change(Wanted(name="Lumenroll, Inc."), actor=people.adam)
    for statement in ("UPDATE packages_letterhead SET name = 'x'", "DELETE FROM packages_letterhead"):
        with pytest.raises(DatabaseError) as refusal, transaction.atomic():
            connection.cursor().execute(statement)
        assert refusal.value.__cause__.sqlstate in ("CH001", "42501")


# --- the picture ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_picture_becomes_a_small_png_on_white_of_our_own(kind):
    made = letterheads.normalized(picture(kind))
    with Image.open(io.BytesIO(made)) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "RGB", (720, 240))
    assert letterheads.normalized(picture(kind)) == made


def bomb() -> io.BytesIO:
    """A picture of 30,000 x 30,000 pixels in a few bytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

    head = (30000).to_bytes(4, "big") * 2 + b"\x08\x02\x00\x00\x00"
    body = zlib.compress(bytes(100_000))
    return io.BytesIO(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b""))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("drawing", io.BytesIO(b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')),
        ("animation", picture("GIF", (10, 10))),
        ("bomb", bomb()),
        ("half", io.BytesIO(picture().getvalue()[:60])),
        ("nothing", io.BytesIO()),
        ("large", io.BytesIO(b"\x89PNG\r\n\x1a\n" + bytes(letterheads.LIMIT_BYTES))),
    ],
)
def test_what_is_no_small_raster_picture_is_refused_with_what_to_do(name, data):
    with pytest.raises(Invalid) as refusal:
        letterheads.normalized(data)
    [words] = refusal.value.fields["logo"]
    assert "PNG" in words or "pixels" in words


def test_a_logo_is_kept_through_a_change_and_taken_away_when_asked(org, people):
    letterheads.change(Wanted(logo=picture()), actor=people.adam)
    letterheads.change(Wanted(name="Lumenroll, Inc."), actor=people.adam)
    assert letterheads.in_force(org.pk).logo.startswith(b"\x89PNG")
    letterheads.change(Wanted(without_logo=True), actor=people.adam)
    shown = letterheads.in_force(org.pk)
    assert (shown.version, shown.logo) == (3, b"")


def test_only_an_administrator_changes_documents(org, people):
    for someone in (people.maya, people.arun, people.ines, people.otto):
        with pytest.raises(NotAllowed):
            letterheads.change(Wanted(), actor=someone)
    assert not Letterhead.objects.exists()


def test_a_package_takes_the_organizations_paper_unless_it_chooses(org, people, engagement):  # noqa: F811
    letterheads.change(Wanted(paper="letter"), actor=people.adam)
    assert services.start(engagement.pk, actor=people.maya).paper == "letter"
    assert services.start(engagement.pk, actor=people.maya, paper="A4").paper == "A4"


# --- printed ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["board", "status_letter"])
def test_a_document_shows_the_logo_and_stays_tagged_and_the_same(key, tmp_path):
    shown = letterheads.Shown(accent="#7a1f5c", logo=letterheads.normalized(picture()))
    rows = sample.templated(key)
    branded = replace(
        rows,
        organization=replace(
            rows.organization, accent=shown.accent, logo=shown.logo_base64, address=("1 Main Street", "Springfield")
        ),
    )
    first, second = (set_package(branded, tmp_path / name) for name in ("one.pdf", "two.pdf"))
    assert first.sha256 == second.sha256
    with pikepdf.open(tmp_path / "one.pdf") as pdf:
        assert accessible.faults(pdf) == []
        images = [image for page in pdf.pages for image in page.get_images().values()]
        assert {(int(image.Width), int(image.Height)) for image in images} == {(720, 240)}
        assert all(not image.get("/Interpolate", False) for image in images)
        alts = [str(item.Alt) for item in pdf.objects if isinstance(item, pikepdf.Dictionary) and "/Alt" in item]
        assert "Logo of Larkspur Learning Cooperative" in alts
    with pypdfium2.PdfDocument(tmp_path / "one.pdf") as pages:
        seen = pages[0].render(scale=1).to_pil().convert("RGB").getcolors(1 << 24)
    # The picture's own colour, half seen through, on white.
    assert (
        max(many for many, colour in seen if all(abs(a - b) < 4 for a, b in zip(colour, (217, 147, 157), strict=True)))
        > 500
    )
