"""Pictures: each on a page of its own, upright, at 300 dots an inch at most; without place, camera and comment."""

import errno
import io
import struct
import zlib
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pikepdf
from django.utils.translation import gettext
from pikepdf import Dictionary, Name
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from portal.packages import wording
from portal.packages.exhibits import frames, pdfs, sheets
from portal.packages.exhibits.kinds import HEIC
from portal.packages.exhibits.pieces import Copy, Desk, NotLaidOut, Piece

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "JPEG2000", "AVIF")
#: Either of them reads HEIC; the second is the first without what writes it.
READERS_OF_HEIC = ("pillow_heif", "pi_heif")
MOST_PIXELS = 60_000_000
MOST_FRAMES = 500
DOTS, SCREEN_DOTS = 300, 96
MARGIN = 40.0
#: A picture that would be shown at less than this share of its natural size is cut into parts, as many as this.
LEAST_SHARE, MOST_PARTS = 0.5, 60
#: A drawing or a picture of a screen keeps every dot as it is up to this size, packed; what is larger is a photograph.
EXACT_BYTES = 2 << 20
EXACT_PIXELS = 6_000_000
QUALITY = 88
#: What Pillow's readers raise for files that end early or contradict themselves.
DAMAGED = (
    OSError, SyntaxError, ValueError, EOFError, TypeError, LookupError, AttributeError, ArithmeticError, struct.error,
)  # fmt: skip
LOSSLESS = frozenset({"PNG", "GIF", "BMP", "TIFF"})
MOVING = frozenset({"PNG", "GIF", "WEBP"})


