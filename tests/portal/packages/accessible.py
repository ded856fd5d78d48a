"""What the conditions of PDF/UA-1 (Matterhorn Protocol 1.1) and PDF/A-3a say that a program can look at: veraPDF's part.

`faults` gives each breach in words, so that a test can show them all.
"""

from collections.abc import Iterator
from xml.etree import ElementTree

import pikepdf

PAINTS = frozenset(
    ["f", "F", "f*", "B", "B*", "b", "b*", "S", "s", "Tj", "TJ", "'", '"', "Do", "sh", "BI", "EI", "INLINE", "IMAGE"]
)
STANDARD = frozenset(
    [
        "Document",
        "Part",
        "Sect",
        "Div",
        "BlockQuote",
        "Caption",
        "P",
        "H1",
        "H2",
        "H3",
        "H4",
        "H5",
        "H6",
        "L",
        "LI",
        "Lbl",
        "LBody",
        "Table",
        "TR",
        "TH",
        "TD",
        "THead",
        "TBody",
        "TFoot",
        "Span",
        "Link",
        "Figure",
    ]
)
WITHIN = {
    "LI": {"L"}, "Lbl": {"LI"}, "LBody": {"LI"}, "TR": {"Table", "THead", "TBody", "TFoot"}, "TH": {"TR"}, "TD": {"TR"},
    "THead": {"Table"}, "TBody": {"Table"}, "TFoot": {"Table"},
}  # fmt: skip
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
UA, A = "{http://www.aiim.org/pdfua/ns/id/}", "{http://www.aiim.org/pdfa/ns/id/}"


class Tree:
    """The structure of a document, walked once."""

    def __init__(self, pdf: pikepdf.Pdf) -> None:
        self.pdf = pdf
        self.root = pdf.Root.StructTreeRoot
        self.pages = {page.obj.objgen: number for number, page in enumerate(pdf.pages)}
        #: (page, MCID) -> element, and annotation -> element, as the tree says it from above.
        self.held: dict[tuple[int, int], pikepdf.Object] = {}
        self.linked: dict[tuple[int, int], pikepdf.Object] = {}
        self.faults: list[str] = []
        self.order: list[tuple[str, pikepdf.Object]] = []
        for top in self.root.K:
            self._walk(top, self.root)

    def _walk(self, element, parent) -> None:
        role = str(element.S)[1:]
        if element.P.objgen != parent.objgen:
            self.faults.append(f"{role} does not name its parent")
        if parent is not self.root and str(parent.S)[1:] not in WITHIN.get(role, {str(parent.S)[1:]}):
            self.faults.append(f"{role} stands in {parent.S}")
        self.order.append((role, element))
        for kid in element.get("/K", []):
            if isinstance(kid, int):
                self._hold(self.pages[element.Pg.objgen], kid, element)
            elif kid.get("/Type") == "/MCR":
                self._hold(self.pages[kid.Pg.objgen], int(kid.MCID), element)
            elif kid.get("/Type") == "/OBJR":
                self.linked[kid.Obj.objgen] = element
            else:
                self._walk(kid, element)

    def _hold(self, page: int, mcid: int, element) -> None:
        if (page, mcid) in self.held:
            self.faults.append(f"content {mcid} of page {page + 1} is held twice")
        self.held[page, mcid] = element


def faults(pdf: pikepdf.Pdf) -> list[str]:
    tree = Tree(pdf)
    return [
        *tree.faults, *_roles(tree), *_headings(tree), *_tables(tree), *_contents(tree), *_links(tree),
        *_catalog(pdf), *_metadata(pdf), *_fonts(pdf), *_forbidden(pdf),
    ]  # fmt: skip


def _roles(tree: Tree) -> Iterator[str]:
    tops = [str(top.S) for top in tree.root.K]
    if tops != ["/Document"]:
        yield f"the tree begins with {tops}"
    for role, element in tree.order:
        if role not in STANDARD:
            yield f"{role} is no standard role and is not mapped"
        if role == "Figure" and not str(element.get("/Alt", "")):
            yield "a figure has no alternative text"
        if role == "Link" and not any(getattr(kid, "get", lambda _: None)("/Type") == "/OBJR" for kid in element.K):
            yield "a link has no annotation"
        if role == "LI" and not any(str(kid.S) == "/LBody" for kid in element.K):
            yield "an item of a list has no body"


def _headings(tree: Tree) -> Iterator[str]:
    before = 0
    for role, _ in tree.order:
        if len(role) == 2 and role[0] == "H":
            level = int(role[1])
            if level > before + 1:
                yield f"{role} follows H{before}"
            before = level


def _tables(tree: Tree) -> Iterator[str]:
    for role, table in tree.order:
        if role != "Table":
            continue
        rows = list(_rows(table))
        widths = {sum(_span(cell) for cell in row.get("/K", [])) for row in rows}
        if len(widths) > 1:
            yield f"the rows of a table have {sorted(widths)} columns"
        heads = [cell for row in rows for cell in row.get("/K", []) if cell.S == "/TH"]
        if not heads:
            yield "a table has no head"
        if any("/Scope" not in cell.get("/A", {}) for cell in heads):
            yield "the head of a table does not say what it heads"


def _rows(element) -> Iterator:
    for kid in element.get("/K", []):
        if kid.S == "/TR":
            yield kid
        elif kid.S in ("/THead", "/TBody", "/TFoot"):
            yield from _rows(kid)


def _span(cell) -> int:
    return int(cell.get("/A", {}).get("/ColSpan", 1))


def _contents(tree: Tree) -> Iterator[str]:
    """Each painted thing is an artifact or held by the tree, and both ways of finding the holder agree."""
    parents = dict(pikepdf.NumberTree(tree.root.ParentTree).items())
    for number, page in enumerate(tree.pdf.pages):
        if page.obj.get("/Tabs") != "/S":
            yield f"page {number + 1} has no order of tabs"
        listed = parents[int(page.obj.StructParents)]
        found = set()
        depth: list[int | None] = []
        for operands, operator in pikepdf.parse_content_stream(page):
            name = str(operator)
            if name in ("BDC", "BMC"):
                depth.append(_mcid(operands))
                if depth[-1] is not None and depth[-1] in found:
                    yield f"page {number + 1} marks {depth[-1]} twice"
                found.add(depth[-1])
            elif name == "EMC":
                depth.pop()
            elif name in PAINTS and not depth:
                yield f"page {number + 1} paints {name} that is neither tagged nor an artifact"
        found.discard(None)
        if depth:
            yield f"page {number + 1} leaves content open"
        for mcid in found:
            holder = tree.held.pop((number, mcid), None)
            if holder is None:
                yield f"content {mcid} of page {number + 1} is held by nothing"
            elif listed[mcid] is None or listed[mcid].objgen != holder.objgen:
                yield f"content {mcid} of page {number + 1} has another parent in the tree of parents"
    for page, mcid in tree.held:
        yield f"the tree holds content {mcid} that page {page + 1} does not have"


def _mcid(operands) -> int | None:
    if len(operands) == 2 and isinstance(operands[1], pikepdf.Dictionary) and "/MCID" in operands[1]:
        return int(operands[1].MCID)
    return None


def _links(tree: Tree) -> Iterator[str]:
    parents = dict(pikepdf.NumberTree(tree.root.ParentTree).items())
    names = dict(pikepdf.NameTree(tree.pdf.Root.Names.Dests).items())
    for number, page in enumerate(tree.pdf.pages):
        for note in page.obj.get("/Annots", []):
            where = f"an annotation of page {number + 1}"
            if note.Subtype == "/Widget":
                yield from _field(note, where, page.obj)
                continue
            if note.Subtype != "/Link" or "/A" in note:
                yield f"{where} is not a link inside the document"
            if str(note.Dest) not in names:
                yield f"{where} leads nowhere"
            if not str(note.get("/Contents", "")):
                yield f"{where} has no description"
            if int(note.get("/F", 0)) != 4:
                yield f"{where} is not printed"
            if note.objgen not in tree.linked:
                yield f"{where} stands outside the structure"
            elif parents[int(note.StructParent)].objgen != tree.linked[note.objgen].objgen:
                yield f"{where} has another parent in the tree of parents"


def _field(note, where: str, page) -> Iterator[str]:
    """A signature's field is no content: it stands off the page, is not hidden, and has a name."""
    left, low, right, top = (float(number) for number in note.Rect)
    if (left, low) != (right, top) or left >= 0 or low >= 0:
        yield f"{where}, a field, stands on the page and outside the structure"
    if int(note.get("/F", 0)) & 6 != 4 or page.get("/Tabs") != "/S":
        yield f"{where}, a field, is hidden, not printed, or on a page without an order"
    if note.get("/FT") != "/Sig" or not str(note.get("/TU", "")):
        yield f"{where}, a field, is no signature or has no name"


