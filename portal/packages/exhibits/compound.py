"""Compound files, in which Office before 2007, Outlook and encrypted documents lie: their streams by name ([MS-CFB])."""

import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
MOST_BYTES = 256 << 20
MOST_ENTRIES = 50_000
LAST = 0xFFFFFFFA
NOTHING = 0xFFFFFFFF
STORAGE, STREAM, ROOT = 1, 2, 5


@dataclass(frozen=True)
class Entry:
    name: str
    kind: int
    left: int
    right: int
    child: int
    start: int
    size: int


class Compound:
    """Raises ValueError where the file is none, or contradicts itself."""

    def __init__(self, data: bytes) -> None:
        if not data.startswith(MAGIC) or len(data) < 512:
            raise ValueError("no compound file")
        self._data = data
        major, self._shift, self._mini_shift = struct.unpack_from("<H2xHH", data, 26)
        if self._shift not in (9, 12) or self._mini_shift != 6:
            raise ValueError("sectors of an impossible size")
        first, self._cutoff, mini = struct.unpack_from("<I4xII", data, 48)
        self._fat = self._table(self._sectors_of_fat())
        self._entries = self._directory(self._chain(first, self._fat), major)
        self._mini_fat = self._table(self._chain(mini, self._fat))
        root = self._entries[0]
        self._mini = self._joined(self._chain(root.start, self._fat))
        self._paths: dict[str, Entry] = dict(self._walked())

    @property
    def names(self) -> frozenset[str]:
        """The streams and storages, each with the storages around it: “ObjectPool/_123/Workbook”."""
        return frozenset(self._paths)

    def stream(self, path: str) -> bytes:
        """Raises KeyError where there is none."""
        entry = self._paths[path]
        if entry.kind != STREAM:
            raise KeyError(path)
        if entry.size >= self._cutoff:
            return self._joined(self._chain(entry.start, self._fat))[: entry.size]
        step = 1 << self._mini_shift
        parts = (self._mini[at * step : (at + 1) * step] for at in self._chain(entry.start, self._mini_fat))
        return b"".join(parts)[: entry.size]

    def _sector(self, at: int) -> bytes:
        start = (at + 1) << self._shift
        return self._data[start : start + (1 << self._shift)]

    def _sectors_of_fat(self) -> Iterator[int]:
        data = self._data
        yield from (at for at in struct.unpack_from("<109I", data, 76) if at < LAST)
        at = struct.unpack_from("<I", data, 68)[0]
        seen: set[int] = set()
        while at < LAST and at not in seen:
            seen.add(at)
            found = self._table([at])
            yield from (each for each in found[:-1] if each < LAST)
            at = found[-1] if found else NOTHING

    def _table(self, sectors: Iterator[int] | list[int]) -> "array[int]":
        table = array("I")
        for at in sectors:
            part = self._sector(at)
            table.frombytes(part[: len(part) // 4 * 4])
        return table

    def _chain(self, start: int, table: "array[int]") -> Iterator[int]:
        at, left = start, len(table)
        while at < LAST:
            if at >= len(table) or left <= 0:
                raise ValueError("a chain of sectors that does not end")
            yield at
            at, left = table[at], left - 1

    def _joined(self, sectors: Iterator[int]) -> bytes:
        return b"".join(map(self._sector, sectors))

    def _directory(self, sectors: Iterator[int], major: int) -> list[Entry]:
        data = self._joined(sectors)
        entries = []
        for at in range(0, min(len(data), MOST_ENTRIES * 128), 128):
            raw = data[at : at + 128]
            if len(raw) < 128:
                break
            length, kind = struct.unpack_from("<HB", raw, 64)
            left, right, child = struct.unpack_from("<III", raw, 68)
            start, size = struct.unpack_from("<IQ", raw, 116)
            name = raw[: max(0, min(length, 64) - 2)].decode("utf-16-le", "replace")
            entries.append(Entry(name, kind, left, right, child, start, size & 0xFFFFFFFF if major < 4 else size))
        if not entries:
            raise ValueError("no directory")
        return entries

    def _walked(self) -> Iterator[tuple[str, Entry]]:
        waiting, seen = [("", self._entries[0].child)], set[int]()
        while waiting:
            folder, at = waiting.pop()
            if at >= len(self._entries) or at in seen:
                continue
            seen.add(at)
            entry = self._entries[at]
            yield f"{folder}{entry.name}", entry
            waiting += [(folder, entry.left), (folder, entry.right)]
            if entry.kind == STORAGE:
                waiting.append((f"{folder}{entry.name}/", entry.child))
