"""Lays the exhibits of a package out in volumes: what is known already is taken, the rest is made in limited processes.

Nothing of a stranger's file is parsed in this process. Originals lie in the folder of the package in the clear only as
long as it is being made.
"""

import hashlib
import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from django.utils.translation import gettext

from portal.packages import children, languages, typefaces, wording
from portal.packages.children import Step, Watch
from portal.packages.exhibits import libreoffice
from portal.packages.exhibits.kinds import KEPT, Kind, kind_of
from portal.packages.exhibits.pieces import Piece
from portal.packages.shelf import Shelf
from portal.packages.snapshot import Exhibit, Snapshot

HERE = Path(__file__).parent
TEMPLATES = Path(__file__).resolve().parents[3] / "templates" / "packages" / "exhibits"
STYLE = HERE.parent / "style" / "exhibits.css"
#: In the folder: what the process is told, and what it says that it made.
PIECES, LAID = "pieces.json", "laid.json"
MEMORY_BYTES = 1 << 30
#: Of one exhibit; what takes longer is not laid out but gets its slip sheet.
COPY_SECONDS = 60
BIND_SECONDS = 300
#: A copy that is larger is made again rather than kept.
KEPT_BYTES = 8 << 20
LIBRARIES = ("weasyprint", "pydyf", "fonttools", "pikepdf", "pillow", "tinycss2", "tinyhtml5")


@dataclass(frozen=True)
class Volume:
    """A finished volume: its name in the manifest, and where its file is."""

    path: str
    source: str
    sha256: str
    size: int
    pages: int


@dataclass(frozen=True)
class Place:
    """Where an exhibit stands. `note` is “slip sheet” or “repaired copy”; `depth` counts messages around it."""

    number: str
    filename: str
    sha256: str
    depth: int
    volume: int
    page: int
    pages: int
    note: str
    reason: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Laid:
    """The volumes, the places of exhibits in order, and what making them used."""

    volumes: tuple[Volume, ...] = ()
    places: tuple[Place, ...] = ()
    peak_bytes: int = 0
    cpu_seconds: float = 0.0

    def parts(self, number: str) -> list[Place]:
        """What was attached to an exhibit and stands behind it."""
        return [each for each in self.places if each.depth and each.number.startswith(f"{number}.")]


NONE_LAID = Laid()


def lay_out(
    folder: Path,
    snapshot: Snapshot,
    sources: Mapping[str, str],
    *,
    paper: str,
    limit_bytes: int,
    watch: Watch,
    shelf: Shelf,
) -> Laid:
    """Make the volumes in the folder; `sources` names the file of each exhibit whose bytes are there.

    Raises BuildFailed. Exhibits without bytes, and those that can't be laid out, have slip sheets.
    """
    if not snapshot.exhibits:
        return NONE_LAID
    stem = f"{snapshot.identity.ref}-issue-{snapshot.identity.issue}"
    with languages.speaking(snapshot.language):
        pieces = [_piece(exhibit, sources.get(exhibit.number, ""), stem) for exhibit in snapshot.exhibits]
    keys = {piece.number: key for piece in pieces if (key := _key(piece, paper, snapshot.language))}
    known = [number for number, key in keys.items() if _took(folder, number, key, shelf)]
    (folder / PIECES).write_text(json.dumps({"pieces": [asdict(piece) for piece in pieces], "known": known}))
    step = Step(
        "exhibits",
        "exhibits",
        MEMORY_BYTES,
        600 + COPY_SECONDS * len(pieces),
        _told(snapshot, paper, stem, limit_bytes),
    )
    result = children.run(folder, [step], watch)["exhibits"]
    laid = json.loads((folder / LAID).read_text())
    for number, key in keys.items():
        if number not in known:
            _keep(folder, number, key, shelf)
    return Laid(
        volumes=tuple(Volume(**each) for each in laid["volumes"]),
        places=tuple(Place(**each | {"notes": tuple(each["notes"])}) for each in laid["places"]),
        peak_bytes=result["peak_bytes"],
        cpu_seconds=result["cpu_seconds"],
    )


def _told(snapshot: Snapshot, paper: str, stem: str, limit_bytes: int) -> dict[str, Any]:
    identity = snapshot.identity
    when = identity.approved_at or identity.as_of
    return {
        "paper": paper,
        "language": snapshot.language,
        "stem": stem,
        "limit_bytes": limit_bytes,
        "copy_memory_bytes": MEMORY_BYTES,
        "copy_cpu_seconds": COPY_SECONDS,
        "bind_memory_bytes": MEMORY_BYTES + 2 * limit_bytes,
        "bind_cpu_seconds": BIND_SECONDS,
        "about": {
            "ref": identity.ref,
            "issue": identity.issue,
            "organization": snapshot.organization.name,
            "is_draft": identity.state not in ("sealed", "superseded"),
            "when": when.astimezone(UTC).strftime("D:%Y%m%d%H%M%SZ"),
        },
    }


