"""Makes one document of painted units: pages, one tree of tags, links, outline, page numbers, marks, attached files.

Units come one after the other and none is kept, so memory does not grow with the package. Tagged throughout, whatever
the number of its pages: PDF/A-3a and PDF/UA-1 (portal/packages/conformance.py says so in the metadata).
"""

import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from django.utils.translation import gettext, pgettext

from portal.packages import conformance, leaves, typefaces, writing
from portal.packages.leaves import Index, Leaf, Number
from portal.packages.lettering import Lettering
from portal.packages.writing import PIECE_BYTES, Writer

#: How many entries stand in one leaf of a tree of names, numbers or pages.
BRANCH = 128
MILLIMETRES = 72 / 25.4
# As @bottom-right of the style sheet sets it: 7 pt, 20 mm from the right edge, its line 6 mm into the bottom margin.
SIZE, RIGHT, BASELINE = 7.0, 20 * MILLIMETRES, (24 - 6) * MILLIMETRES - 6.6
INK = (0.0549, 0.1059, 0.1725)
#: The word “draft” across a page: strokes about its middle, y downwards, in the ink at a twentieth on white.
DRAFT = (
    b"/Artifact <</Type/Background>> BDC q .953 .956 .959 RG 13 w 1 0 0 -1 %s %s cm .5878 -.809 .809 .5878 0 0 cm "
    b"-250 -60 m -250 60 l -216 60 l -187.3 60 -164 33.1 -164 0 c -164 -33.1 -187.3 -60 -216 -60 c h "
    b"-138 60 m -138 -60 l -94 -60 l -76.3 -60 -62 -45.7 -62 -28 c -62 -10.3 -76.3 4 -94 4 c -138 4 l -92 4 m -52 60 l "
    b"-34 60 m 16 -60 l 66 60 l -16 22 m 48 22 l 92 60 m 92 -60 l 166 -60 l 92 -4 m 154 -4 l "
    b"180 -52 m 272 -52 l 226 -52 m 226 60 l S Q EMC"
)
#: A word in its place is as high and as wide at most.
MARK_SIZE, MARK_WIDTH = 150.0, 560.0
NAMED = re.compile(rb"\x01(\w+)\x02")


@dataclass(frozen=True)
class Bound:
    """A painted unit in its place: how to read it, and whether it hangs beneath the one before in the outline."""

    read: Callable[[], bytes]
    label: str
    is_sub: bool = False


@dataclass(frozen=True)
class Enclosure:
    """A file to attach: its name inside, where its bytes are, what it is to the document."""

    path: str
    source: Path
    media_type: str
    relationship: str
    description: str
    dated: datetime


@dataclass(frozen=True)
class About:
    """What the document says of itself. `when` is a moment of its data, never of its making."""

    title: str
    subject: str
    author: str
    when: datetime
    is_draft: bool = False
    language: str = "en"


Report = Callable[[int, int], None]


def assemble(
    writer: Writer,
    units: Sequence[Bound],
    enclosures: Iterable[Enclosure],
    about: About,
    identifier: bytes,
    report: Report,
) -> int:
    """Writes the whole document; answers how many pages it has."""
    return _Assembly(writer, units, about).write(enclosures, identifier, report)


