"""Lays out a unit's HTML with WeasyPrint and paints its pages, without fonts, numbers or marks that belong to the whole.

What is painted depends on the unit's own text and the style sheet only: fonts are named by their file, glyphs keep
the numbers they have there, and elements are tagged by portal/packages/structure.py. WeasyPrint's own writer is not
used: it would cut a font anew for every unit and tag running heads as text.
"""

import hashlib
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from typing import Any

import pydyf
import weasyprint
from fontTools.ttLib import TTFont
from weasyprint.formatting_structure.boxes import TextBox
from weasyprint.matrix import Matrix
from weasyprint.pdf import _use_references
from weasyprint.pdf.anchors import resolve_links
from weasyprint.pdf.stream import Stream
from weasyprint.text.ffi import ffi
from weasyprint.text.fonts import FontConfiguration, get_hb_object_data, get_pango_font_hb_face, get_pango_font_key

from portal.packages import fontfiles, press, stylesheet, typefaces
from portal.packages.leaves import Index, Leaf, Link, Number
from portal.packages.structure import Annotation, Element, Slot, Tree, in_order, pruned
from portal.packages.units import ELSEWHERE, NUMBER

POINTS = 0.75
REFERENCE = re.compile(rb"(\d+) 0 R")
#: Text that stands for nothing a reader sees; a glyph must stand for something (ISO 19005-3, 6.2.11.7).
SILENT = "\u200b"


class Press:
    """What is prepared once in a process for all units of one paper: style sheets with the fonts that texts need."""

    def __init__(self, paper: str, accent: str = "", logo: bytes = b"") -> None:
        self.paper, self.accent, self.logo = paper, accent, logo
        self._prepared: dict[tuple[str, ...], tuple[FontConfiguration, weasyprint.CSS]] = {}

    def paint(self, html: str) -> Leaf:
        text = weasyprint.HTML(string=html, url_fetcher=press.Refusing(self.logo), base_url="asset:")
        faces = tuple(stylesheet.faces(html))
        fonts, sheet = self.prepare(faces)
        document = text.render(font_config=fonts, stylesheets=[sheet])
        return _Painter(text, document, faces).leaf()

    def prepare(self, faces: Sequence[typefaces.Face]) -> tuple[FontConfiguration, weasyprint.CSS]:
        key = tuple(face.file for face in faces)
        if key not in self._prepared:
            fonts = FontConfiguration()
            css = stylesheet.rules(faces) + stylesheet.sheet(self.paper, accent=self.accent)
            sheet = weasyprint.CSS(string=css, font_config=fonts, url_fetcher=press.Refusing())
            self._prepared[key] = fonts, sheet
        return self._prepared[key]


@cache
def _fingerprint(file: str) -> str:
    return hashlib.sha256(fontfiles.program(file)).hexdigest()


@cache
def _widths(file: str) -> dict[int, int]:
    font = TTFont(BytesIO(fontfiles.program(file)), lazy=True)
    scale = 1000 / font["head"].unitsPerEm
    metrics, names = font["hmtx"], font.getGlyphOrder()
    return {glyph: round(metrics[name][0] * scale) for glyph, name in enumerate(names)}


class _Letters:
    """A font as WeasyPrint's drawing asks for it, with what a unit uses of it."""

    bitmap = png = svg = colr = False

    def __init__(self, file: str) -> None:
        self.file, self.hash = file, typefaces.name(file)
        self.widths = _widths(file)
        self.to_unicode: dict[int, str] = {}

    def get_unused_glyph_id(self, codepoint: int) -> int:
        raise ValueError(f"no font has the character U+{codepoint:04X}")


class _Fonts(dict[str, _Letters]):
    """The fonts of one unit, found by the program that text was shaped with."""

    def __init__(self, faces: tuple[typefaces.Face, ...]) -> None:
        super().__init__()
        self._files = {_fingerprint(face.file): face.file for face in faces}
        self._seen: dict[Any, _Letters] = {}

    def of(self, pango_font: Any) -> _Letters:
        # Not by the font's description, as WeasyPrint does: two slices of one family have the same.
        face = get_pango_font_hb_face(pango_font)
        address = int(ffi.cast("uintptr_t", face))
        if address not in self._seen:
            file = self._files[hashlib.sha256(get_hb_object_data(face)).hexdigest()]
            self._seen[address] = self.setdefault(file, _Letters(file))
        return self._seen[address]