def _piece(exhibit: Exhibit, source: str, stem: str) -> Piece:
    by = exhibit.collected_by or gettext("by nobody named")
    told = [(gettext("Collected"), wording.separated([wording.moment(exhibit.collected_at), by]))]
    if exhibit.period_start and exhibit.period_end:
        covered = wording.span(wording.long_day(exhibit.period_start), wording.long_day(exhibit.period_end))
        told.append((gettext("Covers"), covered))
    elif exhibit.as_of:
        told.append((gettext("As of"), wording.long_day(exhibit.as_of)))
    told.append((gettext("Source"), exhibit.source_system[:120] or gettext("Not stated")))
    if exhibit.findings:
        told.append((gettext("Used by"), wording.separated(exhibit.findings)[:300]))
    return Piece(
        number=exhibit.number,
        title=exhibit.title,
        filename=exhibit.filename,
        media_type=exhibit.media_type,
        size=exhibit.size,
        sha256=exhibit.sha256,
        source=source,
        where=_where(exhibit, stem),
        version=exhibit.version,
        missing="" if source else _missing(exhibit),
        told=tuple(told),
    )


def _missing(exhibit: Exhibit) -> str:
    reason = exhibit.not_attached or gettext("not attached")
    return gettext("Its bytes are not in this package: %(reason)s.") % {"reason": reason}


def _where(exhibit: Exhibit, stem: str) -> str:
    if exhibit.review == "disposed":
        # Translators: of an original; the reason is such as “disposed of, certificate D-0007”.
        return gettext("There is none any more: it was %(reason)s.") % {"reason": exhibit.not_attached}
    if exhibit.not_attached:
        return gettext("Not attached: %(reason)s.") % {"reason": exhibit.not_attached}
    return gettext("Attached to %(file)s, byte for byte, as %(path)s") % {"file": f"{stem}.pdf", "path": exhibit.path}


# --- what is kept from one package to the next ------------------------------------------------------------------------


def _key(piece: Piece, paper: str, language: str) -> str:
    """The hash of all that decides how a copy looks; empty for what is not kept."""
    kind = kind_of(piece.media_type, piece.filename)
    if kind not in KEPT or piece.missing:
        return ""
    shown = [
        piece.number,
        piece.title,
        piece.filename,
        piece.media_type,
        piece.size,
        piece.sha256,
        piece.version,
        paper,
        language,
    ]
    made_by = _surroundings() + (_office() if kind in (Kind.OFFICE, Kind.WORKBOOK) else b"")
    return hashlib.sha256(made_by + json.dumps(shown).encode()).hexdigest()


@cache
def _surroundings() -> bytes:
    files = [*sorted(HERE.glob("*.py")), *sorted(TEMPLATES.glob("*.html")), STYLE, typefaces.FOLDER / "index.json"]
    parts = [platform.python_version(), *(f"{name} {metadata.version(name)}" for name in LIBRARIES)]
    return hashlib.sha256("\0".join(parts).encode() + b"".join(map(Path.read_bytes, files))).digest()


def _office() -> bytes:
    program = libreoffice.program() or ""
    return f"{program} {os.stat(program).st_mtime_ns if program else 0}".encode()


def _took(folder: Path, number: str, key: str, shelf: Shelf) -> bool:
    """Put a kept copy where a reader would have written it."""
    bundle = folder / f"kept-{number}"
    if not shelf.take(key, bundle):
        return False
    head, _, data = bundle.read_bytes().partition(b"\n")
    told = json.loads(head)
    bundle.unlink()
    copy = folder / f"copy-{number}.pdf"
    copy.write_bytes(data)
    copy.with_suffix(".frames").write_text(json.dumps(told.pop("frames")))
    copy.with_suffix(".json").write_text(json.dumps(told))
    return True


def _keep(folder: Path, number: str, key: str, shelf: Shelf) -> None:
    """Keep a copy; a slip sheet names its package and is written anew."""
    copy = folder / f"copy-{number}.pdf"
    told = json.loads(copy.with_suffix(".json").read_text())
    if told["reason"] or copy.stat().st_size > KEPT_BYTES:
        return
    kept = {name: told[name] for name in ("notes", "is_repaired", "reason")}
    kept["frames"] = json.loads(copy.with_suffix(".frames").read_text())
    bundle = folder / f"kept-{number}"
    bundle.write_bytes(json.dumps(kept).encode() + b"\n" + copy.read_bytes())
    shelf.put(key, bundle)
    bundle.unlink()