class _Assembly:
    def __init__(self, writer: Writer, units: Sequence[Bound], about: About) -> None:
        self.writer, self.units, self.about = writer, units, about
        self.lettering = Lettering()
        self.starts: list[int] = []
        self.places: dict[str, tuple[int, float, float]] = {}
        self.outline: list[tuple[str, int, float, bool]] = []
        self.total = self.links = 0
        for unit in units:
            self._note(unit, leaves.index(unit.read()))
        self.first = writer.number(self.total)
        self.root, self.document, self.fonts = (writer.number() for _ in range(3))
        #: What each key of the tree of parents leads to: for pages their lists, then for links their elements.
        self.parents = array("Q", bytes(8 * (self.total + self.links)))
        self.parts: list[int] = []
        self.branches = [writer.number() for _ in range(0, self.total, BRANCH)]
        self._shared: dict[Any, int] = {}
        self._linked = 0

    def _note(self, unit: Bound, index: Index) -> None:
        start = self.total
        self.starts.append(start)
        for name, page, x, y in index.anchors:
            self.places.setdefault(name, (start + page, x, y))
        self.outline += [(label, start + page, y, unit.is_sub) for label, page, y in index.outline]
        self.lettering.take(index.letters)
        self.total += index.pages
        self.links += index.links

    def write(self, enclosures: Iterable[Enclosure], identifier: bytes, report: Report) -> int:
        for done, (unit, start) in enumerate(zip(self.units, self.starts, strict=True)):
            if done % 50 == 0:
                report(done, len(self.units))
            self._leaf(leaves.load(unit.read()), start)
        self.writer.put(self.fonts, self.lettering.write(self.writer))
        self._structure()
        catalog = [
            b"/Type/Catalog/Pages %d 0 R" % self._pages(),
            b"/StructTreeRoot %d 0 R/MarkInfo<</Marked true>>/Lang%s" % (self.root, writing.text(self.about.language)),
            b"/ViewerPreferences<</DisplayDocTitle true>>/PageMode/UseOutlines/Outlines %d 0 R" % self._outline(),
            b"/PageLabels<</Nums[0<</S/D/St 1>>]>>",
            self._names(enclosures),
            conformance.declared(self.writer, self.about),
        ]
        root = self.writer.add(b"<<" + b"".join(catalog) + b">>")
        info = self.writer.add(conformance.information(self.about))
        self.writer.close(root, info, identifier)
        return self.total

    # --- pages --------------------------------------------------------------------------------------------------------

    def _leaf(self, leaf: Leaf, start: int) -> None:
        elements = self.writer.number(len(leaf.elements))
        links = self.writer.number(len(leaf.links)) if leaf.links else 0
        self.parts.append(elements)
        resources = self._resources(leaf)
        for page, content in enumerate(leaf.contents):
            on = [links + place for place, link in enumerate(leaf.links) if link.page == page]
            self._page(leaf, start, page, content, resources, on)
            holders = (b"null" if place < 0 else b"%d 0 R" % (elements + place) for place in leaf.parents[page])
            self.parents[start + page] = self.writer.add(b"[" + b" ".join(holders) + b"]")
        for place, link in enumerate(leaf.links):
            self._link(links + place, link, start)
            self.parents[self.total + self._linked] = elements + link.element
            self._linked += 1
        for place, told in enumerate(leaf.elements):
            self.writer.put(elements + place, self._element(told, elements, links, self.first + start))

    def _page(self, leaf: Leaf, start: int, page: int, content: bytes, resources: int, links: list[int]) -> None:
        number = start + page
        width, height = leaf.size
        contents = [self.writer.add_stream(content, is_packed=True)]
        if self.about.is_draft:
            contents.insert(0, self._draft(width, height))
        stamped = b"\n".join(self._stamps(leaf.numbers[page], number, width))
        if stamped:
            contents.append(self.writer.add_stream(stamped))
        box = writing.numbers((0, 0, width, height))
        self.writer.put(
            self.first + number,
            b"<</Type/Page/Parent %d 0 R/MediaBox%s/TrimBox%s/BleedBox%s/Contents%s/Resources %d 0 R/Tabs/S"
            b"/StructParents %d%s>>"
            % (
                self.branches[number // BRANCH], box, box, box, writing.references(contents), resources, number,
                b"/Annots" + writing.references(links) if links else b"",
            ),
        )  # fmt: skip

    def _draft(self, width: float, height: float) -> int:
        key = ("draft", width, height)
        if key not in self._shared:
            middle = (writing.number(width / 2), writing.number(height / 2))
            self._shared[key] = self.writer.add_stream(self._marked(middle))
        return self._shared[key]

    def _marked(self, middle: tuple[bytes, bytes]) -> bytes:
        """In another language its own word where the face has its letters, else the strokes."""
        # Translators: the mark across every page of a draft, in capital letters.
        word, face = pgettext("mark across a page", "DRAFT"), typefaces.figures(600)
        if word == "DRAFT" or not self.lettering.covers(face, word):
            return DRAFT % middle
        glyphs, width = self.lettering.set(face, word)
        size = min(MARK_SIZE, MARK_WIDTH * 1000 / width)
        return (
            b"/Artifact <</Type/Background>> BDC q .953 .956 .959 rg .5878 .809 -.809 .5878 %s %s cm "
            b"BT /%s %s Tf %s %s Td %s Tj ET Q EMC"
        ) % (
            *middle, typefaces.name(face).encode(), writing.number(size), writing.number(-width * size / 2000),
            writing.number(-size / 3), glyphs,
        )  # fmt: skip

    @cached_property
    def _counted(self) -> str:
        """How a page is numbered; in figures alone where the face, which is Latin, lacks a letter of the words."""
        pattern = gettext("Page %(page)s of %(pages)s")
        is_covered = self.lettering.covers(typefaces.figures(600), pattern % {"page": 1, "pages": self.total})
        return pattern if is_covered else "%(page)s / %(pages)s"

    def _stamps(self, numbers: Sequence[Number], page: int, width: float) -> Iterator[bytes]:
        for each in numbers:
            if each.target in self.places:
                text = str(self.places[each.target][0] + 1)
                drawn = self._drawn(text, each.face, each.size, each.x, each.y, each.colour)
                yield b"/Span <</MCID %d>> BDC %s EMC" % (each.mcid, drawn)
        if page:
            text = self._counted % {"page": page + 1, "pages": self.total}
            drawn = self._drawn(text, typefaces.figures(600), SIZE, width - RIGHT, BASELINE, INK)
            yield b"/Artifact <</Type/Pagination/Subtype/Footer>> BDC %s EMC" % drawn

    def _drawn(self, text: str, face: str, size: float, right: float, y: float, colour: Iterable[float]) -> bytes:
        glyphs, width = self.lettering.set(face, text)
        inked = b" ".join(writing.number(part) for part in colour)
        x = writing.number(right - width * size / 1000)
        return b"BT /%s %s Tf %s rg %s %s Td %s Tj ET" % (
            typefaces.name(face).encode(), writing.number(size), inked, x, writing.number(y), glyphs,
        )  # fmt: skip

    def _resources(self, leaf: Leaf) -> int:
        """Pages with the same resources share them."""
        if not leaf.things:
            if leaf.resources not in self._shared:
                self._shared[leaf.resources] = self.writer.add(self._resolved(leaf.resources, 0))
            return self._shared[leaf.resources]
        things = self.writer.number(len(leaf.things))
        for place, (about, data) in enumerate(leaf.things):
            body = self._resolved(about, things)
            if data:
                self.writer.put_stream(things + place, data, body.removeprefix(b"<<").removesuffix(b">>"))
            else:
                self.writer.put(things + place, body)
        return self.writer.add(self._resolved(leaf.resources, things))

    def _resolved(self, told: str, things: int) -> bytes:
        def named(match: re.Match[bytes]) -> bytes:
            return b"%d 0 R" % (self.fonts if match[1] == b"F" else things + int(match[1]))

        return NAMED.sub(named, told.encode("latin-1"))

    def _link(self, number: int, link: leaves.Link, start: int) -> None:
        page = self.places[link.target][0]
        self.writer.put(
            number,
            b"<</Type/Annot/Subtype/Link/Rect%s/BS<</W 0>>/F 4/P %d 0 R/StructParent %d/Contents%s/Dest%s>>"
            % (
                writing.numbers(link.rectangle), self.first + start + link.page, self.total + self._linked,
                writing.text(gettext("Go to page %(page)s") % {"page": page + 1}), writing.text(link.target),
            ),
        )  # fmt: skip

    # --- structure ----------------------------------------------------------------------------------------------------

    def _element(self, told: list[Any], elements: int, links: int, pages: int) -> bytes:
        role, parent, page, kids, attributes, alt = told
        body = [
            b"<</Type/StructElem/S/%s/P %d 0 R" % (role.encode(), self.document if parent < 0 else elements + parent)
        ]
        if page >= 0:
            body.append(b"/Pg %d 0 R" % (pages + page))
        if kids:
            body.append(b"/K[" + b" ".join(self._kid(kid, page, elements, links, pages) for kid in kids) + b"]")
        if alt:
            body.append(b"/Alt" + writing.text(alt))
        if attributes:
            owner = b"Layout" if "BBox" in attributes else b"Table"
            body.append(b"/A<</O/%s%s>>" % (owner, b"".join(map(_attribute, sorted(attributes.items())))))
        return b"".join(body) + b">>"

    def _kid(self, kid: Any, page: int, elements: int, links: int, pages: int) -> bytes:
        if isinstance(kid, int):
            return b"%d" % kid
        if isinstance(kid, list):
            return b"<</Type/MCR/Pg %d 0 R/MCID %d>>" % (pages + kid[0], kid[1])
        if kid.startswith("L"):
            return b"<</Type/OBJR/Obj %d 0 R>>" % (links + int(kid[1:]))
        return b"%d 0 R" % (elements + int(kid))

    def _structure(self) -> None:
        self.writer.put(
            self.document,
            b"<</Type/StructElem/S/Document/P %d 0 R/K%s>>" % (self.root, writing.references(self.parts)),
        )
        keys = range(len(self.parents))
        entries = [(b"%d" % key, b"%d 0 R" % self.parents[key]) for key in keys]
        tree = self._tree(b"/Nums", entries)
        self.writer.put(
            self.root,
            b"<</Type/StructTreeRoot/K[%d 0 R]/ParentTree %d 0 R/ParentTreeNextKey %d/RoleMap<<>>>>"
            % (self.document, tree, len(entries)),
        )

    # --- the document -------------------------------------------------------------------------------------------------

    def _pages(self) -> int:
        root = self.writer.number()
        for place, branch in enumerate(self.branches):
            start = place * BRANCH
            pages = range(self.first + start, self.first + min(start + BRANCH, self.total))
            body = b"<</Type/Pages/Parent %d 0 R/Count %d/Kids%s>>" % (root, len(pages), writing.references(pages))
            self.writer.put(branch, body)
        body = b"<</Type/Pages/Count %d/Kids%s>>" % (self.total, writing.references(self.branches))
        self.writer.put(root, body)
        return root

    def _outline(self) -> int:
        """Findings hang beneath the entry before them, closed, so that the sections stay in sight."""
        groups: list[list[int]] = []
        for place, (_, _, _, is_sub) in enumerate(self.outline):
            if is_sub and groups:
                groups[-1].append(place)
            else:
                groups.append([place])
        root = self.writer.number()
        items = self.writer.number(len(self.outline))
        tops = [group[0] for group in groups]
        for group in groups:
            head, subs = group[0], group[1:]
            extra = b""
            if subs:
                extra = b"/First %d 0 R/Last %d 0 R/Count -%d" % (items + subs[0], items + subs[-1], len(subs))
                for at in range(len(subs)):
                    self.writer.put(items + subs[at], self._entry(subs, at, items + head, items))
            self.writer.put(items + head, self._entry(tops, tops.index(head), root, items, extra))
        ends = b"/First %d 0 R/Last %d 0 R/Count %d" % (items + tops[0], items + tops[-1], len(tops)) if tops else b""
        self.writer.put(root, b"<</Type/Outlines%s>>" % ends)
        return root

    def _entry(self, siblings: list[int], at: int, parent: int, items: int, extra: bytes = b"") -> bytes:
        label, page, y, _ = self.outline[siblings[at]]
        before = b"/Prev %d 0 R" % (items + siblings[at - 1]) if at else b""
        after = b"/Next %d 0 R" % (items + siblings[at + 1]) if at + 1 < len(siblings) else b""
        where = b"[%d 0 R/XYZ 0 %s 0]" % (self.first + page, writing.number(y))
        return b"<</Title%s/Parent %d 0 R/Dest%s%s%s%s>>" % (writing.text(label), parent, where, before, after, extra)

    def _names(self, enclosures: Iterable[Enclosure]) -> bytes:
        places = [
            (writing.text(name), b"[%d 0 R/XYZ %s %s 0]" % (self.first + page, writing.number(x), writing.number(y)))
            for name, (page, x, y) in self.places.items()
        ]
        files = [(writing.text(each.path), b"%d 0 R" % self._file(each)) for each in enclosures]
        associated = b"[" + b" ".join(reference for _, reference in files) + b"]"
        return b"/Names<</Dests %d 0 R/EmbeddedFiles %d 0 R>>/AF%s" % (
            self._tree(b"/Names", sorted(places, key=_by_name)),
            self._tree(b"/Names", sorted(files, key=_by_name)),
            associated,
        )

    def _file(self, enclosure: Enclosure) -> int:
        size = enclosure.source.stat().st_size
        dated = conformance.pdf_date(enclosure.dated)
        number = self.writer.number()
        self.writer.put_file(
            number,
            _pieces(enclosure.source),
            b"/Type /EmbeddedFile /Subtype %s /Params <</Size %d /CreationDate %s /ModDate %s>>"
            % (writing.name(enclosure.media_type), size, dated, dated),
        )
        name = writing.text(enclosure.path)
        return self.writer.add(
            b"<</Type/Filespec/F%s/UF%s/Desc%s/AFRelationship%s/EF<</F %d 0 R/UF %d 0 R>>>>"
            % (name, name, writing.text(enclosure.description), writing.name(enclosure.relationship), number, number)
        )

    def _tree(self, kind: bytes, entries: list[tuple[bytes, bytes]]) -> int:
        """A tree of names or numbers, of two levels."""
        if not entries:
            return self.writer.add(b"<<%s[]>>" % kind)
        kids = []
        for start in range(0, len(entries), BRANCH):
            some = entries[start : start + BRANCH]
            listed = b" ".join(key + b" " + value for key, value in some)
            kids.append(self.writer.add(b"<</Limits[%s %s]%s[%s]>>" % (some[0][0], some[-1][0], kind, listed)))
        return self.writer.add(b"<</Kids%s>>" % writing.references(kids))


def _by_name(entry: tuple[bytes, bytes]) -> bytes:
    """Names are in the order of their bytes as read, not as written."""
    written = entry[0]
    if written.startswith(b"<"):
        return bytes.fromhex(written[1:-1].decode())
    return re.sub(rb"\\(.)", rb"\1", written[1:-1])


def _attribute(item: tuple[str, Any]) -> bytes:
    name, value = item
    if isinstance(value, str):
        return b"/%s/%s" % (name.encode(), value.encode())
    if isinstance(value, list):
        return b"/%s%s" % (name.encode(), writing.numbers(value))
    return b"/%s %d" % (name.encode(), value)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece
