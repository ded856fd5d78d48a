"""The logical structure of a unit: one element for each that a reader should hear, however many pages it runs over.

It is read from WeasyPrint's boxes instead of taken from its tags, which repeat an element on each page, tag running
heads as text, and give an annotation to every part of a link.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

from weasyprint.formatting_structure import boxes
from weasyprint.layout.absolute import AbsolutePlaceholder

SVG = "{http://www.w3.org/2000/svg}svg"
ROLES = {
    "p": "P", "pre": "P", "blockquote": "BlockQuote", "caption": "Caption", "figcaption": "Caption",
    "table": "Table", "thead": "THead", "tbody": "TBody", "tfoot": "TFoot", "tr": "TR", "th": "TH", "td": "TD",
    "ul": "L", "ol": "L", "dl": "L", "a": "Link", **{f"h{level}": f"H{level}" for level in range(1, 7)},
}  # fmt: skip
#: What may hold text itself; other text gets a paragraph around it.
HOLDS_TEXT = frozenset({"P", "TH", "TD", "Link", "Lbl", "LBody", "Caption", "Figure", *(f"H{n}" for n in range(1, 7))})
#: An empty cell keeps its column; any other element without content says nothing.
KEPT_EMPTY = frozenset({"TH", "TD"})


@dataclass(eq=False)
class Slot:
    """A place for marked content; its number is known once it is painted."""

    page: int
    mcid: int | None = None


@dataclass(eq=False)
class Element:
    role: str
    kids: list[Any] = field(default_factory=list)
    attributes: dict[str, Any] = field(default_factory=dict)
    alt: str = ""

    def add(self, role: str) -> "Element":
        made = Element(role)
        self.kids.append(made)
        return made


@dataclass(eq=False)
class Annotation:
    """A link's rectangle on a page, in CSS pixels from the top left corner."""

    page: int
    target: str
    rectangle: tuple[float, float, float, float]

    def holds(self, other: Self) -> bool:
        x1, y1, x2, y2 = self.rectangle
        a1, b1, a2, b2 = other.rectangle
        return self.page == other.page and x1 <= a1 and y1 <= b1 and x2 >= a2 and y2 >= b2


