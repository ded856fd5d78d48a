"""Joins the parts of a package: pages, destinations, outline, and “Page x of y” on every page but the cover."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pikepdf
from fontTools import subset
from fontTools.ttLib import TTFont
from pikepdf import Array, Dictionary, Name, OutlineItem, Pdf, String

from portal.packages import parts, typefaces

FOOTER_FONT = "inter/inter-latin-600-normal.ttf"
POINTS = 72 / 25.4
# As @bottom-right of the style sheet sets it: 7 pt, 20 mm from the right edge, its line 6 mm into the bottom margin.
SIZE, RIGHT, BASELINE = 7.0, 20 * POINTS, (24 - 6) * POINTS - 6.6


def merge(sources: Sequence[Path], target: Path) -> int:
    """Writes the joined pages; answers how many."""
    with Pdf.open(sources[0]) as pdf:
        destinations = [(name, _place(pdf, page, x, y)) for name, page, x, y in _places(pdf)]
        outlines = [_outline(pdf, 0)]
        for path in sources[1:]:
            with Pdf.open(path) as part:
                offset = len(pdf.pages)
                found = [(name, page, float(x), float(y)) for name, page, x, y in _places(part)]
                outlines.append(_outline(part, offset))
                pdf.pages.extend(part.pages)
                destinations += [(name, _place(pdf, offset + page, x, y)) for name, page, x, y in found]
        _write_destinations(pdf, destinations)
        _write_outline(pdf, outlines)
        _lead_home(pdf)
        _number(pdf)
        total = len(pdf.pages)
        pdf.save(target)
    return total


def _places(pdf: Pdf) -> Iterator[tuple[str, int, Any, Any]]:
    """The named destinations of a part: name, page, x, y."""
    order = {page.obj.objgen: index for index, page in enumerate(pdf.pages)}
    names = pdf.Root.get("/Names", Dictionary()).get("/Dests")
    if names is None:
        return
    for name, destination in pikepdf.NameTree(names).items():
        place = destination.D if isinstance(destination, Dictionary) else destination
        yield str(name), order[place[0].objgen], place[2], place[3]


def _place(pdf: Pdf, page: int, x: Any, y: Any) -> Array:
    return Array([pdf.pages[page].obj, Name.XYZ, x, y, 0])


def _write_destinations(pdf: Pdf, destinations: list[tuple[str, Array]]) -> None:
    leaf = Array()
    for name, place in sorted(dict(destinations).items(), key=lambda item: item[0].encode()):
        leaf.append(String(name))
        leaf.append(place)
    names = pdf.Root.get("/Names")
    if names is None:
        names = pdf.Root.Names = Dictionary()
    names.Dests = pdf.make_indirect(Dictionary(Names=leaf))


def _outline(pdf: Pdf, offset: int) -> list[tuple[str, int]]:
    """(title, page) of a part's outline, flat."""
    order = {page.obj.objgen: index for index, page in enumerate(pdf.pages)}
    with pdf.open_outline() as outline:
        return [
            (item.title, offset + order[item.destination[0].objgen])
            for root in outline.root
            for item in (root, *root.children)
        ]


def _write_outline(pdf: Pdf, outlines: list[list[tuple[str, int]]]) -> None:
    """The findings hang beneath their register, which ends the front."""
    front, *findings, back = outlines
    with pdf.open_outline() as outline:
        outline.root.clear()
        outline.root.extend(OutlineItem(title, page) for title, page in front)
        register = outline.root[-1]
        register.is_closed = True
        register.children.extend(OutlineItem(title, page) for part in findings for title, page in part)
        outline.root.extend(OutlineItem(title, page) for title, page in back)


def _lead_home(pdf: Pdf) -> None:
    """Links to other parts become links inside the file; none may lead outside."""
    for page in pdf.pages:
        for annotation in page.obj.get("/Annots", ()):
            action = annotation.get("/A")
            address = str(action.URI) if action is not None and "/URI" in action else ""
            if address.startswith(parts.ELSEWHERE):
                name = address.removeprefix(parts.ELSEWHERE)
                del annotation.A
                annotation.Dest = String(name)


def _number(pdf: Pdf) -> None:
    font = _Font(pdf)
    total = len(pdf.pages)
    for index, page in enumerate(pdf.pages):
        if index == 0:
            continue
        text = f"Page {index + 1} of {total}"
        width = float(page.mediabox[2]) - RIGHT - font.width(text)
        stamp = f"/Artifact BMC q BT /PageNumber {SIZE} Tf 0.055 0.106 0.173 rg {width:.2f} {BASELINE:.2f} Td ({text}) Tj ET Q EMC"
        resources = page.obj.get("/Resources")
        # Pages of a part share one dictionary of resources; the font goes into it once.
        fonts = resources.get("/Font")
        if fonts is None:
            fonts = resources.Font = Dictionary()
        fonts.PageNumber = font.reference
        page.contents_add(b"q", prepend=True)
        page.contents_add(f"\nQ {stamp}".encode("ascii"))


class _Font:
    """The few letters of the page number, embedded as a simple TrueType font."""

    LETTERS = "Page of0123456789"

    def __init__(self, pdf: Pdf) -> None:
        options = subset.Options()
        options.glyph_names, options.layout_features = False, []
        options.drop_tables += ["GDEF", "GPOS", "GSUB", "STAT"]
        options.recalc_timestamp = False
        font = TTFont(typefaces.FOLDER / FOOTER_FONT, recalcTimestamp=False)
        chooser = subset.Subsetter(options)
        chooser.populate(text=self.LETTERS)
        chooser.subset(font)
        data = io.BytesIO()
        font.save(data)
        self.scale = 1000 / font["head"].unitsPerEm
        glyphs = font.getBestCmap()
        self.widths = {char: round(font["hmtx"][glyphs[ord(char)]][0] * self.scale) for char in self.LETTERS}
        self.reference = pdf.make_indirect(self._dictionary(pdf, font, data.getvalue()))

    def width(self, text: str) -> float:
        return sum(self.widths[char] for char in text) * SIZE / 1000

    def _dictionary(self, pdf: Pdf, font: TTFont, data: bytes) -> Dictionary:
        first, last = 32, 122
        head, line = font["head"], font["hhea"]
        name = Name("/CLHPGN+Inter-SemiBold")
        program = pdf.make_stream(data)
        program.Length1 = len(data)
        box = [head.xMin, head.yMin, head.xMax, head.yMax]
        descriptor = Dictionary(
            Type=Name.FontDescriptor,
            FontName=name,
            Flags=32,
            FontBBox=Array([round(edge * self.scale) for edge in box]),
            ItalicAngle=0,
            Ascent=round(line.ascent * self.scale),
            Descent=round(line.descent * self.scale),
            CapHeight=727,
            StemV=110,
            FontFile2=program,
        )
        return Dictionary(
            Type=Name.Font,
            Subtype=Name.TrueType,
            BaseFont=name,
            FirstChar=first,
            LastChar=last,
            Widths=Array([self.widths.get(chr(code), 0) for code in range(first, last + 1)]),
            Encoding=Name.WinAnsiEncoding,
            FontDescriptor=pdf.make_indirect(descriptor),
        )
