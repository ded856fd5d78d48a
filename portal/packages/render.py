"""Lays out what the children read, has every unit painted once, and lends the finished file; never half of one.

A package of any size is made in one way: its texts are composed, the units that no earlier package painted are painted
in shards, and all are bound into one document.
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

from portal.packages import children, manifest, typefaces, units, workplace
from portal.packages.children import BuildFailed, Step, Watch
from portal.packages.proving import Proving
from portal.packages.shelf import NOTHING_KEPT, Shelf
from portal.packages.snapshot import Exhibit, Laid, Made, Snapshot, digest, pieces, plain

__all__ = ["BuildFailed", "Fetch", "Printed", "Watch", "printed"]

MEMORY_BYTES = 1 << 30
CPU_SECONDS = 300
#: Of one shard; what takes longer is not laid out but stuck.
SHARD_CPU_SECONDS = 240

#: Writes the original bytes of an exhibit into the open file.
Fetch = Callable[[Exhibit, BinaryIO], None]


@dataclass(frozen=True)
class Printed:
    """`peak_bytes` is the highest of any one child, `cpu_seconds` the sum of all. Paths are good while it is lent."""

    path: Path
    pages: int
    sha256: str
    size: int
    manifest: bytes
    manifest_sha256: str
    snapshot: Path
    snapshot_sha256: str
    files: tuple[Made | Laid, ...]
    peak_bytes: int
    cpu_seconds: float
    seconds: float


@contextmanager
def printed(
    snapshot: Snapshot,
    fetch: Fetch,
    proving: Proving,
    *,
    paper: str,
    watch: Watch,
    work: Path | None = None,
    shelf: Shelf = NOTHING_KEPT,
) -> Iterator[Printed]:
    """Sets the package and lends the finished file; the folder is gone when the block ends, whatever happened."""
    with _room(), workplace.lent(work) as folder:
        began = time.monotonic()
        formed, result = _formed(folder, snapshot, watch)
        files = [*formed, *manifest.head(snapshot), *proving.files]
        listed = manifest.build(snapshot, files, proving.withheld)
        _lay_out(folder, snapshot, files, listed, paper, fetch, watch)
        results = [result, *_set(folder, snapshot, shelf, watch)]
        yield Printed(
            path=folder / "package.pdf",
            pages=results[-1]["pages"],
            sha256=results[-1]["sha256"],
            size=results[-1]["size"],
            manifest=listed,
            manifest_sha256=digest(listed),
            snapshot=formed[0].place,
            snapshot_sha256=formed[0].sha256,
            files=tuple(files),
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


def _formed(folder: Path, snapshot: Snapshot, watch: Watch) -> tuple[list[Laid], dict[str, Any]]:
    """The rows and every other form of them, on disk; a process of its own makes the forms, for they are many times the rows."""
    place = folder / manifest.ROWS
    with place.open("w+b") as file:
        file.writelines(pieces(snapshot))
        file.seek(0)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    rows = Laid(manifest.ROWS, place.stat().st_size, sha256, "application/json", "Source", manifest.ROWS_NOTE, place)
    (folder / "order.json").write_text("{}")
    step = Step("forms", "forms", MEMORY_BYTES, CPU_SECONDS + len(snapshot.findings) // 10)
    result = children.run(folder, [step], lambda done, total, note: watch(0, 1, note))["forms"]
    return [rows, *(Laid(**told, place=folder / told["path"]) for told in result["files"])], result


def _set(folder: Path, snapshot: Snapshot, shelf: Shelf, watch: Watch) -> list[dict[str, Any]]:
    """Compose, paint what is not known yet, bind. Progress counts the units, once it is known how many there are."""
    cpu = CPU_SECONDS + len(snapshot.findings) // 10
    compose = Step("compose", "compose", MEMORY_BYTES, cpu)
    results = [children.run(folder, [compose], lambda done, total, note: watch(0, 1, note))["compose"]]
    told = json.loads((folder / units.UNITS).read_text())
    missing = [place for place, unit in enumerate(told) if not shelf.take(unit["key"], folder / f"leaf-{place}")]
    known = len(told) - len(missing)
    if missing:

        def painted(done: int, total: int, note: str) -> None:
            watch(known + min(done, len(missing)), len(told) + 1, note)

        results.append(_paint(folder, told, missing, painted))
        for place in missing:
            shelf.put(told[place]["key"], folder / f"leaf-{place}")
    bind = Step("bind", "bind", MEMORY_BYTES, cpu)
    results.append(
        children.run(folder, [bind], lambda done, total, note: watch(len(told), len(told) + 1, note))["bind"]
    )
    shelf.tidy()
    return results


def _paint(folder: Path, told: list[dict[str, Any]], missing: list[int], watch: Watch) -> dict[str, Any]:
    cut = [[missing[at] for at in shard] for shard in units.shards([told[place]["characters"] for place in missing])]
    limits = {"shard_memory_bytes": MEMORY_BYTES, "shard_cpu_seconds": SHARD_CPU_SECONDS, "shards": cut}
    wall = SHARD_CPU_SECONDS * (1 + len(cut))
    result: dict[str, Any] = children.run(folder, [Step("paint", "paint", MEMORY_BYTES, wall, limits)], watch)["paint"]
    return result


def _lay_out(
    folder: Path,
    snapshot: Snapshot,
    files: list[Made | Laid],
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
        if isinstance(file, Made):
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
        "accent": snapshot.organization.accent,
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
