"""Turns the pages of a document into pages with a band beneath them for the stamp, whatever their size, turn and crop.

The band lies outside of what the page shows, so that no stamp covers a word of an exhibit. The page itself becomes a
form object: what it leaves open or turned around in its own drawing can't reach the stamp.
"""

import math
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import pikepdf
from django.utils.translation import gettext
from pikepdf import Dictionary, Name

from portal.packages.exhibits.pieces import NotLaidOut

#: Height of the band in points, and the width that a stamp needs.
BAND, LEAST_WIDTH = 24.0, 400.0
#: A page with the area of A4 has the stamp in its own size; on larger ones it grows with them.
AREA = 595.276 * 841.89
#: The largest page that readers must show (ISO 32000-1, annex C), in points.
MOST = 14400.0
#: What a page may draw, unpacked, and a picture have of dots: more keeps a reader's program busy for ever.
MOST_DRAWN, MOST_DOTS = 256 << 20, 400_000_000
#: The most that one byte of Flate becomes.
MOST_RATIO = 1032
LETTER = (0.0, 0.0, 612.0, 792.0)
KEPT = frozenset({"/Type", "/Resources", "/MediaBox", "/Rotate", "/UserUnit", "/Parent"})
#: What a drawing has no use for: programs, files, structure of a document that is left behind, addresses.
DROPPED = frozenset(
    {
        "/AA", "/AF", "/EF", "/JS", "/OpenAction", "/PieceInfo", "/StructParent", "/StructParents", "/Metadata", "/OPI",
        "/Ref", "/Annots", "/URI", "/Launch",
    }
)  # fmt: skip

#: What an action that leaves the page is called.
ACTIONS = (Name.JavaScript, Name.Launch, Name.URI, Name.SubmitForm, Name.ImportData, Name.GoToR, Name.GoToE)
EXTERNAL = frozenset({"/F", "/FFilter", "/FDecodeParms"})

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Frame:
    """The page's box with its band; the matrix of the band's lower left corner, and its width in the stamp's units."""

    box: Box
    matrix: tuple[float, float, float, float, float, float]
    width: float


def frame(shown: Box, turn: int, unit: float = 1.0) -> Frame:
    """`shown` in the page's own coordinates, `turn` clockwise in degrees, `unit` how many points one of them is."""
    x0, y0, x1, y1 = shown
    wide, high = x1 - x0, y1 - y0
    scale = round(max(1.0, math.sqrt(wide * high * unit * unit / AREA)), 2) / unit
    across = high if turn in (90, 270) else wide
    width, height = max(across, LEAST_WIDTH * scale), BAND * scale
    # What is right and up to a reader, in the page's coordinates, and the corner from which the band goes there.
    right, up, corner = {
        0: ((1, 0), (0, 1), (x0, y0 - height)),
        90: ((0, 1), (-1, 0), (x1 + height, y0)),
        180: ((-1, 0), (0, -1), (x1, y1 + height)),
        270: ((0, -1), (1, 0), (x0 - height, y1)),
    }[turn]
    far = (corner[0] + width * right[0], corner[1] + width * right[1])
    box = (
        min(x0, corner[0], far[0]),
        min(y0, corner[1], far[1]),
        max(x1, corner[0], far[0]),
        max(y1, corner[1], far[1]),
    )
    matrix = (scale * right[0], scale * right[1], scale * up[0], scale * up[1], *corner)
    return Frame(_rounded(box), _rounded(matrix), round(width / scale, 2))  # type: ignore[arg-type]


def framed(document: pikepdf.Pdf) -> tuple[pikepdf.Pdf, list[Frame], list[str]]:
    """The pages alone, each one a form object on a page with a band; their frames; and what a reader should know.

    The document's pages are used up by it. Raises what pikepdf raises, and NotLaidOut for an impossible page.
    """
    frames, notes = [], dict[str, None]()
    forms: dict[tuple[object, ...], pikepdf.Object] = {}
    for page in document.pages:
        obj = page.obj
        shown = _shown(obj, notes)
        turn = _turn(obj)
        unit = _number(obj.get("/UserUnit"), 1.0)
        made = frame(shown, turn, unit if 0.01 <= unit <= 1000 else 1.0)
        form = _form(document, obj, shown, forms, notes)
        for key in set(obj.keys()) - KEPT:
            del obj[key]
        obj.MediaBox = pikepdf.Array(made.box)
        obj.Rotate = turn
        obj.Resources = Dictionary(XObject=Dictionary(X=form))
        frames.append(made)
    made_of = pikepdf.new()
    made_of.pages.extend(document.pages)
    _strip(made_of.objects)
    return made_of, frames, list(notes)


def page(document: pikepdf.Pdf, size: tuple[float, float], content: bytes, resources: Dictionary) -> Frame:
    """Append a page of our own with this content."""
    made = frame((0.0, 0.0, *size), 0)
    form = document.make_stream(
        content, Type=Name.XObject, Subtype=Name.Form, BBox=pikepdf.Array([0, 0, *size]), Resources=resources
    )
    body = Dictionary(
        Type=Name.Page, MediaBox=pikepdf.Array(made.box), Rotate=0, Resources=Dictionary(XObject=Dictionary(X=form))
    )
    document.pages.append(pikepdf.Page(body))
    return made


