"""Files that are two things at once: one program sees a picture, another a page or an archive."""

import re

from evidence.intake.inside.found import Inner, Report

EDGE_BYTES = 64 * 1024
_PAGE = re.compile(rb"<\s*(?:script|html|!doctype\s+html|\?php|svg\b[^>]*\bonload)", re.I)
# "GIF89a/*" and "GIF89a=": the size of the picture read as the beginning of a script.
_SCRIPT_START = re.compile(rb"GIF8[79]a\s*(?:/\*|=)")


def look_both(inner: Inner, report: Report, kind: str) -> None:
    head, tail = inner.start(EDGE_BYTES), _tail(inner)
    if kind == "image":
        if _SCRIPT_START.match(head):
            report.say("polyglot", inner.where, "an image and a script")
        if _PAGE.search(head) or _PAGE.search(tail):
            report.say("polyglot", inner.where, "an image and a page or program")
    if kind == "pdf":
        begin, end = head.find(b"%PDF-"), tail.rfind(b"%%EOF")
        outside = head[:begin] + (tail[end:] if end >= 0 else b"") + head[begin : begin + 512].split(b" obj")[0]
        if _PAGE.search(outside):
            report.say("polyglot", inner.where, "a PDF and a page")
    if kind not in ("zip", "gzip", "bzip2", "xz", "tar") and _has_zip_end(inner, tail):
        report.say("polyglot", inner.where, f"{_WORDS.get(kind, 'a file')} and a ZIP archive")
    if kind == "zip" and b"%PDF-" in head[:1024] and b"%%EOF" in tail:
        report.say("polyglot", inner.where, "a ZIP archive and a PDF")


_WORDS = {
    "image": "an image",
    "pdf": "a PDF",
    "program": "a program",
    "text": "a text",
    "json": "a text",
    "mail": "an e-mail",
}


def _tail(inner: Inner) -> bytes:
    inner.file.seek(max(0, inner.size - EDGE_BYTES))
    return inner.file.read(EDGE_BYTES)


def _has_zip_end(inner: Inner, tail: bytes) -> bool:
    """An end record whose table of contents stands where it says, or just before it."""
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < 22:
        return False
    length = int.from_bytes(tail[at + 12 : at + 16], "little")
    offset = inner.size - len(tail) + at - length
    if length == 0 or offset < 0:
        return False
    inner.file.seek(offset)
    return inner.file.read(4) == b"PK\x01\x02"
