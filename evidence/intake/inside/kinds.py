"""What a file is by its first bytes: enough to choose a reader, also for a file found inside another."""

import re

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a\x07", "rar"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (OLE, "ole"),
    (b"\x89PNG\r\n\x1a\n", "image"),
    (b"\xff\xd8\xff", "image"),
    (b"GIF87a", "image"),
    (b"GIF89a", "image"),
    (b"BM", "image"),
    (b"II*\x00", "image"),
    (b"MM\x00*", "image"),
    (b"\x7fELF", "program"),
    (b"\xfe\xed\xfa\xce", "program"),
    (b"\xfe\xed\xfa\xcf", "program"),
    (b"\xcf\xfa\xed\xfe", "program"),
    (b"\xca\xfe\xba\xbe", "program"),
    (b"L\x00\x00\x00\x01\x14\x02\x00", "program"),
)
_MAIL = re.compile(
    rb"^(?:return-path|received|from|to|subject|date|message-id|mime-version|delivered-to|x-[\w-]+):", re.I
)
_HEADER = re.compile(rb"^[!-9;-~]+:[^\n]*\n(?:[ \t][^\n]*\n)*", re.M)
ARCHIVES = frozenset({"zip", "gzip", "bzip2", "xz", "7z", "rar", "zstd", "tar"})


def kind_of(start: bytes, name: str = "") -> str:
    """One of zip gzip bzip2 xz 7z rar zstd tar ole image pdf program mail json text other empty."""
    if not start:
        return "empty"
    for mark, kind in _STARTS:
        if start.startswith(mark) and not (mark == b"BM" and _is_text(start)):
            return kind
    if start.startswith(b"MZ") and not _is_text(start):
        return "program"
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "image"
    if start[257:262] == b"ustar":
        return "tar"
    if b"%PDF-" in start[:1024]:
        return "pdf"
    if not _is_text(start):
        return "other"
    return _kind_of_text(start.removeprefix(b"\xef\xbb\xbf").lstrip(), name)


def _kind_of_text(start: bytes, name: str) -> str:
    if name.lower().endswith(".eml") or (_MAIL.match(start) and len(_HEADER.findall(start[:4096])) >= 3):
        return "mail"
    if start[:1] in (b"{", b"[") and b'"' in start:
        return "json"
    return "text"


def _is_text(start: bytes) -> bool:
    if start.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        return True
    strange = sum(byte < 9 or 13 < byte < 27 or 27 < byte < 32 for byte in start)
    return strange * 50 <= len(start)
