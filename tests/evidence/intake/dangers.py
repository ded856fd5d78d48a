"""Files made to do harm, by the recipes that the field knows; made when they are needed, never kept in the project."""

import io
import stat
import struct
import zipfile
import zlib

import pikepdf

MB = 1024 * 1024


def zipped(entries: dict[str, bytes], *, stored: bool = False) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return target.getvalue()


def zeros(size: int = 1024 * MB) -> bytes:
    """One entry of zeros: a gigabyte in a megabyte."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("zeros.bin", "w") as entry:
        for _ in range(size // MB):
            entry.write(bytes(MB))
    return target.getvalue()


def nested(levels: int = 5, copies: int = 10) -> bytes:
    """Ten copies in each of five levels."""
    data = zipped({"zeros.bin": bytes(MB)})
    for level in range(levels - 1):
        data = zipped({f"{level}-{copy}.zip": data for copy in range(copies)})
    return data


def lying() -> bytes:
    """The table of contents says 100 bytes, the stream gives five megabytes."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("small.txt", bytes(range(256)) * 20_000)
        archive.writestr("random.bin", bytes((n * 7919 >> 3) & 255 for n in range(200_000)))
    data = bytearray(target.getvalue())
    at = data.find(b"PK\x01\x02")
    data[at + 24 : at + 28] = (100).to_bytes(4, "little")
    return bytes(data)


def many(entries: int = 70_000) -> bytes:
    """More empty names than the old format can count."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for number in range(entries):
            archive.writestr(f"{number:x}", b"")
    return target.getvalue()


def overlapping(entries: int = 250) -> bytes:
    """Many names for the bytes of one entry, as David Fifield's bomb has them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = packer.compress(bytes(4 * MB)) + packer.flush()
    crc = zlib.crc32(bytes(4 * MB))
    local = struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, 8, 0, 0, crc, len(body), 4 * MB, 1, 0) + b"a" + body
    directory = b""
    for number in range(entries):
        name = f"{number:03d}".encode()
        directory += struct.pack(
            "<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, 0, 8, 0, 0, crc, len(body), 4 * MB, len(name), 0, 0, 0, 0, 0, 0
        )
        directory += name
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, entries, entries, len(directory), len(local), 0)
    return local + directory + end


def gzipped(size: int = 512 * MB) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(bytes(MB)) for _ in range(size // MB)) + packer.flush()


def linked() -> bytes:
    """A symbolic link, and a file that goes through it."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        link = zipfile.ZipInfo("out")
        link.create_system = 3
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc")
        archive.writestr("out/passwd", b"root::0:0")
    return target.getvalue()


def pdf(**parts: object) -> bytes:
    """A page with, as asked, `script`, `launch`, `attached` (bytes) and `password`."""
    with pikepdf.new() as made:
        made.add_blank_page()
        if script := parts.get("script"):
            made.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=str(script))
        if parts.get("launch"):
            made.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.Launch, F="calc.exe")
        if attached := parts.get("attached"):
            made.attachments["inner.bin"] = attached
        target = io.BytesIO()
        secret = str(parts.get("password", ""))
        if "password" in parts:
            made.save(target, encryption=pikepdf.Encryption(owner="owner", user=secret))
        else:
            made.save(target)
    return target.getvalue()


def png(width: int = 4, height: int = 4, rows: bytes | None = None) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    plain = rows if rows is not None else (b"\x00" + bytes(3 * width)) * height
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(plain)) + chunk(b"IEND", b"")


GIF = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
GIF_SCRIPT = b"GIF89a/*" + GIF[8:] + b"*/=1;alert(document.domain)//"
SCRIPT = "top.postMessage('ran','*');document.title='RAN';fetch('/ran-by-evidence')"
SVG = f'<svg xmlns="http://www.w3.org/2000/svg" onload="{SCRIPT}"><script>{SCRIPT}</script></svg>'.encode()
HTML = f'<!doctype html><html><body onload="{SCRIPT}"><script>{SCRIPT}</script></body></html>'.encode()
EXE = b"MZ\x90\x00\x03" + bytes(300)
