"""Files that were made to break a reader: each ends in a page or in a slip sheet with the true reason, within limits."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from email.message import EmailMessage

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name

from portal.packages.exhibits import frames
from tests.portal.packages.exhibits import originals
from tests.portal.packages.exhibits.laid import lay_out


def one(tmp_path, name: str, data: bytes):
    laid = lay_out(tmp_path, {name: data})
    return laid, laid.places["E-001"]


# --- pages -------------------------------------------------------------------------------------------------------------


def raw(*objects: bytes) -> bytes:
    """A document whose objects are written as they stand, the first of them its catalog."""
    out, places = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return out + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<</Root 1 0 R/Size %d>>\nstartxref\n%d\n%%%%EOF\n"
        % (len(objects) + 1, table, len(objects) + 1, len(out))
    )


CATALOG = b"<</Type/Catalog/Pages 2 0 R>>"


def drawing(packed: bytes, filters: str) -> bytes:
    made = originals.document("x")
    page = made.pages[0].obj
    page.Contents = made.make_stream(b"")
    page.Contents.write(packed, filter=Array([Name(f"/{each}") for each in filters.split()]))
    if " " not in filters:
        page.Contents.Filter = Name(f"/{filters}")
    return originals.saved(made, stream_decode_level=pikepdf.StreamDecodeLevel.none)


def spaces(megabytes: int) -> bytes:
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(b" " * (1 << 20)) for _ in range(megabytes)) + packer.flush()


@pytest.mark.parametrize(
    ("tree", "reason"),
    [
        (b"<</Type/Pages/Count 1/Kids[2 0 R]>>", "damaged"),
        (b"<</Type/Pages/Count 1000000000/Kids[3 0 R]>>", ""),
        (b"<</Type/Pages/Count 1/Kids[3 0 R]/MediaBox[0 0 1000000000 1000000000]>>", "larger than five metres"),
    ],
    ids=["in a circle", "a count that lies", "of a thousand kilometres"],
)
def test_page_trees_that_lie(tmp_path, tree, reason):
    data = raw(CATALOG, tree, b"<</Type/Page/Parent 2 0 R>>")
    _, place = one(tmp_path, "tree.pdf", data)
    assert reason in place.reason and bool(reason) == bool(place.reason)
    assert "damaged" not in place.reason or reason == "damaged"


@pytest.mark.parametrize("filters", ["FlateDecode", "FlateDecode FlateDecode"])
def test_a_page_that_unpacks_without_end_is_not_handed_on_to_readers(tmp_path, filters, monkeypatch):
    monkeypatch.setattr(frames, "MOST_DRAWN", 8 << 20)
    packed = spaces(16)
    with (
        pytest.raises(frames.NotLaidOut, match="draws more than 8 MB"),
        pikepdf.open(io.BytesIO(drawing(packed if " " not in filters else zlib.compress(packed), filters))) as document,
    ):
        frames.framed(document)


def test_a_picture_of_billions_of_dots_inside_of_a_page_is_not_handed_on(tmp_path):
    made = originals.document("x")
    image = made.make_stream(zlib.compress(bytes(100)))
    for name, value in {"Type": Name.XObject, "Subtype": Name.Image, "Width": 60_000, "Height": 60_000,
                        "ColorSpace": Name.DeviceGray, "BitsPerComponent": 8, "Filter": Name.FlateDecode}.items():  # fmt: skip
        image[f"/{name}"] = value
    made.pages[0].obj.Resources.XObject = Dictionary(I=image)
    assert "more than 400 million dots" in one(tmp_path, "dots.pdf", originals.saved(made))[1].reason


def test_what_a_stream_has_outside_of_the_file_is_left_out(tmp_path):
    made = originals.document("Seen")
    image = made.make_stream(b"x", Type=Name.XObject, Subtype=Name.Image, Width=1, Height=1,
                             ColorSpace=Name.DeviceGray, BitsPerComponent=8, F=pikepdf.String("/etc/hostname"))  # fmt: skip
    made.pages[0].obj.Resources.XObject = Dictionary(I=image)
    laid, place = one(tmp_path, "outside.pdf", originals.saved(made))
    assert place.reason == ""
    with laid.opened() as pdf:
        assert not [each for each in pdf.objects if isinstance(each, pikepdf.Stream) and "/F" in each]


# --- tables ------------------------------------------------------------------------------------------------------------


def test_columns_that_are_not_shown_are_counted(tmp_path):
    laid, place = one(tmp_path, "wide.csv", originals.table(rows=3, columns=16_384))
    assert place.reason == ""
    assert "columns 1 to 60 of 16,384" in laid.text("E-001")[0].replace("\n", " ")


def test_a_line_without_end_is_shown_as_text_before_it_fills_the_memory(tmp_path):
    laid, place = one(tmp_path, "endless.csv", b"word " * 500_000)
    assert place.reason == ""
    assert "the first 300,000 characters" in laid.text("E-001")[0].replace("\n", " ")


# --- messages ----------------------------------------------------------------------------------------------------------


def letter(subject: str, words: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.com", "b@example.com", subject
    message.set_content(words)
    return message


def test_a_message_that_was_attached_is_an_exhibit_of_its_own_with_its_own_headers(tmp_path):
    outer = letter("Forwarded", "See below.")
    outer.add_attachment(letter("Leavers of March", "All were removed."))
    laid, place = one(tmp_path, "outer.eml", bytes(outer))
    assert place.reason == ""
    assert "All were removed." not in laid.text("E-001")[0]
    (inner,) = laid.text("E-001.1")
    assert "Leavers of March" in inner and "All were removed." in inner


def test_fifty_messages_in_each_other_end_at_the_depth_with_a_slip_sheet(tmp_path):
    message = letter("Level 0", "x")
    for level in range(1, 51):
        around = letter(f"Level {level}", "x")
        around.add_attachment(message)
        message = around
    laid, _ = one(tmp_path, "deep.eml", bytes(message))
    assert [place.depth for place in laid.laid.places] == [0, 1, 2, 3, 4]
    assert "deeper than is taken apart" in laid.laid.places[-1].reason


@pytest.mark.parametrize("charset", ["idna", "undefined", "punycode", "rot13", "no-such-thing"])
def test_words_in_what_is_no_encoding_are_shown_all_the_same(tmp_path, charset):
    data = (
        f"From: a@example.com\nSubject: s\nContent-Type: text/plain; charset={charset}\n\n".encode() + b"plain w\xf6rds"
    )
    laid, place = one(tmp_path, "odd.eml", data)
    assert place.reason == ""
    assert "plain w" in laid.text("E-001")[0]


# --- archives ----------------------------------------------------------------------------------------------------------


def tar(*names: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        for name in names:
            entry = tarfile.TarInfo(name)
            entry.size = 3
            made.addfile(entry, io.BytesIO(b"abc"))
    return out.getvalue()


def zipped(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name in names:
            made.writestr(name, "abc")
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "listed"),
    [
        ("logs.zip", zipped("logs/a.log", "../../etc/passwd"), ("logs/a.log (3 bytes)", "../../etc/passwd (3 bytes)")),
        ("logs.tar", tar("logs/a.log"), ("logs/a.log (3 bytes)",)),
        ("logs.tar.gz", gzip.compress(tar("logs/a.log")), ("logs/a.log (3 bytes)",)),
        ("logs.tar.bz2", bz2.compress(tar("logs/a.log")), ("logs/a.log (3 bytes)",)),
        ("logs.tar.xz", lzma.compress(tar("logs/a.log")), ("logs/a.log (3 bytes)",)),
        ("gate.log.gz", gzip.compress(b"line\n" * 20), ("gate.log (100 bytes)",)),
        ("many.zip", zipped(*(f"{at}.log" for at in range(450))), ("0.log (3 bytes)", "and 50 more")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_slip_sheet_of_an_archive_lists_what_it_holds(tmp_path, name, data, listed):
    laid, place = one(tmp_path, name, data)
    assert place.note == "slip sheet"
    assert "listed here and not laid out" in place.reason
    words = " ".join(laid.text("E-001")).replace("\n", " ")
    for each in listed:
        assert each in words


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("cut.zip", zipped(*"abcdef")[:-25], "list can't be read"),
        ("empty.zip", zipped(), "holds no file"),
        ("other.7z", b"7z\xbc\xaf\x27\x1c" + bytes(60), "whose list is not read here"),
        ("cut.gz", gzip.compress(b"x" * 5000)[:20], "list can't be read"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isprintable() else "",
)
def test_an_archive_without_a_list_says_why(tmp_path, name, data, reason):
    assert reason in one(tmp_path, name, data)[1].reason