class _Marks:
    """Which box holds which text of the page, the numbers of its marked content, and where page numbers go."""

    def __init__(self, slots: dict[Any, Slot], height: float) -> None:
        self.slots, self.height = slots, height
        self.parents: list[Slot] = []
        self.numbers: list[Number] = []

    def take(self, box: Any) -> int | None:
        slot = self.slots.get(box)
        if slot is None:
            return None
        slot.mcid = len(self.parents)
        self.parents.append(slot)
        return slot.mcid

    def number(self, box: Any, mcid: int) -> None:
        """A link that leads nowhere has become text and has no page to name."""
        if box.element.get("href"):
            self.numbers.append(_number(box, mcid, self.height))
        else:
            self.slots[box].mcid = None


class _Stream(Stream):
    """The operators of a page, with content marked as structure.py placed it."""

    def clone(self, **kwargs: Any) -> "_Stream":
        made = super().clone(**kwargs)
        made.__class__ = type(self)
        return made

    def add_font(self, pango_font: Any) -> tuple[_Letters, float]:
        return self._fonts.of(pango_font), get_pango_font_key(pango_font)[2]

    @contextmanager
    def marked(self, box: Any, tag: str) -> Iterator[None]:
        before = len(self.stream)
        if _shows_nothing(box):
            # What no mark is left of is not marked either: leaders of blanks, texts that only name the running head.
            yield
            self._forget(before)
            return
        mcid = self._tags.take(box)
        if mcid is None:
            self.begin_marked_content("Artifact", pydyf.Dictionary({"Type": "/Pagination"}))
        else:
            self.begin_marked_content(tag, pydyf.Dictionary({"MCID": mcid}))
        yield
        if mcid is not None and _is_number(box):
            self._forget(before)
            self._tags.number(box, mcid)
        else:
            self.end_marked_content()

    def _forget(self, before: int) -> None:
        del self.stream[before:]
        self._current_font = self._old_font = self._current_color = self._current_alpha = None


def _shows_nothing(box: Any) -> bool:
    return isinstance(box, TextBox) and (not box.text.strip() or box.style["visibility"] != "visible")


def _is_number(box: Any) -> bool:
    return getattr(box, "text", "") == NUMBER and box.element_tag == "a::after"


def _number(box: Any, mcid: int, height: float) -> Number:
    return Number(
        mcid=mcid,
        target=_target(box.element.get("href")),
        x=round((box.position_x + box.width) * POINTS, 3),
        y=round(height - (box.position_y + box.baseline) * POINTS, 3),
        size=round(box.style["font_size"] * POINTS, 3),
        face=typefaces.figures(box.style["font_weight"]),
        colour=tuple(round(float(part), 4) for part in box.style["color"].coordinates),
    )


def _target(address: str) -> str:
    return address.removeprefix(ELSEWHERE).removeprefix("#")


