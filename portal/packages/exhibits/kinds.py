"""Which reader lays out which file: by its sniffed type first, by its name where the type leaves it open."""

from enum import StrEnum

from evidence import previews
from evidence.intake import types

OPEN = frozenset(
    {types.UNKNOWN, types.ZIP, types.OLE, "text/plain", "application/x-ole-storage", "application/CDFV2", ""}
)
TEXTS = frozenset(
    {
        "application/xml", "application/x-ndjson", "application/javascript", "application/x-yaml", "application/sql",
        "application/x-sh", "application/x-shellscript", "application/toml", "application/x-pem-file",
    }
)  # fmt: skip
HEIC = frozenset({"image/heic", "image/heif"})
SHEETS = frozenset({"xlsx", "xlsm", "xltx"})
OFFICE = frozenset(
    {"docx", "docm", "dotx", "pptx", "pptm", "ppsx", "doc", "ppt", "xls", "odt", "ods", "odp", "rtf"}
)  # fmt: skip
OFFICE_TYPES = frozenset(
    {
        types.DOCX, types.PPTX, "application/msword", "application/vnd.ms-powerpoint", "application/vnd.ms-excel",
        "text/rtf", "application/rtf",
    }
)  # fmt: skip
ARCHIVES = ("zip", "gzip", "bzip2", "x-xz", "x-7z", "x-rar", "vnd.rar", "x-tar", "zstd")


class Kind(StrEnum):
    PDF = "pdf"
    IMAGE = "image"
    TEXT = "text"
    TABLE = "table"
    WORKBOOK = "workbook"
    JSON = "json"
    MAIL = "mail"
    OFFICE = "office"
    ARCHIVE = "archive"
    OTHER = "other"


#: What is cheap to copy again is not kept from one package to the next, nor what brings other files along.
KEPT = frozenset({Kind.IMAGE, Kind.TEXT, Kind.TABLE, Kind.WORKBOOK, Kind.JSON, Kind.OFFICE})


def kind_of(media_type: str, filename: str) -> Kind:
    extension = filename.rpartition(".")[2].lower()
    named = _by_name(extension) if media_type in OPEN or "officedocument" in media_type else None
    return named or _by_type(media_type)


def _by_name(extension: str) -> Kind | None:
    if extension == "pdf":
        return Kind.PDF
    if extension in SHEETS:
        return Kind.WORKBOOK
    if extension in OFFICE:
        return Kind.OFFICE
    return Kind.MAIL if extension == "eml" else None


def _by_type(media_type: str) -> Kind:
    if media_type == "application/pdf":
        return Kind.PDF
    if media_type in previews.IMAGES or media_type in HEIC:
        return Kind.IMAGE
    if media_type in previews.TABLES:
        return Kind.TABLE
    if media_type == types.XLSX or media_type.startswith("application/vnd.ms-excel.sheet"):
        return Kind.WORKBOOK
    if media_type in OFFICE_TYPES or "opendocument" in media_type:
        return Kind.OFFICE
    if media_type in ("application/json", "application/sarif+json"):
        return Kind.JSON
    if media_type == "message/rfc822":
        return Kind.MAIL
    if media_type in TEXTS or media_type.startswith("text/"):
        return Kind.TEXT
    is_archive = media_type.removeprefix("application/").startswith(ARCHIVES)
    return Kind.ARCHIVE if is_archive else Kind.OTHER
