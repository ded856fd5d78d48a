"""What a file really is, by its content; the name and the sender's claim are only compared with it."""

import zipfile
from dataclasses import dataclass
from typing import BinaryIO

import magic

ZIP = "application/zip"
OLE = "application/x-ole-storage"
UNKNOWN = "application/octet-stream"
_OOXML = "application/vnd.openxmlformats-officedocument."
DOCX = _OOXML + "wordprocessingml.document"
XLSX = _OOXML + "spreadsheetml.sheet"
PPTX = _OOXML + "presentationml.presentation"
MAX_ENTRIES = 10_000
MAX_DIRECTORY_BYTES = 4 * 1024 * 1024

# What each extension promises; several types may keep one promise.
PROMISES: dict[str, frozenset[str]] = {
    "csv": frozenset({"text/csv", "text/plain"}),
    "tsv": frozenset({"text/csv", "text/plain", "text/tab-separated-values"}),
    "txt": frozenset({"text/plain", "text/csv"}),
    "log": frozenset({"text/plain", "text/csv"}),
    "md": frozenset({"text/plain"}),
    "json": frozenset({"application/json", "text/plain"}),
    "jsonl": frozenset({"application/json", "text/plain", "application/x-ndjson"}),
    "ndjson": frozenset({"application/json", "text/plain", "application/x-ndjson"}),
    "sarif": frozenset({"application/json", "text/plain"}),
    "xml": frozenset({"text/xml", "application/xml", "text/plain"}),
    "pdf": frozenset({"application/pdf"}),
    "png": frozenset({"image/png"}),
    "jpg": frozenset({"image/jpeg"}),
    "jpeg": frozenset({"image/jpeg"}),
    "gif": frozenset({"image/gif"}),
    "webp": frozenset({"image/webp"}),
    "bmp": frozenset({"image/bmp", "image/x-ms-bmp"}),
    "tif": frozenset({"image/tiff"}),
    "tiff": frozenset({"image/tiff"}),
    "heic": frozenset({"image/heic", "image/heif"}),
    "svg": frozenset({"image/svg+xml"}),
    "docx": frozenset({DOCX}),
    "xlsx": frozenset({XLSX}),
    "pptx": frozenset({PPTX}),
    "docm": frozenset({DOCX}),
    "xlsm": frozenset({XLSX}),
    "pptm": frozenset({PPTX}),
    "doc": frozenset({OLE, "application/msword"}),
    "xls": frozenset({OLE, "application/vnd.ms-excel"}),
    "ppt": frozenset({OLE, "application/vnd.ms-powerpoint"}),
    "msg": frozenset({OLE, "application/vnd.ms-outlook"}),
    "eml": frozenset({"message/rfc822", "text/plain"}),
    "zip": frozenset({ZIP}),
    "gz": frozenset({"application/gzip"}),
    "7z": frozenset({"application/x-7z-compressed"}),
    "html": frozenset({"text/html"}),
    "htm": frozenset({"text/html"}),
    "mp4": frozenset({"video/mp4"}),
}


@dataclass(frozen=True)
class ZipLook:
    """What the central directory of a zip says; nothing is unpacked."""

    readable: bool
    entries: int = 0
    plain_bytes: int = 0
    packed_bytes: int = 0
    encrypted: bool = False
    names: tuple[str, ...] = ()
    symlinks: int = 0
    reason: str = ""

    @property
    def has_macros(self) -> bool:
        return any(name.rsplit("/", 1)[-1].lower() == "vbaproject.bin" for name in self.names)


def sniffed(head: bytes) -> str:
    """The type that libmagic sees in the first bytes, with the empty file named as such."""
    if not head:
        return "inode/x-empty"
    try:
        found = magic.from_buffer(head, mime=True)
    except magic.MagicException:
        return UNKNOWN
    if found == "text/html" and not head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        # A table or log with a tag somewhere in it is no page.
        found = "text/plain"
    if found.startswith("text/") and _looks_like_json(head):
        return "application/json"
    return "application/x-ole-storage" if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") else found


def refined(mime: str, extension: str) -> str:
    """Plain text that its name calls a table: libmagic needs several lines to see one."""
    return (
        {"csv": "text/csv", "tsv": "text/tab-separated-values"}.get(extension, mime) if mime == "text/plain" else mime
    )


def is_zip(head: bytes) -> bool:
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def zip_look(file: BinaryIO, size: int) -> ZipLook:
    """Read the central directory only, within caps."""
    try:
        if _directory_bytes(file, size) > MAX_DIRECTORY_BYTES:
            return ZipLook(False, reason="its table of contents is larger than 4 MB")
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, EOFError, UnicodeDecodeError):
        return ZipLook(False, reason="its table of contents can't be read")
    if len(entries) > MAX_ENTRIES:
        return ZipLook(False, entries=len(entries), reason=f"it has more than {MAX_ENTRIES:,} entries")
    return ZipLook(
        readable=True,
        entries=len(entries),
        plain_bytes=sum(entry.file_size for entry in entries),
        packed_bytes=sum(entry.compress_size for entry in entries),
        encrypted=any(entry.flag_bits & 1 for entry in entries),
        names=tuple(entry.filename for entry in entries),
        symlinks=sum(1 for entry in entries if entry.external_attr >> 28 == 0xA),
    )


def office_type(look: ZipLook) -> str | None:
    """The Office Open XML type that a zip's entries show, or None for an ordinary zip."""
    if "[Content_Types].xml" not in look.names:
        return None
    for folder, found in (("word/", DOCX), ("xl/", XLSX), ("ppt/", PPTX)):
        if any(name.startswith(folder) for name in look.names):
            return found
    return None


def _directory_bytes(file: BinaryIO, size: int) -> int:
    tail = min(size, 65_557)
    file.seek(size - tail)
    data = file.read(tail)
    at = data.rfind(b"PK\x05\x06")
    file.seek(0)
    return int.from_bytes(data[at + 12 : at + 16], "little") if at >= 0 else 0


def _looks_like_json(head: bytes) -> bool:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    return start in (b"{", b"[") and b'"' in head
