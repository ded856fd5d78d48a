"""Sets a package's HTML as PDF with WeasyPrint. The only things it can fetch are the files named here."""

import logging
import mimetypes
from collections.abc import Callable
from pathlib import Path

import weasyprint
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

from portal.packages import book, stylesheet, typefaces
from portal.packages.edition import Edition

VARIANT = "pdf/a-3a"
PART_VARIANT = "pdf/a-3u"
STYLE = stylesheet.FOLDER


class Refusing(URLFetcher):
    """Serves `asset:NAME` from the package's own folders; anything else stops the printing."""

    def __init__(self) -> None:
        super().__init__(allowed_protocols=("asset",), allow_redirects=False, fail_on_errors=True)

    def fetch(self, url: str, headers: dict[str, str] | None = None) -> URLFetcherResponse:
        path = asset(url)
        if path is None:
            raise FatalURLFetchingError(f"A package may not fetch {url[:200]!r}.")
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return URLFetcherResponse(url, path.read_bytes(), {"Content-Type": kind})


def asset(url: str) -> Path | None:
    name = url.removeprefix("asset:")
    if name == url:
        return None
    if name == "draft.svg":
        return STYLE / "draft.svg"
    known = {f"fonts/{face.file}" for face in typefaces.faces()}
    return typefaces.FOLDER / name.removeprefix("fonts/") if name in known else None


class _Pages(logging.Handler):
    """Turns WeasyPrint's progress into page numbers."""

    def __init__(self, report: Callable[[int], None]) -> None:
        super().__init__(logging.INFO)
        self.report, self.pages = report, 0

    def emit(self, record: logging.LogRecord) -> None:
        if "Creating layout" in record.getMessage() and record.args:
            page = record.args[0] if isinstance(record.args, tuple) else None
            if isinstance(page, int) and page % 10 == 0:
                self.report(page)


def print_pdf(edition: Edition, target: Path, report: book.Report) -> tuple[int, dict[str, int]]:
    """Writes the PDF without attachments; answers the number of pages, and on which of them each anchor stands."""
    variant = VARIANT if edition.part is None else PART_VARIANT
    text = book.html(edition, report)
    html = weasyprint.HTML(string=text, url_fetcher=Refusing(), base_url="asset:")
    fonts = FontConfiguration()
    sheet = weasyprint.CSS(string=stylesheet.css(edition, text), font_config=fonts, url_fetcher=Refusing())
    progress = logging.getLogger("weasyprint.progress")
    handler = _Pages(lambda page: report("Layout", f"page {page}", 0, 0))
    progress.addHandler(handler)
    progress.setLevel(logging.INFO)
    try:
        document = html.render(font_config=fonts, stylesheets=[sheet], pdf_variant=variant)
        report("Writing", f"{len(document.pages)} pages", 0, 0)
        # Letters and digits, because it is written as a literal string; the final identifier is set when all is bound.
        document.write_pdf(target, pdf_variant=variant, pdf_identifier=edition.manifest_sha256[:16].encode())
    finally:
        progress.removeHandler(handler)
    # What runs over several pages has its anchor on each of them; the first is meant.
    numbered = reversed(list(enumerate(document.pages, 1)))
    return len(document.pages), {name: number for number, page in numbered for name in page.anchors}
