"""Lays out what the children read, has the package set whole or in parts, and lends the finished file; never half of one.

A small package is set whole, so that its tags, links and page numbers come from one layout (PDF/A-3a). A large one is
set in parts with a small limit each, two at once, and merged.
"""

import errno
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from portal.packages import children, manifest, parts, typefaces, workplace
from portal.packages.children import BuildFailed, Step, Watch
from portal.packages.proving import Proving
from portal.packages.snapshot import Exhibit, Made, Snapshot, digest, plain

__all__ = ["BuildFailed", "Fetch", "Printed", "Watch", "printed"]

MEMORY_BYTES = 1 << 30
CPU_SECONDS = 300
AT_ONCE = 2

#: Writes the original bytes of an exhibit into the open file.
Fetch = Callable[[Exhibit, BinaryIO], None]


@dataclass(frozen=True)
class Printed:
    """`peak_bytes` is the highest of any one child, `cpu_seconds` the sum of all."""

    path: Path
    pages: int
    sha256: str
    size: int
    manifest: bytes
    manifest_sha256: str
    snapshot: bytes
    peak_bytes: int
    cpu_seconds: float
    seconds: float


@contextmanager
def printed(
    snapshot: Snapshot, fetch: Fetch, proving: Proving, *, paper: str, watch: Watch, work: Path | None = None
) -> Iterator[Printed]:
    """Sets the package and lends the finished file; the folder is gone when the block ends, whatever happened."""
    with _room(), workplace.lent(work) as folder:
        began = time.monotonic()
        files = [*manifest.made_files(snapshot), *proving.files]
        listed = manifest.build(snapshot, files, proving.withheld)
        _lay_out(folder, snapshot, files, listed, paper, fetch, watch)
        cut = parts.cut(snapshot)
        results = _in_parts(folder, snapshot, cut, watch) if cut else _whole(folder, snapshot, watch)
        yield Printed(
            path=folder / "package.pdf",
            pages=results[-1]["pages"],
            sha256=results[-1]["sha256"],
            size=results[-1]["size"],
            manifest=listed,
            manifest_sha256=digest(listed),
            snapshot=next(file.data for file in files if file.path == "snapshot.json"),
            peak_bytes=max(result["peak_bytes"] for result in results),
            cpu_seconds=round(sum(result["cpu_seconds"] for result in results), 2),
            seconds=round(time.monotonic() - began, 2),
        )


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        if fault.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise BuildFailed(
            "There is no space left where packages are set. No package was made.", code="no_room", help=children.NO_ROOM
        ) from fault


def _whole(folder: Path, snapshot: Snapshot, watch: Watch) -> list[dict[str, Any]]:
    memory = MEMORY_BYTES + 3 * _attached_bytes(snapshot)
    return [children.run(folder, [Step("whole", "whole", memory, CPU_SECONDS)], watch)["whole"]]


def _in_parts(folder: Path, snapshot: Snapshot, cut: tuple[parts.Part, ...], watch: Watch) -> list[dict[str, Any]]:
    """Findings and back first, then the front twice: once to count its pages, once with the numbers of the others."""
    front, *rest = cut
    total = len(rest) + 4
    memory = MEMORY_BYTES + 20_000 * len(snapshot.findings)
    cpu = CPU_SECONDS + len(snapshot.findings) // 4
    steps = [Step(part.name, "part", memory, cpu, _told(part)) for part in (*rest, front)]
    made = children.run(folder, steps, watch, at_once=AT_ONCE, total=total)
    numbers: dict[str, int] = {}
    start = made[front.name]["pages"]
    for part in rest:
        numbers |= {name: start + page for name, page in made[part.name]["anchors"].items()}
        start += made[part.name]["pages"]
    again = Step("front-numbered", "part", memory, cpu, _told(front) | {"numbers": numbers})
    made |= children.run(folder, [again], watch, done=len(steps), total=total)
    if made["front-numbered"]["pages"] != made[front.name]["pages"]:
        raise BuildFailed("The contents did not settle: their page numbers moved them. No package was made.")
    sources = ["front-numbered.pdf", *(f"{part.name}.pdf" for part in rest)]
    binding_memory = 2 * MEMORY_BYTES + 3 * _attached_bytes(snapshot)
    bind = Step("bind", "bind", binding_memory, cpu, {"sources": sources})
    made |= children.run(folder, [bind], watch, done=len(steps) + 1, total=total)
    return list(made.values())


def _told(part: parts.Part) -> dict[str, Any]:
    return {"part": {"name": part.name, "is_front": part.is_front, "findings": part.findings}}


def _attached_bytes(snapshot: Snapshot) -> int:
    return sum(exhibit.size for exhibit in snapshot.exhibits if not exhibit.not_attached)


def _lay_out(
    folder: Path,
    snapshot: Snapshot,
    files: list[Made],
    listed: bytes,
    paper: str,
    fetch: Fetch,
    watch: Watch,
) -> None:
    """Writes what the children read; an exhibit whose bytes are not those of its hash stops the build."""
    when = plain(snapshot.identity.as_of)
    own = [Made(manifest.NAME, listed, "application/json", "Data", "Every file of this package"), *files]
    enclosures = []
    for file in own:
        (folder / file.path).write_bytes(file.data)
        enclosures.append(_enclosure(file.path, file.path, file.media_type, file.relationship, file.note, when))
    attached = [exhibit for exhibit in snapshot.exhibits if not exhibit.not_attached]
    for done, exhibit in enumerate(attached):
        watch(done, len(attached), f"Exhibit {exhibit.number}")
        name = f"exhibit-{exhibit.number}"
        with (folder / name).open("wb") as target:
            fetch(exhibit, target)
        _check(folder / name, exhibit)
        title = typefaces.showable(f"{exhibit.number}: {exhibit.title}")[:200]
        dated = plain(exhibit.collected_at) or when
        enclosures.append(_enclosure(exhibit.path, name, exhibit.media_type, "Supplement", title, dated))
    order = {
        "paper": paper,
        "manifest_sha256": digest(listed),
        "attachments": [(file.path, file.sha256) for file in own],
        "enclosures": enclosures,
    }
    (folder / "order.json").write_text(json.dumps(order))


def _enclosure(path: str, source: str, media_type: str, relationship: str, note: str, dated: str) -> dict[str, str]:
    return {
        "path": path,
        "source": source,
        "media_type": media_type or "application/octet-stream",
        "relationship": relationship,
        "description": note,
        "dated": dated,
    }


def _check(path: Path, exhibit: Exhibit) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != exhibit.sha256:
        raise BuildFailed(
            f"Exhibit {exhibit.number} has changed since it was received: its SHA-256 is {found[:16]}…, "
            f"not {exhibit.sha256[:16]}…. No package was made.",
            code="exhibit_altered",
            help="Run manage.py verify_vault and tell your administrator.",
        )