def _catalog(pdf: pikepdf.Pdf) -> Iterator[str]:
    root = pdf.Root
    if root.MarkInfo.get("/Marked") is not True or root.MarkInfo.get("/Suspects") is True:
        yield "the document does not say that it is tagged"
    if not str(root.get("/Lang", "")):
        yield "the document has no language"
    if root.ViewerPreferences.get("/DisplayDocTitle") is not True:
        yield "the title is not shown"
    intents = [intent for intent in root.OutputIntents if intent.S == "/GTS_PDFA1"]
    if len(intents) != 1 or int(intents[0].DestOutputProfile.N) != 3:
        yield "the colours have no one meaning"
    for spec in root.get("/AF", []):
        if not all(key in spec for key in ("/F", "/UF", "/AFRelationship", "/EF", "/Desc")):
            yield f"the attachment {spec.get('/UF')} is not described"
        if "/ModDate" not in spec.EF.F.Params or "/Subtype" not in spec.EF.F:
            yield f"the attachment {spec.UF} has no date or no type"
    if "/ID" not in pdf.trailer or "/Encrypt" in pdf.trailer:
        yield "the trailer has no identifier, or the file is encrypted"


def _metadata(pdf: pikepdf.Pdf) -> Iterator[str]:
    stream = pdf.Root.Metadata
    if "/Filter" in stream:
        yield "the metadata are packed"
    tree = ElementTree.fromstring(stream.read_bytes().decode())
    said = {node.tag: (node.text or "").strip() for node in tree.iter()}
    for tag, wanted in ((f"{UA}part", "1"), (f"{A}part", "3"), (f"{A}conformance", "A")):
        if said.get(tag) != wanted:
            yield f"the metadata say {said.get(tag)} for {tag}"
    items = [(node.text or "") for node in tree.iter(f"{RDF}li")]
    for key in ("/Title", "/Author", "/Subject"):
        if str(pdf.docinfo[key]) not in items:
            yield f"{key} has another text in the metadata"
    digits = "".join(char for char in said["{http://ns.adobe.com/xap/1.0/}CreateDate"] if char.isdigit())
    if str(pdf.docinfo["/CreationDate"]) != f"D:{digits}Z":
        yield "the date is another in the metadata"
    schemas = "{http://www.aiim.org/pdfa/ns/schema#}"
    if said.get(f"{schemas}prefix") != "pdfuaid" or said.get(f"{schemas}namespaceURI") != UA[1:-1]:
        yield "the part of PDF/UA is used without its schema"


def _fonts(pdf: pikepdf.Pdf) -> Iterator[str]:
    for item in pdf.objects:
        if not isinstance(item, pikepdf.Dictionary) or item.get("/Type") != "/Font":
            continue
        if item.Subtype == "/Type0":
            if "/ToUnicode" not in item:
                yield f"{item.BaseFont} cannot be read back"
            bad = [
                text for text in _meanings(item.ToUnicode.read_bytes()) if not text or text in ("0000", "feff", "fffe")
            ]
            if bad:
                yield f"{item.BaseFont} has {len(bad)} glyphs that stand for nothing"
        elif item.get("/CIDToGIDMap") != "/Identity" or "/FontFile2" not in item.FontDescriptor:
            yield f"{item.BaseFont} is not embedded"


def _meanings(cmap: bytes) -> Iterator[str]:
    for line in cmap.decode().splitlines():
        if line.startswith("<") and line.count("<") == 2 and "ffff" not in line:
            yield line.split("<")[2].rstrip(">")


def _forbidden(pdf: pikepdf.Pdf) -> Iterator[str]:
    for item in pdf.objects:
        if isinstance(item, pikepdf.Dictionary | pikepdf.Stream):
            if item.get("/S") in ("/JavaScript", "/URI", "/Launch", "/SubmitForm", "/GoToR", "/Movie", "/Sound"):
                yield f"there is an action {item.S}"
            if any(key in item for key in ("/JS", "/AA", "/OpenAction", "/XFA", "/PS", "/Ref", "/OPI")):
                yield "there is something that runs or lies outside"
            if item.get("/Filter") in ("/LZWDecode", "/Crypt"):
                yield f"a stream is packed with {item.Filter}"
