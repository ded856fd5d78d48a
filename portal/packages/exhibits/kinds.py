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
#: Beside what has a preview in the portal.
IMAGES = (
    previews.IMAGES
    | HEIC
    | {"image/avif", "image/jp2", "image/jpx", "image/jpm", "image/x-jp2-codestream", "image/j2c"}
)
SHEETS = frozenset({"xlsx", "xlsm", "xltx"})
OFFICE = frozenset(
    {
        "docx", "docm", "dotx", "dotm", "pptx", "pptm", "ppsx", "ppsm", "potx", "potm", "doc", "dot", "ppt", "pps", "pot",
        "xls", "xlt", "xlsb", "odt", "ott", "ods", "ots", "odp", "otp", "odg", "otg", "sxw", "sxc", "sxi", "sxd", "vsd",
        "vss", "vst", "vsdx", "vsdm", "rtf",
    }
)  # fmt: skip
OFFICE_TYPES = frozenset(
    {
        types.DOCX, types.PPTX, "application/msword", "application/vnd.ms-powerpoint", "application/vnd.ms-excel",
        "text/rtf", "application/rtf", "application/vnd.visio", "application/vnd.ms-visio.drawing.main+xml",
        "application/vnd.ms-excel.sheet.binary.macroenabled.12",
    }
)  # fmt: skip
ARCHIVES = (
    "zip",
    "x-zip",
    "java-archive",
    "gzip",
    "x-gzip",
    "bzip2",
    "x-bzip2",
    "x-xz",
    "x-lzma",
    "x-7z",
    "x-rar",
    "vnd.rar",
    "x-tar",
    "zstd",
)


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
    if media_type.startswith("text/") and extension in SHEETS | OFFICE:
        # A table or a page that some program writes under the name of an office document is text; rich text is not.
        return _by_type(media_type)
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
    if media_type in IMAGES:
        return Kind.IMAGE
    if media_type in previews.TABLES:
        return Kind.TABLE
    if media_type in OFFICE_TYPES or "opendocument" in media_type or "vnd.sun.xml" in media_type:
        return Kind.OFFICE
    if media_type == types.XLSX or media_type.startswith("application/vnd.ms-excel.sheet"):
        return Kind.WORKBOOK
    if media_type in ("application/json", "application/sarif+json"):
        return Kind.JSON
    if media_type == "message/rfc822":
        return Kind.MAIL
    if media_type in TEXTS or media_type.startswith("text/"):
        return Kind.TEXT
    is_archive = media_type.removeprefix("application/").startswith(ARCHIVES)
    return Kind.ARCHIVE if is_archive else Kind.OTHER
