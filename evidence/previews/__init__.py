"""Something to look at instead of the file: text as text, pictures drawn anew; everything else has no preview.

Nothing of the file itself ever reaches a browser from here. It is read by a limited process (evidence.limited); the
bytes go to it through a pipe, never through a file.
"""

from enum import StrEnum


class Kind(StrEnum):
    TABLE = "table"
    JSON = "json"
    TEXT = "text"
    SHEET = "sheet"
    MAIL = "mail"
    DOCUMENT = "document"
    IMAGE = "image"
    PDF = "pdf"
    NONE = "none"


IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/x-ms-bmp", "image/tiff"})
TABLES = frozenset({"text/csv", "text/tab-separated-values"})
TEXTS = frozenset({"text/plain", "text/xml", "application/xml", "application/x-ndjson", "text/x-shellscript"})
_OOXML = "application/vnd.openxmlformats-officedocument."
READ = {
    "application/json": Kind.JSON,
    "application/sarif+json": Kind.JSON,
    "message/rfc822": Kind.MAIL,
    f"{_OOXML}spreadsheetml.sheet": Kind.SHEET,
    f"{_OOXML}wordprocessingml.document": Kind.DOCUMENT,
    "application/pdf": Kind.PDF,
}
PICTURES = frozenset({Kind.IMAGE, Kind.PDF})


def kind_of(mime: str) -> Kind:
    """What can be shown of a file of this sniffed type. Pages and SVG are active content and get nothing."""
    if mime in TABLES:
        return Kind.TABLE
    if mime in TEXTS:
        return Kind.TEXT
    if mime in IMAGES:
        return Kind.IMAGE
    return READ.get(mime, Kind.NONE)