class _Painter:
    def __init__(self, text: Any, document: Any, faces: tuple[typefaces.Face, ...]) -> None:
        self.document, self.fonts = document, _Fonts(faces)
        self.tree = Tree().of(text.etree_element)
        self.pdf = pydyf.PDF()
        names = ("ExtGState", "XObject", "Pattern", "Shading", "ColorSpace")
        self.resources = pydyf.Dictionary({name: pydyf.Dictionary() for name in names})
        self.images: dict[str, Any] = {}

    def leaf(self) -> Leaf:
        painted = [self._page(page, number) for number, page in enumerate(self.document.pages)]
        pruned(self.tree.root)
        elements = list(in_order(self.tree.root))
        places = {id(element): place for place, element in enumerate(elements)}
        links = [
            self._link(kid, place)
            for place, element in enumerate(elements)
            for kid in element.kids
            if isinstance(kid, Annotation)
        ]
        holders = {id(kid): place for place, each in enumerate(elements) for kid in each.kids if isinstance(kid, Slot)}
        self.resources["Font"] = b"\x01F\x02"
        _use_references(self.pdf, self.resources, self.images, {})
        resources, things = self._things()
        first = self.document.pages[0]
        return Leaf(
            index=self._index(len(links)),
            size=(round(first.width * POINTS, 3), round(first.height * POINTS, 3)),
            contents=tuple(content for content, _ in painted),
            parents=tuple(tuple(holders.get(id(slot), -1) for slot in marks.parents) for _, marks in painted),
            numbers=tuple(tuple(marks.numbers) for _, marks in painted),
            links=tuple(links),
            elements=tuple(self._told(elements, places)),
            resources=resources,
            things=things,
        )

    def _page(self, page: Any, number: int) -> tuple[bytes, _Marks]:
        self.tree.read(page, number)
        height = page.height * POINTS
        marks = _Marks(self.tree.slots, height)
        area = (0, 0, page.width, page.height)
        stream = _Stream(self.fonts, area, self.resources, self.images, marks, {}, None, compress=False)
        stream.transform(d=-1, f=height)
        page.paint(stream, POINTS)
        operators = b"\n".join(pydyf._to_bytes(item) for item in stream.stream)
        return zlib.compress(b"q\n" + operators + b"\nQ\n", 6), marks

    def _index(self, links: int) -> Index:
        anchors, outline = [], []
        for number, (page, (_, found)) in enumerate(
            zip(self.document.pages, resolve_links(self.document.pages), strict=True)
        ):
            to_points = Matrix(POINTS, 0, 0, -POINTS, 0, page.height * POINTS)
            anchors += [(name, number, *_rounded(to_points.transform_point(x, y))) for name, x, y in found]
            for _, label, place, _ in page.bookmarks:
                outline.append((label, number, _rounded(to_points.transform_point(*place))[1]))
        letters = {
            file: {glyph: text or SILENT for glyph, text in sorted(self.fonts[file].to_unicode.items())}
            for file in sorted(self.fonts)
        }
        return Index(len(self.document.pages), tuple(anchors), tuple(outline), links, letters)

    def _link(self, annotation: Annotation, element: int) -> Link:
        height = self.document.pages[annotation.page].height
        x1, y1, x2, y2 = annotation.rectangle
        corners = (x1 * POINTS, (height - y2) * POINTS, x2 * POINTS, (height - y1) * POINTS)
        return Link(annotation.page, element, _target(annotation.target), _rounded(corners))

    def _told(self, elements: list[Element], places: dict[int, int]) -> Iterator[list[Any]]:
        """Kids: a number is content of the element's page, [page, number] of another, "3" an element, "L3" a link."""
        parents = {
            places[id(kid)]: place for place, e in enumerate(elements) for kid in e.kids if isinstance(kid, Element)
        }
        link = 0
        for place, element in enumerate(elements):
            page = _first_page(element)
            kids: list[Any] = []
            for kid in element.kids:
                if isinstance(kid, Element):
                    kids.append(str(places[id(kid)]))
                elif isinstance(kid, Annotation):
                    kids.append(f"L{link}")
                    link += 1
                else:
                    kids.append(kid.mcid if kid.page == page else [kid.page, kid.mcid])
            attributes = dict(element.attributes)
            if "BBox" in attributes:
                on, x1, y1, x2, y2 = attributes["BBox"]
                height = self.document.pages[on].height
                attributes["BBox"] = _rounded([v * POINTS for v in (x1, height - y2, x2, height - y1)])
            yield [element.role, parents.get(place, -1), page, kids, attributes, element.alt]

    def _things(self) -> tuple[str, tuple[tuple[str, bytes], ...]]:
        """What the pages draw besides text and lines, each object once, named by its place."""
        places: dict[int, int] = {}
        found: list[Any] = []

        def named(match: re.Match[bytes]) -> bytes:
            number = int(match[1])
            if number not in places:
                places[number] = len(found)
                found.append(self.pdf.objects[number])
            return b"\x01%d\x02" % places[number]

        resources = REFERENCE.sub(named, self.resources.data)
        things, at = [], 0
        while at < len(found):
            item = found[at]
            is_stream = isinstance(item, pydyf.Stream)
            about = pydyf.Dictionary(item.extra).data if is_stream else item.data
            data = b"\n".join(pydyf._to_bytes(part) for part in item.stream) if is_stream else b""
            if is_stream and item.extra.get("Filter") == "/FlateDecode":
                # A picture comes packed; the writer packs what it is given and says so itself.
                data, unpacked = zlib.decompress(data), {k: v for k, v in item.extra.items() if k != "Filter"}
                about = pydyf.Dictionary(unpacked).data
            things.append((REFERENCE.sub(named, about).decode("latin-1"), data))
            at += 1
        return resources.decode("latin-1"), tuple(things)


def _first_page(element: Element) -> int:
    """The page where an element begins; an empty cell stands on none and takes the first."""
    for kid in element.kids:
        if isinstance(kid, Slot | Annotation):
            return kid.page
        page = _first_page(kid)
        if page >= 0:
            return page
    return -1


def _rounded(values: Any) -> tuple[float, ...]:
    return tuple(round(float(value), 3) for value in values)
