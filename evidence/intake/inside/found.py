"""What the readers report, and how much they may still read: facts with a code, and one budget for a whole upload."""

import io
from dataclasses import dataclass, field
from typing import Any, BinaryIO

MAX_DEPTH = 3
MAX_ENTRIES = 10_000
INNER_BYTES = 16 * 1024 * 1024
COUNT_BYTES = 384 * 1024 * 1024
MAX_FACTS = 300
MAX_FILES = 2_000


@dataclass
class Budget:
    """Shared by a file and everything inside it, so that nesting buys nothing."""

    count_bytes: int = COUNT_BYTES
    files: int = MAX_FILES


@dataclass
class Report:
    """Facts in the order they were found. `where` is the path of names from the upload to the inner file."""

    facts: list[dict[str, Any]] = field(default_factory=list)
    budget: Budget = field(default_factory=Budget)

    def say(self, code: str, where: tuple[str, ...] = (), detail: str = "", count: int = 1) -> None:
        if len(self.facts) < MAX_FACTS:
            self.facts.append({"code": code, "where": list(where), "detail": detail[:300], "count": count})


@dataclass(frozen=True)
class Inner:
    """A file, or one inside another, with where it was found. `depth` counts the containers around it."""

    file: BinaryIO
    size: int
    name: str = ""
    where: tuple[str, ...] = ()

    @property
    def depth(self) -> int:
        return len(self.where)

    def start(self, length: int = 4096) -> bytes:
        self.file.seek(0)
        return self.file.read(length)

    def whole(self, most: int = INNER_BYTES) -> bytes | None:
        """All of it, or None when it is larger than may be held in memory."""
        if self.size > most:
            return None
        self.file.seek(0)
        return self.file.read(self.size)

    def holds(self, data: bytes, name: str) -> "Inner":
        """A file found inside this one."""
        return Inner(io.BytesIO(data), len(data), name, (*self.where, name or "unnamed"))