def _form(
    document: pikepdf.Pdf,
    obj: pikepdf.Object,
    shown: Box,
    forms: dict[tuple[object, ...], pikepdf.Object],
    notes: dict[str, None],
) -> pikepdf.Object:
    contents, resources = obj.get("/Contents"), _inherited(obj, "/Resources")
    if not isinstance(resources, Dictionary):
        resources = Dictionary()
    if isinstance(contents, pikepdf.Array):
        stream = document.make_stream(b"\n".join(_parts(contents, notes)))
    elif isinstance(contents, pikepdf.Stream):
        key = (contents.objgen, resources.objgen if resources.is_indirect else obj.objgen, shown)
        if key in forms:
            return forms[key]
        # Some pages share what they draw and differ in their resources or their size.
        is_taken = (contents.objgen,) in forms
        _refuse_endless(contents)
        stream = document.make_stream(contents.read_bytes()) if is_taken else contents
        forms[key] = forms[(contents.objgen,)] = stream
    else:
        stream = document.make_stream(b"")
    stream.Type, stream.Subtype, stream.FormType = Name.XObject, Name.Form, 1
    stream.BBox, stream.Resources = pikepdf.Array(shown), resources
    for external in ("/F", "/FFilter", "/FDecodeParms", "/Matrix"):
        if external in stream:
            del stream[external]
    if isinstance(obj.get("/Group"), Dictionary):
        stream.Group = obj.Group
    return stream


def _refuse_endless(contents: pikepdf.Stream) -> None:
    raw = contents.read_raw_bytes()
    if contents.get("/Filter") != Name.FlateDecode:
        # Several filters, or others: unpacked whole, within the limit of memory.
        try:
            drawn = len(contents.read_bytes())
        except pikepdf.PdfError:
            return
    elif len(raw) * MOST_RATIO <= MOST_DRAWN:
        return
    else:
        drawn = _unpacked(raw)
    if drawn > MOST_DRAWN:
        raise NotLaidOut(gettext("It has a page that draws more than %(number)s MB.") % {"number": MOST_DRAWN >> 20})


def _unpacked(raw: bytes) -> int:
    """How many bytes it becomes, counted up to the limit and kept nowhere."""
    unpacker, drawn, waiting = zlib.decompressobj(), 0, raw
    while waiting and drawn <= MOST_DRAWN:
        try:
            drawn += len(unpacker.decompress(waiting, 1 << 20))
        except zlib.error:
            break
        waiting = unpacker.unconsumed_tail
    return drawn


def _parts(contents: pikepdf.Array, notes: dict[str, None]) -> Iterable[bytes]:
    for part in contents:  # type: ignore[attr-defined]
        if isinstance(part, pikepdf.Stream):
            try:
                _refuse_endless(part)
                yield part.read_bytes()
            except pikepdf.PdfError:
                notes[gettext("A part of a page is damaged and left out.")] = None


def _shown(obj: pikepdf.Object, notes: dict[str, None]) -> Box:
    """What a reader sees of the page: its crop box as far as it lies on the sheet."""
    sheet = _box(_inherited(obj, "/MediaBox"))
    if sheet is None:
        notes[gettext("A page has no size; it is shown as letter paper.")] = None
        sheet = LETTER
    crop = _box(_inherited(obj, "/CropBox")) or sheet
    inside = (max(sheet[0], crop[0]), max(sheet[1], crop[1]), min(sheet[2], crop[2]), min(sheet[3], crop[3]))
    shown = inside if inside[2] - inside[0] >= 1 and inside[3] - inside[1] >= 1 else sheet
    if max(shown[2] - shown[0], shown[3] - shown[1]) > MOST or max(map(abs, shown)) > 1e6:
        raise NotLaidOut(gettext("It has a page that is larger than five metres."))
    return shown


def _box(value: object) -> Box | None:
    if not isinstance(value, pikepdf.Array) or len(value) != 4:
        return None
    numbers = [_number(each, math.nan) for each in value]  # type: ignore[attr-defined]
    if not all(map(math.isfinite, numbers)):
        return None
    x0, x1 = sorted((numbers[0], numbers[2]))
    y0, y1 = sorted((numbers[1], numbers[3]))
    return (x0, y0, x1, y1) if x1 - x0 >= 1 and y1 - y0 >= 1 else None


def _number(value: object, otherwise: float) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return otherwise


def _turn(obj: pikepdf.Object) -> int:
    turn = _number(_inherited(obj, "/Rotate"), 0.0)
    return int(turn) % 360 if math.isfinite(turn) and turn % 90 == 0 else 0


def _inherited(obj: pikepdf.Object, key: str) -> object:
    for _ in range(64):
        if key in obj:
            return obj[key]
        parent = obj.get("/Parent")
        if not isinstance(parent, Dictionary):
            return None
        obj = parent
    return None


def _clean(found: pikepdf.Object) -> None:
    """Drop what has no use in a drawing from an object and from all that is written inside of it."""
    waiting = [found]
    while waiting:
        each = waiting.pop()
        if isinstance(each, Dictionary | pikepdf.Stream):
            for key in DROPPED.intersection(each.keys()):
                del each[key]
            if each.get("/S") in ACTIONS:
                del each["/S"]
            inside = each.values()
        else:
            inside = iter(each)  # type: ignore[call-overload]
        waiting += (one for one in inside if isinstance(one, Dictionary | pikepdf.Array) and not one.is_indirect)


def _strip(objects: Iterable[pikepdf.Object]) -> None:
    for each in objects:
        if isinstance(each, Dictionary | pikepdf.Stream | pikepdf.Array):
            _clean(each)
            if isinstance(each, pikepdf.Stream):
                keys = set(each.keys())
                # What a stream has outside of the file is never fetched.
                for key in EXTERNAL & keys:
                    del each[key]
                if "/Width" in keys and _dots(each) > MOST_DOTS:
                    raise NotLaidOut(
                        gettext("It holds a picture of more than %(number)s million dots.")
                        % {"number": MOST_DOTS // 1_000_000}
                    )


def _dots(image: pikepdf.Stream) -> float:
    return _number(image.get("/Width"), 0.0) * _number(image.get("/Height"), 0.0)


def _rounded(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(round(value, 3) for value in values)
