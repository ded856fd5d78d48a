"""Content that can act by itself when opened: macros, scripts in pages, in images and in documents."""

from collections.abc import Iterator

from evidence.intake.checks import Incoming, Note


def check(incoming: Incoming) -> Iterator[Note]:
    if incoming.zip is not None and incoming.zip.has_macros:
        yield Note("macros", "The document holds macros. It is stored as it came and never opened here.")
    if incoming.mime in {"text/html", "image/svg+xml", "application/xhtml+xml"}:
        yield Note("active_page", "Pages and SVG images may hold scripts, so there is no preview; download to inspect.")
    if incoming.mime == "application/pdf":
        head = incoming.head
        if any(mark in head for mark in (b"/JavaScript", b"/JS ", b"/JS(", b"/Launch", b"/OpenAction")):
            yield Note("pdf_actions", "The PDF holds actions or scripts. The preview shows its pages as images only.")
