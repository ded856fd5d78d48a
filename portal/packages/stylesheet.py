"""The style sheet of one printing: our own CSS with the paper's size and the fonts that its text needs."""

from collections.abc import Iterable
from pathlib import Path
from string import Template

from portal.packages import colours, typefaces
from portal.packages.edition import ACCENT

FOLDER = Path(__file__).parent / "style"
#: Letter is 18 mm shorter: what stands on one page of A4 stands on one page of it, too, with a smaller head and charts.
PAPERS = {
    "A4": {"WIDTH": "210mm", "HEIGHT": "297mm", "BLEED": "210.4mm", "TITLE_TOP": "104mm",
           "TOP": "27mm", "CHART": "39mm", "ENTRY": "1.05mm"},
    "letter": {"WIDTH": "215.9mm", "HEIGHT": "279.4mm", "BLEED": "216.3mm", "TITLE_TOP": "96mm",
               "TOP": "22mm", "CHART": "36mm", "ENTRY": ".65mm"},
}  # fmt: skip
NUMBERED = '"Page " counter(page) " of " counter(pages)'


def css(paper: str, text: str) -> str:
    """The sheet of a document that is printed in one piece and numbers its own pages."""
    return rules(faces(text)) + sheet(paper, page_number=NUMBERED)


def sheet(paper: str, page_number: str = "none", accent: str = "") -> str:
    """Without fonts; the pages of a package are numbered when its parts are bound. `accent` is a colour as #rrggbb."""
    if accent and not colours.FORM.fullmatch(accent):
        raise ValueError(f"{accent!r} is not a colour")
    values = PAPERS[paper] | {
        "ACCENT": accent or ACCENT,
        "SANS": typefaces.stack(typefaces.SANS),
        "SERIF": typefaces.stack(typefaces.SERIF),
        "MONO": typefaces.stack(typefaces.MONO),
        "PAGE_NUMBER": page_number,
    }
    return Template((FOLDER / "report.css").read_text()).substitute(values)


def faces(text: str) -> list[typefaces.Face]:
    # The sheet's own characters count too: marks and words in page margins.
    return typefaces.needed(frozenset(map(ord, text)) | frozenset(range(0x20, 0x7F)))


def rules(faces: Iterable[typefaces.Face]) -> str:
    return "".join(
        f"@font-face{{font-family:'{face.family}';font-weight:{face.weight};font-style:normal;"
        f"src:url('asset:fonts/{face.file}')}}\n"
        for face in faces
    )
