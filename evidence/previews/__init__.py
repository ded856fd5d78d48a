"""Something to look at instead of the file: text as text, pictures drawn anew; everything else has no preview.

Nothing of the file itself ever reaches a browser from here. Pictures and PDF pages are parsed by a child process
with limits of memory and time; the bytes go to it through a pipe, never through a file.
"""

from enum import StrEnum


class Kind(StrEnum):
    TABLE = "table"
    JSON = "json"
    TEXT = "text"
    IMAGE = "image"
    PDF = "pdf"
    NONE = "none"


IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/x-ms-bmp", "image/tiff"})
TABLES = frozenset({"text/csv", "text/tab-separated-values"})
TEXTS = frozenset(
    {"text/plain", "text/xml", "application/xml", "message/rfc822", "application/x-ndjson", "text/x-shellscript"}
)


def kind_of(mime: str) -> Kind:
    """What can be shown of a file of this sniffed type. Pages and SVG are active content and get nothing."""
    if mime in TABLES:
        return Kind.TABLE
    if mime in ("application/json", "application/sarif+json"):
        return Kind.JSON
    if mime in TEXTS:
        return Kind.TEXT
    if mime in IMAGES:
        return Kind.IMAGE
    return Kind.PDF if mime == "application/pdf" else Kind.NONE