def copy(piece: Piece, desk: Desk) -> Copy:
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    # WeasyPrint fills what is missing of a picture with grey; an exhibit says that it is damaged.
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    formats = FORMATS
    if piece.media_type in HEIC:
        formats = _with_heic()
    try:
        with Image.open(desk.source(piece), formats=formats) as image:
            return _copied(image, piece, desk)
    except Image.DecompressionBombError:
        raise NotLaidOut(
            gettext("It has more than %(number)s million dots.") % {"number": MOST_PIXELS // 1_000_000}
        ) from None
    except UnidentifiedImageError:
        raise NotLaidOut(gettext("It is no picture that can be read.")) from None
    except DAMAGED as fault:
        if isinstance(fault, OSError) and fault.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        cause = str(fault)[:120].strip(" .")
        raise NotLaidOut(gettext("The picture is damaged: %(cause)s.") % {"cause": cause}) from None


def _copied(image: Any, piece: Piece, desk: Desk) -> Copy:
    if image.width * image.height > MOST_PIXELS:
        raise NotLaidOut(
            gettext("It has %(width)s by %(height)s dots, more than are drawn here.")
            % {"width": wording.figures(image.width), "height": wording.figures(image.height)}
        )
    many = getattr(image, "n_frames", 1)
    is_paged = image.format == "TIFF"
    if is_paged and many > MOST_FRAMES:
        raise NotLaidOut(
            gettext("It has %(pages)s pages; a picture is laid out up to %(most)s.")
            % {"pages": wording.figures(many), "most": MOST_FRAMES}
        )
    document, placed = pikepdf.new(), []
    for drawn, is_whole in _drawn(image, many if is_paged else 1, desk.paper):
        placed.append(_page(document, drawn, image.format in LOSSLESS, desk.paper, is_whole=is_whole))
    pdfs.write(document, placed, desk.target(piece))
    return Copy(list(_notes(image, many, len(placed))))


def _notes(image: Any, many: int, pages: int) -> Iterator[str]:
    if many > 1 and image.format in MOVING:
        words = gettext("It is an animation of %(number)s pictures; the first is shown.")
        yield words % {"number": wording.figures(many)}
    elif many > 1 and image.format == "HEIF":
        words = gettext("It holds %(number)s pictures; the one that its maker calls the main one is shown.")
        yield words % {"number": wording.figures(many)}
    if pages > (many if image.format == "TIFF" else 1):
        words = gettext("It is longer than a page and shown in %(number)s parts, from its top.")
        yield words % {"number": wording.figures(pages)}


def _drawn(image: Any, many: int, paper: str) -> Iterator[tuple[Any, bool]]:
    for number in range(many):
        if number:
            image.seek(number)
        if image.format in ("JPEG", "MPO"):
            # A photograph that is much too fine is never decoded in full.
            image.draft("RGB", _dots(paper, image.width > image.height))
        for part, is_whole in _parts(ImageOps.exif_transpose(image), paper):
            yield _plain(part), is_whole


def _parts(upright: Any, paper: str) -> Iterator[tuple[Any, bool]]:
    """The picture, no finer than it is printed, and that it is the whole; what is much longer than a page in parts."""
    across = upright.width > upright.height
    room, most = _room(paper, across), _dots(paper, across)
    natural = min(room[0] / upright.width, 72 / SCREEN_DOTS)
    step = int(room[1] / natural)
    many = -(-upright.height // step)
    if across or room[1] / upright.height >= LEAST_SHARE * natural or many > MOST_PARTS:
        if upright.width > most[0] or upright.height > most[1]:
            upright = _plain(upright)
            upright.thumbnail(most, reducing_gap=2.0)
        yield upright, True
        return
    for top in range(0, upright.height, step):
        part = upright.crop((0, top, upright.width, min(top + step, upright.height)))
        if part.width > most[0]:
            part = _plain(part)
            part.thumbnail(most, reducing_gap=2.0)
        yield part, False


def _dots(paper: str, across: bool) -> tuple[int, int]:
    width, height = _room(paper, across)
    return round(width / 72 * DOTS), round(height / 72 * DOTS)


def _plain(image: Any) -> Any:
    """In grey, in colours or in black and white; what is see-through lies on paper."""
    if image.mode in ("1", "L", "RGB"):
        return image
    if image.mode.startswith("I") or image.mode == "F":
        # Sixteen bits a dot: the whole range is brought into eight.
        wide = image.convert("F")
        low, high = wide.getextrema()
        scale = 255 / (high - low) if high > low else 0.0
        return wide.point(lambda value: value * scale - low * scale).convert("L")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        clear = image.convert("RGBA")
        paper = Image.new("RGB", clear.size, "white")
        paper.paste(clear, mask=clear.getchannel("A"))
        return paper
    return image.convert("RGB")


def _page(document: pikepdf.Pdf, image: Any, is_lossless: bool, paper: str, *, is_whole: bool) -> frames.Frame:
    across = is_whole and image.width > image.height
    room = _room(paper, across)
    size = (room[0] + 2 * MARGIN, room[1] + 2 * MARGIN)
    scale = min(room[0] / image.width, room[1] / image.height, 72 / SCREEN_DOTS)
    wide, high = image.width * scale, image.height * scale
    # Parts begin where a page begins, so that the last does not look like a picture of its own.
    x, y = (size[0] - wide) / 2, (size[1] - high) / 2 if is_whole else size[1] - MARGIN - high
    content = f"q {wide:.3f} 0 0 {high:.3f} {x:.3f} {y:.3f} cm /I Do Q".encode()
    resources = Dictionary(XObject=Dictionary(I=_stream(document, image, is_lossless)))
    return frames.page(document, size, content, resources)


def _room(paper: str, across: bool) -> tuple[float, float]:
    width, height = sheets.SIZES[paper]
    full = (height + frames.BAND, width - frames.BAND) if across else (width, height)
    return full[0] - 2 * MARGIN, full[1] - 2 * MARGIN


def _stream(document: pikepdf.Pdf, image: Any, is_lossless: bool) -> pikepdf.Stream:
    space = Name.DeviceRGB if image.mode == "RGB" else Name.DeviceGray
    bits = 1 if image.mode == "1" else 8
    about = {
        "Type": Name.XObject, "Subtype": Name.Image, "Width": image.width, "Height": image.height, "ColorSpace": space,
        "BitsPerComponent": bits,
    }  # fmt: skip
    if bits == 1 or (is_lossless and image.width * image.height <= EXACT_PIXELS):
        packed = zlib.compress(image.tobytes(), 6)
        if bits == 1 or len(packed) <= EXACT_BYTES:
            return document.make_stream(packed, **about, Filter=Name.FlateDecode)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=QUALITY, subsampling=0)
    return document.make_stream(out.getvalue(), **about, Filter=Name.DCTDecode)


def _with_heic() -> tuple[str, ...]:
    name = next(filter(find_spec, READERS_OF_HEIC), None)
    if name is None:
        raise NotLaidOut(gettext("It is a photograph in HEIC, which this installation can't read."))
    from importlib import import_module

    # In one thread: each has memory of its own for its pictures.
    import_module(name).register_heif_opener(decode_threads=1)
    return (*FORMATS, "HEIF")
