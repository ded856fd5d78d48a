"""Lays out what the children read, has every unit painted once, and lends the finished files; never half of one.

A package of any size is made in one way: its exhibits are laid out in volumes, whose hashes and pages the report then
names; its texts are composed, the units that no earlier package painted are painted in shards, and all are bound into
one document.
"""

import errno
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from django.utils.translation import gettext, gettext_noop

from portal.packages import children, languages, manifest, stages, typefaces, units, workplace
from portal.packages.children import BuildFailed, Step, Watch
from portal.packages.exhibits import laying
from portal.packages.exhibits.laying import Laid as LaidOut
from portal.packages.exhibits.laying import Volume
from portal.packages.proving import Proving
from portal.packages.shelf import NOTHING_KEPT, Shelf
from portal.packages.snapshot import Exhibit, Laid, Made, Snapshot, digest, pieces, plain
from portal.packages.stages import Stage

__all__ = ["BuildFailed", "Fetch", "Printed", "Watch", "printed"]

MEMORY_BYTES = 1 << 30
CPU_SECONDS = 300
#: Of one shard; what takes longer is not laid out but stuck.
SHARD_CPU_SECONDS = 240

#: A volume of exhibits is closed before it grows above this, unless the organization says otherwise.
VOLUME_BYTES = 200 << 20

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
    #: Their files lie in the folder, too.
    volumes: tuple[Volume, ...]
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
    volume_bytes: int = VOLUME_BYTES,
) -> Iterator[Printed]:
    """Sets the package and lends the finished files; the folder is gone when the block ends, whatever happened."""
    with _room(), workplace.lent(work) as folder:
        began = time.monotonic()
        formed, result = _formed(folder, snapshot, watch)
        sources = _fetch(folder, snapshot, fetch, watch)
        laid = laying.lay_out(
            folder,
            snapshot,
            sources,
            paper=paper,
            limit_bytes=volume_bytes,
            watch=_at(Stage.EXHIBITS, watch),
            shelf=shelf,
        )
        files = [*formed, *manifest.head(snapshot), *proving.files]
        listed = manifest.build(snapshot, files, proving.withheld, laid)
        _lay_out(folder, snapshot, files, listed, paper, laid)
        used = {"peak_bytes": laid.peak_bytes, "cpu_seconds": laid.cpu_seconds}
        results = [result, used, *_set(folder, snapshot, shelf, watch)]
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
            volumes=tuple(replace(volume, source=str(folder / volume.source)) for volume in laid.volumes),
            peak_bytes=max(result["peak_bytes"] for result in results),
            cpu_seconds=round(sum(result["cpu_seconds"] for result in results), 2),
            seconds=round(time.monotonic() - began, 2),
        )


def _at(stage: Stage, watch: Watch) -> Watch:
    """Tells the stage with each note."""
    return lambda done, total, note: watch(done, total, stages.said(stage, note))


def _waiting(stage: Stage, watch: Watch) -> Watch:
    """For a stage whose parts are too quick to be counted."""
    return lambda done, total, note: watch(0, 1, stages.said(stage, note))


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
    result = children.run(folder, [step], _waiting(Stage.FORMS, watch))["forms"]
    return [rows, *(Laid(**told, place=folder / told["path"]) for told in result["files"])], result


def _set(folder: Path, snapshot: Snapshot, shelf: Shelf, watch: Watch) -> list[dict[str, Any]]:
    """Compose, paint what is not known yet, bind. Each stage counts its own parts."""
    cpu = CPU_SECONDS + len(snapshot.findings) // 10
    compose = Step("compose", "compose", MEMORY_BYTES, cpu)
    results = [children.run(folder, [compose], _waiting(Stage.TEXTS, watch))["compose"]]
    told = json.loads((folder / units.UNITS).read_text())
    missing = [place for place, unit in enumerate(told) if not shelf.take(unit["key"], folder / f"leaf-{place}")]
    known = len(told) - len(missing)
    if missing:
        begun: set[str] = set()

        def painted(done: int, total: int, note: str) -> None:
            # A shard counts once it is whole, but it names each unit that it begins: those before the last are done.
            begun.add(note)
            done = max(done, len(begun) - units.AT_ONCE)
            watch(known + min(done, len(missing)), len(told), stages.said(Stage.PAGES, note))

        results.append(_paint(folder, told, missing, painted))
        for place in missing:
            shelf.put(told[place]["key"], folder / f"leaf-{place}")
    bind = Step("bind", "bind", MEMORY_BYTES, cpu)
    results.append(children.run(folder, [bind], _at(Stage.BINDING, watch))["bind"])
    shelf.tidy()
    return results


def _paint(folder: Path, told: list[dict[str, Any]], missing: list[int], watch: Watch) -> dict[str, Any]:
    cut = [[missing[at] for at in shard] for shard in units.shards([told[place]["characters"] for place in missing])]
    limits = {"shard_memory_bytes": MEMORY_BYTES, "shard_cpu_seconds": SHARD_CPU_SECONDS, "shards": cut}
    wall = SHARD_CPU_SECONDS * (1 + len(cut))
    result: dict[str, Any] = children.run(folder, [Step("paint", "paint", MEMORY_BYTES, wall, limits)], watch)["paint"]
    return result


def _fetch(folder: Path, snapshot: Snapshot, fetch: Fetch, watch: Watch) -> dict[str, str]:
    """Writes the exhibits' bytes; the file of each by its number. One whose bytes are not those of its hash stops it."""
    held = [exhibit for exhibit in snapshot.exhibits if exhibit.has_bytes]
    sources = {}
    for done, exhibit in enumerate(held):
        watch(done, len(held), stages.said(Stage.EXHIBITS, exhibit.number))
        sources[exhibit.number] = f"exhibit-{exhibit.number}"
        with (folder / sources[exhibit.number]).open("wb") as target:
            fetch(exhibit, target)
        _check(folder / sources[exhibit.number], exhibit)
    return sources


def _lay_out(
    folder: Path, snapshot: Snapshot, files: list[Made | Laid], listed: bytes, paper: str, laid: LaidOut
) -> None:
    """Writes what the children read."""
    when = plain(snapshot.identity.as_of)
    own = [Made(manifest.NAME, listed, "application/json", "Data", gettext_noop("Every file of this package")), *files]
    enclosures = []
    for file in own:
        if isinstance(file, Made):
            (folder / file.path).write_bytes(file.data)
        with languages.speaking(snapshot.language):
            note = gettext(file.note)
        enclosures.append(_enclosure(file.path, file.path, file.media_type, file.relationship, note, when))
    for exhibit in snapshot.exhibits:
        if exhibit.not_attached:
            continue
        title = typefaces.showable(f"{exhibit.number}: {exhibit.title}")[:200]
        dated = plain(exhibit.collected_at) or when
        source = f"exhibit-{exhibit.number}"
        enclosures.append(_enclosure(exhibit.path, source, exhibit.media_type, "Supplement", title, dated))
    order = {
        "paper": paper,
        "accent": snapshot.organization.accent,
        "language": snapshot.language,
        "manifest_sha256": digest(listed),
        "attachments": [(file.path, file.sha256) for file in own],
        "enclosures": enclosures,
        "volumes": [(volume.path, volume.sha256, volume.pages) for volume in laid.volumes],
        "places": [plain(place) for place in laid.places],
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
