"""Sets what has no pages of its own: the text of an exhibit as pages in the type of the report, with room for the band."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

import pikepdf
import weasyprint
from django.template import Context
from django.utils.translation import get_language, gettext, ngettext
from weasyprint.text.fonts import FontConfiguration

from portal.packages import book, languages, press, stylesheet, typefaces, wording
from portal.packages.exhibits import frames, pdfs
from portal.packages.exhibits.pieces import Piece

#: Of a page without its band, in points.
SIZES = {"A4": (595.276, 841.89 - frames.BAND), "letter": (612.0, 792.0 - frames.BAND)}
HEAD = '<!doctype html>{}<head><meta charset="utf-8"></head><body>'


def lay_out(template: str, data: dict[str, Any], target: Path, paper: str) -> int:
    """Write the pages of a template, escaped, and their frames; how many there are."""
    context = Context({"data": data}, use_l10n=False, use_tz=False)
    body = book.engine().get_template(f"packages/exhibits/{template}.html").render(context)
    html = typefaces.showable(f"{HEAD.format(languages.opening(get_language()))}{body}</body></html>")
    raw = target.with_suffix(".raw")
    _print(html, raw, paper)
    with pikepdf.open(raw) as document:
        pages, placed, _ = frames.framed(document)
        with pages:
            pdfs.write(pages, placed, target)
    raw.unlink()
    return len(placed)


def heading(piece: Piece, *more: str) -> dict[str, Any]:
    """What stands above an exhibit that is laid out here."""
    told = " · ".join([wording.size(piece.size), *(words for words in more if words)])
    return {"number": piece.label, "title": piece.title[:300], "filename": piece.filename[:200], "told": told}


def prepare(paper: str) -> None:
    """Read libraries, style and common fonts before a process is copied for each exhibit."""
    _style(paper, tuple(stylesheet.faces("")))


def _print(html: str, target: Path, paper: str) -> None:
    fonts, sheet = _style(paper, tuple(stylesheet.faces(html)))
    text = weasyprint.HTML(string=html, url_fetcher=press.Refusing(), base_url="asset:")
    document = text.render(font_config=fonts, stylesheets=[sheet])
    document.write_pdf(target, pdf_identifier=b"exhibit")


@cache
def _style(paper: str, faces: tuple[typefaces.Face, ...]) -> tuple[FontConfiguration, weasyprint.CSS]:
    fonts = FontConfiguration()
    css = stylesheet.rules(faces) + _rules(paper)
    return fonts, weasyprint.CSS(string=css, font_config=fonts, url_fetcher=press.Refusing())


def _rules(paper: str) -> str:
    width, height = SIZES[paper]
    values = {
        "WIDTH": f"{width:.3f}pt",
        "HEIGHT": f"{height:.3f}pt",
        "LONG": f"{height + frames.BAND:.3f}pt",
        "SHORT": f"{width - frames.BAND:.3f}pt",
        "SANS": typefaces.stack(typefaces.SANS),
        "SERIF": typefaces.stack(typefaces.SERIF),
        "MONO": typefaces.stack(typefaces.MONO),
    }
    return Template((stylesheet.FOLDER / "exhibits.css").read_text()).substitute(values)


def lines(shown: int, total: int) -> str:
    """“Lines 1 to 2,000 of 18,345”; the count alone when all are shown."""
    if shown >= total:
        return _many(ngettext("%(number)s line", "%(number)s lines", total), total)
    return gettext("Lines 1 to %(shown)s of %(all)s") % {
        "shown": wording.figures(shown),
        "all": wording.figures(total),
    }


def rows(shown: int, total: int) -> str:
    """“Rows 1 to 1,000 of 18,345”; the count alone when all are shown."""
    if shown >= total:
        return _many(ngettext("%(number)s row", "%(number)s rows", total), total)
    return gettext("Rows 1 to %(shown)s of %(all)s") % {"shown": wording.figures(shown), "all": wording.figures(total)}


def _many(words: str, number: int) -> str:
    return words % {"number": wording.figures(number)}


def cut(values: Iterable[str], most: int) -> list[str]:
    """Texts, each no longer than so many characters, what is cut marked."""
    return [value if len(value) <= most else value[: most - 1] + "…" for value in values]
