"""What a file really is, by its content; the name and the sender's claim are only compared with it."""

import magic

ZIP = "application/zip"
OLE = "application/x-ole-storage"
UNKNOWN = "application/octet-stream"
_OOXML = "application/vnd.openxmlformats-officedocument."
DOCX = _OOXML + "wordprocessingml.document"
XLSX = _OOXML + "spreadsheetml.sheet"
PPTX = _OOXML + "presentationml.presentation"

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
    """Plain text that its name calls a table or an e-mail: libmagic needs several lines to see one."""
    known = {"csv": "text/csv", "tsv": "text/tab-separated-values", "eml": "message/rfc822"}
    return known.get(extension, mime) if mime == "text/plain" else mime


def office_type(kind: str) -> str | None:
    """The Office Open XML type that a look into the zip found, or None for an ordinary zip."""
    return {"docx": DOCX, "xlsx": XLSX, "pptx": PPTX}.get(kind)


def _looks_like_json(head: bytes) -> bool:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:2]
    # Rich text begins with a brace, too, which no JSON puts in front of a backslash.
    return start[:1] in (b"{", b"[") and start != b"{\\" and b'"' in head
