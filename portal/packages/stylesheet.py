"""The style sheet of one printing: our own CSS with the paper's size and the fonts that its text needs."""

from pathlib import Path
from string import Template

from portal.packages import typefaces
from portal.packages.edition import Edition

FOLDER = Path(__file__).parent / "style"
PAPERS = {
    "A4": {"WIDTH": "210mm", "HEIGHT": "297mm", "BLEED": "210.4mm", "TITLE_TOP": "104mm"},
    "letter": {"WIDTH": "215.9mm", "HEIGHT": "279.4mm", "BLEED": "216.3mm", "TITLE_TOP": "96mm"},
}
WATERMARK = "background:url(asset:draft.svg) no-repeat center center;background-size:210mm 297mm;"


def css(edition: Edition, text: str) -> str:
    values = PAPERS[edition.paper] | {
        "SANS": typefaces.stack(typefaces.SANS),
        "SERIF": typefaces.stack(typefaces.SERIF),
        "MONO": typefaces.stack(typefaces.MONO),
        "WATERMARK": WATERMARK if edition.is_draft else "",
        # The pages of parts are numbered when they are merged.
        "PAGE_NUMBER": '"Page " counter(page) " of " counter(pages)' if edition.part is None else "none",
    }
    sheet = Template((FOLDER / "report.css").read_text()).substitute(values)
    # The sheet's own characters count too: marks and words in page margins.
    points = frozenset(map(ord, text)) | frozenset(range(0x20, 0x7F))
    return "".join(_rule(face) for face in typefaces.needed(points)) + sheet


def _rule(face: typefaces.Face) -> str:
    return (
        f"@font-face{{font-family:'{face.family}';font-weight:{face.weight};font-style:normal;"
        f"src:url('asset:fonts/{face.file}')}}\n"
    )
