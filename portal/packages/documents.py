"""A single document in the look of the packages, set in the same limited child process; nothing of it is stored here."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings

from evidence.errors import Unavailable
from portal.packages import children
from portal.packages.children import BuildFailed, Step

MEMORY_BYTES = 1 << 30
CPU_SECONDS = 60
ORDER = "document.json"


class NotPrinted(Unavailable):
    code = "document_not_printed"


@dataclass(frozen=True)
class Document:
    """What is to be printed. `data` is JSON: numbers, texts, lists and dicts; the template sees it as `data`."""

    template: str
    title: str
    subject: str
    organization: str
    foot: str
    at: datetime
    data: dict[str, Any]
    paper: str = "A4"


@dataclass(frozen=True)
class Printed:
    content: bytes
    sha256: str
    pages: int


def printed(document: Document, *, watch: children.Watch = lambda done, total, note: None) -> Printed:
    """The finished PDF. Raises NotPrinted, with nothing kept."""
    work = Path(settings.CLEARHOLD_WORK_DIR)
    work.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="document-", dir=work))
    try:
        (folder / "order.json").write_text("{}")
        told = asdict(document) | {"at": document.at.astimezone(UTC).isoformat(timespec="seconds")}
        (folder / ORDER).write_text(json.dumps(told))
        result = children.run(folder, [Step("document", "document", MEMORY_BYTES, CPU_SECONDS)], watch)["document"]
        content = (folder / "document.pdf").read_bytes()
    except BuildFailed as failure:
        raise NotPrinted(
            "The document could not be printed. Nothing was recorded.",
            help="Try again, or narrow it to one kind of event.",
            details={"cause": failure.message},
        ) from failure
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Printed(content, hashlib.sha256(content).hexdigest(), result["pages"])


def print_pdf(folder: Path, report: Callable[[str, str, int, int], None]) -> dict[str, Any]:
    """The child's work: the template, escaped, as a tagged PDF beside the order."""
    import weasyprint
    from django.template import Context
    from django.utils.html import format_html
    from django.utils.safestring import mark_safe
    from weasyprint.text.fonts import FontConfiguration

    from portal.packages import book, conformance, press, stylesheet, typefaces

    told = json.loads((folder / ORDER).read_text())
    report("Text", "", 0, 0)
    body = book.engine().get_template(told["template"]).render(Context(told, use_l10n=False, use_tz=False))
    when = told["at"].replace("+00:00", "Z")
    text = typefaces.showable(
        format_html(
            '{}<html lang="en"><head><meta charset="utf-8"><title>{}</title><meta name="author" content="{}">'
            '<meta name="description" content="{}"><meta name="generator" content="Clearhold">'
            '<meta name="dcterms.created" content="{}"><meta name="dcterms.modified" content="{}"></head>'
            '<body><div class="running" data-foot="{}">{}</div>{}</body></html>',
            mark_safe("<!doctype html>"),
            told["title"],
            told["organization"],
            told["subject"],
            when,
            when,
            told["foot"],
            told["organization"][:90],
            mark_safe(body),  # noqa: S308  escaped by the template
        )
    )
    fonts = FontConfiguration()
    html = weasyprint.HTML(string=text, url_fetcher=press.Refusing(), base_url="asset:")
    sheet = stylesheet.css(told["paper"], text)
    css = weasyprint.CSS(string=sheet, font_config=fonts, url_fetcher=press.Refusing())
    document = html.render(font_config=fonts, stylesheets=[css], pdf_variant=press.VARIANT)
    report("Writing", f"{len(document.pages)} pages", 0, 0)
    # Letters and digits: a carriage return in a literal string would be read back as a line feed.
    identifier = hashlib.sha256((folder / ORDER).read_bytes()).hexdigest()[:16].encode()
    document.metadata.generate_rdf_metadata = lambda *_: conformance.metadata(
        *(typefaces.showable(told[name]) for name in ("title", "organization", "subject")),
        datetime.fromisoformat(told["at"]),
        producer=f"WeasyPrint {weasyprint.__version__}",
    ).encode()
    document.write_pdf(folder / "document.pdf", pdf_variant=press.VARIANT, pdf_identifier=identifier)
    return {"pages": len(document.pages)}
