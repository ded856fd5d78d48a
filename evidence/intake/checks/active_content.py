"""Content that can act by itself when opened: macros, scripts in pages, in images and in documents."""

from collections.abc import Iterator

from evidence.intake.checks import Incoming, Note, subject

PAGES = frozenset({"text/html", "image/svg+xml", "application/xhtml+xml"})
_PDF = {
    "pdf.script": "holds JavaScript",
    "pdf.launch": "would start another program",
    "pdf.submit": "would send data to an address",
    "pdf.opens": "acts when it is opened",
}

# What a PDF that can't be read still shows in its beginning.
_MARKS = (b"/JavaScript", b"/JS ", b"/JS(", b"/Launch", b"/OpenAction")


def check(incoming: Incoming) -> Iterator[Note]:
    for fact in incoming.look.all("macros")[:1]:
        yield Note(
            "macros", f"{subject(fact, 'document')} holds macros. It is stored as it came and never opened here."
        )
    if incoming.mime in PAGES:
        yield Note("active_page", "Pages and SVG images may hold scripts, so there is no preview; download to inspect.")
    if incoming.look.all("broken.pdf") and any(mark in incoming.head for mark in _MARKS):
        yield Note("pdf_actions", "The PDF is damaged and seems to hold actions or scripts. Nothing of it runs here.")
    found = incoming.look.all(*_PDF)
    if found:
        said = ", ".join(sorted({_PDF[fact.code] for fact in found}))
        place = subject(found[0], "PDF")
        yield Note("pdf_actions", f"{place} {said}. The preview shows its pages as images only, and nothing runs.")
