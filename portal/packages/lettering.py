"""The fonts of a whole package: each face is cut once to the glyphs that its pages use, and figures can be set in it.

Glyphs keep the numbers that they have in the font's file, so pages that were painted apart share one cut.
"""

import hashlib
import io
from collections.abc import Iterator, Mapping
from functools import cached_property

from fontTools import subset
from fontTools.ttLib import TTFont

from portal.packages import fontfiles, typefaces, writing
from portal.packages.writing import Writer

#: Tables that only a text editor or a screen would ask for.
UNUSED = (
    "BASE",
    "DSIG",
    "GDEF",
    "GPOS",
    "GSUB",
    "JSTF",
    "LTSH",
    "PCLT",
    "STAT",
    "VDMX",
    "hdmx",
    "kern",
    "name",
    "post",
)
TOGETHER = 100
SYMBOLIC = 4


class Lettering:
    """All faces of a package with the glyphs that are used of each."""

    def __init__(self) -> None:
        self._used: dict[str, dict[int, str]] = {}
        self._faces: dict[str, _Face] = {}

    def take(self, letters: Mapping[str, Mapping[int, str]]) -> None:
        """What a unit uses. The first text that a glyph stood for is what it stands for."""
        for file, used in letters.items():
            self._used[file] = dict(used) | self._used.get(file, {})

    def covers(self, file: str, text: str) -> bool:
        """Whether the face has every letter of it."""
        return all(self._face(file).has(char) for char in text)

    def set(self, file: str, text: str) -> tuple[bytes, float]:
        """The text as glyphs of the face, with figures of one width, and how wide it is in thousandths of its size."""
        face = self._face(file)
        glyphs = [face.glyph(char) for char in text]
        used = self._used.setdefault(file, {})
        for glyph, char in zip(glyphs, text, strict=True):
            used.setdefault(glyph, char)
        return b"<" + "".join(f"{glyph:04x}" for glyph in glyphs).encode() + b">", sum(map(face.width, glyphs))

    def write(self, writer: Writer) -> bytes:
        """Every face once; the dictionary of fonts that all pages share."""
        found = [
            b"%s %d 0 R" % (writing.name(typefaces.name(file)), self._face(file).write(writer, used))
            for file, used in sorted(self._used.items())
        ]
        return b"<<" + b" ".join(found) + b">>"

    def _face(self, file: str) -> "_Face":
        return self._faces.setdefault(file, _Face(file))


class _Face:
    def __init__(self, file: str) -> None:
        self.face = next(face for face in typefaces.faces() if face.file == file)

    @cached_property
    def font(self) -> TTFont:
        return TTFont(io.BytesIO(fontfiles.program(self.face.file)), lazy=True, recalcTimestamp=False)

    @cached_property
    def scale(self) -> float:
        return float(1000 / self.font["head"].unitsPerEm)

    def has(self, char: str) -> bool:
        return ord(char) in self.font.getBestCmap()

    def glyph(self, char: str) -> int:
        found = self.font.getBestCmap()[ord(char)]
        return int(self.font.getGlyphID(self._tabular.get(found, found)))

    def width(self, glyph: int) -> int:
        return round(self.font["hmtx"][self.font.getGlyphName(glyph)][0] * self.scale)

    @cached_property
    def _tabular(self) -> dict[str, str]:
        table = self.font["GSUB"].table
        wanted = {
            lookup
            for record in table.FeatureList.FeatureRecord
            if record.FeatureTag == "tnum"
            for lookup in record.Feature.LookupListIndex
        }
        found: dict[str, str] = {}
        for lookup in sorted(wanted):
            for part in table.LookupList.Lookup[lookup].SubTable:
                found |= getattr(getattr(part, "ExtSubTable", part), "mapping", {})
        return found

    def write(self, writer: Writer, used: Mapping[int, str]) -> int:
        glyphs = sorted(used)
        program = self._cut(glyphs)
        tag = hashlib.sha256(program).digest()[:6]
        letters = "".join(chr(65 + octet % 26) for octet in tag)
        name = writing.name(f"{letters}+{self.face.family.replace(' ', '-')}-{self.face.weight}")
        file = writer.add_stream(program, b"/Length1 %d" % len(program))
        descriptor = writer.add(self._descriptor(name, file))
        descendant = writer.add(
            b"<</Type/Font/Subtype/CIDFontType2/BaseFont%s/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>"
            b"/CIDToGIDMap/Identity/DW 0/W%s/FontDescriptor %d 0 R>>" % (name, self._widths(glyphs), descriptor)
        )
        meaning = writer.add_stream(b"\n".join(_meanings(glyphs, used)))
        return writer.add(
            b"<</Type/Font/Subtype/Type0/BaseFont%s/Encoding/Identity-H/DescendantFonts[%d 0 R]/ToUnicode %d 0 R>>"
            % (name, descendant, meaning)
        )

    def _cut(self, glyphs: list[int]) -> bytes:
        options = subset.Options(
            retain_gids=True,
            hinting=False,
            notdef_outline=True,
            glyph_names=False,
            layout_features=[],
            recalc_timestamp=False,
        )
        font = TTFont(io.BytesIO(fontfiles.program(self.face.file)), recalcTimestamp=False)
        if "glyf" not in font:
            raise ValueError(f"{self.face.file} has no TrueType outlines")
        # Before the subsetter sees them: it reads the tables of layout whole, also those that it then drops.
        for tag in UNUSED:
            if tag in font:
                del font[tag]
        chooser = subset.Subsetter(options)
        chooser.populate(gids=glyphs)
        chooser.subset(font)
        data = io.BytesIO()
        font.save(data)
        return data.getvalue()

    def _descriptor(self, name: bytes, file: int) -> bytes:
        head, line, os2 = self.font["head"], self.font["hhea"], self.font["OS/2"]
        box = [round(edge * self.scale) for edge in (head.xMin, head.yMin, head.xMax, head.yMax)]
        ascent, descent, cap = (
            round(value * self.scale) for value in (line.ascent, line.descent, getattr(os2, "sCapHeight", line.ascent))
        )
        return (
            b"<</Type/FontDescriptor/FontName%s/FontFamily%s/Flags %d/FontBBox%s/ItalicAngle 0/Ascent %d/Descent %d"
            b"/CapHeight %d/StemV 80/FontFile2 %d 0 R>>"
            % (name, writing.text(self.face.family), SYMBOLIC, writing.numbers(box), ascent, descent, cap, file)
        )

    def _widths(self, glyphs: list[int]) -> bytes:
        return b"[" + b" ".join(b"%d[%d]" % (glyph, self.width(glyph)) for glyph in glyphs) + b"]"


def _meanings(glyphs: list[int], used: Mapping[int, str]) -> Iterator[bytes]:
    yield (
        b"/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
        b"/CIDSystemInfo <</Registry (Adobe) /Ordering (UCS) /Supplement 0>> def\n"
        b"/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n1 begincodespacerange\n<0000> <ffff>\nendcodespacerange"
    )
    for start in range(0, len(glyphs), TOGETHER):
        some = glyphs[start : start + TOGETHER]
        yield b"%d beginbfchar" % len(some)
        yield from (b"<%04x> <%s>" % (glyph, used[glyph].encode("utf-16-be").hex().encode()) for glyph in some)
        yield b"endbfchar"
    yield b"endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend"
