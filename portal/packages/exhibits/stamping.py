"""The stamp: exhibit number, page of pages, package and volume page, on one line in the type of the report."""

import io
from typing import Any

import pikepdf

from portal.packages import typefaces, writing
from portal.packages.exhibits.frames import BAND
from portal.packages.lettering import Lettering
from portal.packages.writing import Writer

LETTERS = "".join(map(chr, range(0x20, 0x7F))) + "·"
MARGIN, BASELINE, RULE = 24.0, 8.0, BAND - 5.0
SIZE, GAP = 7.0, 9.0
INK, SOFT, LINE = b".055 .106 .173 rg", b".29 .337 .396 rg", b".851 .867 .89 RG .4 w"


class _Known(dict[str, Any]):
    """By letter; what no face of the stamp has is a question mark."""

    def __missing__(self, char: str) -> Any:
        return self["?"]


class Stamp:
    """Both faces, cut once for a volume, and each letter as its glyph; `words` are those that it will be given."""

    def __init__(self, words: str = "") -> None:
        self._strong, self._plain = typefaces.figures(600), typefaces.figures(400)
        lettering = Lettering()
        faces = (self._strong, self._plain)
        more = {char for char in set(words) - set(LETTERS) if all(lettering.covers(face, char) for face in faces)}
        letters = LETTERS + "".join(sorted(more))
        found = {face: {char: lettering.set(face, char) for char in letters} for face in faces}
        self._glyphs = {face: _Known((char, found[face][char][0][1:-1]) for char in letters) for face in faces}
        self._widths = {face: _Known((char, found[face][char][1]) for char in letters) for face in faces}
        self._fonts = io.BytesIO()
        writer = Writer(self._fonts)
        fonts = writer.add(lettering.write(writer))
        pages = writer.add(b"<</Type/Pages/Count 0/Kids[]>>")
        root = writer.add(b"<</Type/Catalog/Pages %d 0 R/Fonts %d 0 R>>" % (pages, fonts))
        writer.close(root, writer.add(b"<<>>"), bytes(16))

    def has(self, words: str) -> bool:
        """Whether the faces have every letter of these words."""
        return all(char in self._glyphs[self._plain] for char in words)

    def fonts(self, volume: pikepdf.Pdf) -> pikepdf.Object:
        """The dictionary of fonts, as an object of this volume."""
        self._fonts.seek(0)
        # Left open: the programs of the fonts are read from it when the volume is saved.
        source = pikepdf.open(self._fonts)
        return volume.copy_foreign(source.make_indirect(source.Root.Fonts))

    def drawn(self, matrix: str, width: float, number: str, told: str, right: str) -> bytes:
        """The operators of one stamp, in the band whose lower left corner the matrix names."""
        strong, taken = self._set(self._strong, number)
        left, _ = self._set(self._plain, told)
        end, long = self._set(self._plain, right)
        return (
            b"q %s cm %s %.1f %.1f m %.2f %.1f l S BT %s /%s %.1f Tf %.1f %.1f Td <%s> Tj %s /%s %.1f Tf "
            b"%.2f 0 Td <%s> Tj %.2f 0 Td <%s> Tj ET Q"
        ) % (
            matrix.encode(), LINE, MARGIN, RULE, width - MARGIN, RULE, INK, self._name(self._strong), SIZE, MARGIN,
            BASELINE, strong, SOFT, self._name(self._plain), SIZE, taken + GAP, left,
            width - 2 * MARGIN - long - taken - GAP, end,
        )  # fmt: skip

    def _set(self, face: str, text: str) -> tuple[bytes, float]:
        width = sum(map(self._widths[face].__getitem__, text))
        return b"".join(map(self._glyphs[face].__getitem__, text)), width * SIZE / 1000

    def _name(self, face: str) -> bytes:
        return writing.name(typefaces.name(face))[1:]