class Tree:
    """Filled page by page; `slots` finds the place of a box, None for what is an artifact of its page."""

    def __init__(self) -> None:
        self.root = Element("Sect")
        self.slots: dict[Any, Slot] = {}
        self._made: dict[tuple[Any, str], Element] = {}
        self._headed: dict[Any, int] = {}
        self._parents: dict[Any, Any] = {}

    def read(self, page: Any, number: int) -> None:
        self.slots = {}
        self._page = number
        for child in page._page_box.children:
            # Running heads and feet are not part of what is read.
            if not isinstance(child, boxes.MarginBox):
                self._walk(child, self.root)
        self._link(page)

    def _walk(self, box: Any, parent: Element) -> None:
        if isinstance(box, AbsolutePlaceholder):
            box = box._box
        if isinstance(box, boxes.TextBox):
            self._text(box, parent)
        elif isinstance(box, boxes.ReplacedBox):
            self._figure(box, parent)
        elif isinstance(box, boxes.ParentBox):
            self._element(box, parent)

    def _text(self, box: Any, parent: Element) -> None:
        if parent.role not in HOLDS_TEXT:
            parent = self._once(parent, "P", lambda: parent.add("P"))
        self._hold(box, parent)

    def _hold(self, box: Any, parent: Element) -> None:
        slot = self.slots[box] = Slot(self._page)
        parent.kids.append(slot)

    def _figure(self, box: Any, parent: Element) -> None:
        if "art" in (box.element.get("class") or "").split():
            return
        made = parent.add("Figure")
        title = box.element.find("{http://www.w3.org/2000/svg}title") if box.element.tag == SVG else None
        made.alt = (title.text if title is not None else box.element.get("alt")) or "Figure"
        x, y = box.content_box_x(), box.content_box_y()
        made.attributes["BBox"] = [self._page, x, y, x + box.width, y + box.height]
        self._hold(box, made)

    def _element(self, box: Any, parent: Element) -> None:
        if box.is_table_wrapper:
            table = box.get_wrapped_table()
            for child in box.children:
                self._walk(child, parent) if child is not table else self._element(child, parent)
            return
        tag = "" if box.element is None or box.element_tag != box.element.tag else box.element_tag
        if tag == "table" and not isinstance(box, boxes.TableBox):
            tag = ""
        parent = self._within(tag, box, parent)
        if parent is None:
            return
        for child in box.children:
            self._walk(child, parent)

    def _within(self, tag: str, box: Any, parent: Element) -> Element | None:
        """The element for a box's content; None when this is a table's head again, on its next page."""
        element = box.element
        if tag == "thead" and self._headed.setdefault(element, self._page) != self._page:
            return None
        if tag in ("li", "dt", "dd"):
            return self._item(tag, element, parent)
        # A link that leads nowhere has become text.
        role = ROLES.get(tag, "") if tag != "a" or element.get("href") else ""
        if role in ("Table", "TR", "TBody", "THead", "TFoot") and self._is_layout(element):
            return parent
        if role in ("TD", "TH"):
            return self._cell(box, parent)
        if not role or (role == "P" and parent.role == "P"):
            # A block between blocks separates texts that stand in it directly.
            block = isinstance(box, boxes.BlockBox) and parent.role not in HOLDS_TEXT and element is not None
            holds = block and any(isinstance(child, boxes.LineBox) for child in box.children)
            return self._once(element, "P", lambda: parent.add("P")) if holds else parent
        return self._once(element, role, lambda: parent.add(role))

    def _item(self, tag: str, element: Any, parent: Element) -> Element:
        if tag == "dd" and parent.kids and isinstance(parent.kids[-1], Element) and parent.kids[-1].role == "LI":
            return self._once(element, "LBody", lambda: parent.kids[-1].add("LBody"))
        part = "Lbl" if tag == "dt" else "LBody"
        return self._once(element, part, lambda: parent.add("LI").add(part))

    def _cell(self, box: Any, parent: Element) -> Element:
        element = box.element
        if self._is_layout(element):
            return self._once(element, "P", lambda: parent.add("P"))
        scope = "Column" if box.element_tag == "th" else "Row" if self._heads_row(element) else ""
        made = self._once(element, "TH" if scope else "TD", lambda: parent.add("TH" if scope else "TD"))
        if scope:
            made.attributes["Scope"] = scope
        for name in ("ColSpan", "RowSpan"):
            if isinstance(box, boxes.TableCellBox) and getattr(box, name.lower()) != 1:
                made.attributes[name] = getattr(box, name.lower())
        return made

    def _heads_row(self, cell: Any) -> bool:
        """The first cell heads its row in a table that has no head."""
        row, table = self._parents.get(cell), self._table(cell)
        return table is not None and table.find("thead") is None and len(row) > 1 and row[0] is cell

    def _is_layout(self, element: Any) -> bool:
        table = self._table(element)
        return table is not None and table.get("role") == "presentation"

    def _table(self, element: Any) -> Any:
        while element is not None and element.tag != "table":
            element = self._parents.get(element)
        return element

    def of(self, document: Any) -> Self:
        """Remember whose child is whose: WeasyPrint's elements do not know their parents."""
        self._parents = {child: parent for parent in document.iter() for child in parent}
        return self

    def _once(self, element: Any, role: str, make: Any) -> Element:
        key = (element, role)
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def _link(self, page: Any) -> None:
        """One annotation for a link on a page, not one for each box in it."""
        kept: dict[Any, list[Annotation]] = {}
        for kind, target, rectangle, box in page.links:
            if kind not in ("internal", "external") or (box.element, "Link") not in self._made:
                continue
            found = Annotation(self._page, target, tuple(rectangle))
            others = kept.setdefault(box.element, [])
            if not any(other.holds(found) for other in others):
                others[:] = [other for other in others if not found.holds(other)]
                others.append(found)
        for element, annotations in kept.items():
            self._made[element, "Link"].kids += annotations


def pruned(element: Element) -> bool:
    """Leaves out what was never painted; whether anything is left of the element."""
    element.kids = [
        kid
        for kid in element.kids
        if isinstance(kid, Annotation) or (kid.mcid is not None if isinstance(kid, Slot) else pruned(kid))
    ]
    says = any(not isinstance(kid, Annotation) for kid in element.kids)
    return says or element.role in KEPT_EMPTY


def in_order(element: Element) -> Iterator[Element]:
    yield element
    for kid in element.kids:
        if isinstance(kid, Element):
            yield from in_order(kid)
