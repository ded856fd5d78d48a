"""Look into one upload and everything inside it, within one budget: the entry of the limited process."""

from typing import Any, BinaryIO

from evidence.intake.inside import archives, documents, kinds, personal, polyglots
from evidence.intake.inside.found import MAX_DEPTH, Inner, Report


def main(
    file: BinaryIO, size: int, *, name: str, look: bool, search: bool, own_domains: list[str]
) -> tuple[dict[str, Any], bytes]:
    """The facts of the file and, when asked, the places of personal data in it."""
    upload, report = Inner(file, size, name), Report()
    if look:
        _look(upload, report)
    found = personal.search(upload, frozenset(own_domains)) if search else None
    return {"facts": report.facts, "personal": found}, b""


def _look(inner: Inner, report: Report) -> None:
    report.budget.files -= 1
    if report.budget.files < 0:
        return
    kind = kinds.kind_of(inner.start(), inner.name)
    if inner.depth == 0 or kind in ("pdf", "image"):
        polyglots.look_both(inner, report, kind)
    if kind in kinds.ARCHIVES and inner.depth >= MAX_DEPTH:
        report.say("bomb.depth", inner.where)
    elif kind == "zip":
        archives.look_zip(inner, report, _look)
    elif kind == "tar":
        archives.look_tar(inner, report, _look)
    elif kind in ("gzip", "bzip2", "xz"):
        archives.look_packed(inner, report, _look, kind)
    elif kind in kinds.ARCHIVES:
        report.say("opaque", inner.where, kind)
    elif kind == "pdf":
        documents.look_pdf(inner, report, _look)
    elif kind == "image":
        documents.look_image(inner, report)
    elif kind == "mail":
        documents.look_mail(inner, report, _look)
    elif kind == "ole":
        documents.look_ole(inner, report)
    elif kind == "program" and inner.depth:
        report.say("program.inside", inner.where, inner.name)
