"""How fast stored bytes come back: the end of a large file, and a whole check against bare hashing and opening."""

import hashlib
import os
import time
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.test import override_settings

from bench.figures import Figure, figure, in_turn
from evidence.identifiers import uuid7
from evidence.vault import services as vault

MB = 1024 * 1024
CHUNK = 64 * 1024
LARGE, CHECKED = 2048, 256
BARE_KEY = bytes(32)


class Made:
    """Bytes that are made when read; a copy of them stands nowhere."""

    def __init__(self, megabytes: int) -> None:
        self.left, self.piece = megabytes, os.urandom(MB)

    def read(self, size: int) -> bytes:
        if not self.left:
            return b""
        self.left -= 1
        return self.piece


def measure(found: list[Figure], var: Path, *, full: bool = False) -> None:
    """Append the reading of the last megabyte of 2 GB, and the speed of a check as a ratio."""
    folder = var / "bench-vault"
    with override_settings(CLEARHOLD_BLOBS_DIR=folder, CLEARHOLD_BLOB_BACKEND="local"):
        organization = uuid7()
        large = vault.store(Made(LARGE), organization_id=organization, limit_bytes=2**40)
        try:
            found.append(figure("last MB of a 2 GB file", last_megabyte_ms(large), "ms", limit=50))
        finally:
            vault.discard(large)
        megabytes, yardstick = LARGE if full else CHECKED, folder / "bare"
        small = vault.store(Made(megabytes), organization_id=organization, limit_bytes=2**40)
        try:
            write_bare(yardstick, megabytes)
            ours, bare = in_turn(lambda: checked_mb_s(small), lambda: bare_mb_s(yardstick), rounds=5)
            found.append(figure("check of stored files", ours, "MB per CPU s", reference=bare, limit=0.5, least=True))
        finally:
            vault.discard(small)
            yardstick.unlink(missing_ok=True)


def last_megabyte_ms(sealed: vault.Sealed) -> float:
    """The quickest of nine: from asking for the file to the last byte, key and header included."""
    times = []
    for _ in range(9):
        begin = time.perf_counter()
        size = sum(map(len, vault.open(sealed, sealed.size - MB, MB)))
        times.append((time.perf_counter() - begin) * 1000)
        if size != MB:
            raise RuntimeError(f"{size} bytes came back")
    return min(times)


def checked_mb_s(sealed: vault.Sealed) -> float:
    """What `verify_vault`, the daily check and “Verify all now” do with each file, per second of CPU."""
    begin = time.process_time()
    size = sum(map(len, vault.open(sealed)))
    return size / MB / (time.process_time() - begin)


def bare_mb_s(path: Path) -> float:
    """The yardstick: as many bytes read, opened in chunks of 64 KiB and hashed, with nothing around it."""
    cipher, digest, index, done = AESGCM(BARE_KEY), hashlib.sha256(), 0, 0
    begin = time.process_time()
    with path.open("rb", buffering=0) as file:
        while sealed := file.read(CHUNK + 16):
            plain = cipher.decrypt(index.to_bytes(12), sealed, None)
            digest.update(plain)
            index, done = index + 1, done + len(plain)
    return done / MB / (time.process_time() - begin)


def write_bare(path: Path, megabytes: int) -> None:
    """The yardstick's own file."""
    cipher, source, index = AESGCM(BARE_KEY), Made(megabytes), 0
    with path.open("wb") as file:
        while piece := source.read(MB):
            for at in range(0, MB, CHUNK):
                file.write(cipher.encrypt(index.to_bytes(12), piece[at : at + CHUNK], None))
                index += 1
