"""Writes the HTML of every unit of a package and the key by which its painted pages are known again.

A key is the hash of all that decides how a unit looks: its text, the style sheet, the fonts, our painting, the versions
of the libraries. Who opens a package, when, and whether it is a draft or sealed, is not among them.
"""

import base64
import hashlib
import json
import platform
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from weasyprint.text.ffi import harfbuzz, pango

from portal.packages import book, languages, snapshot, stylesheet, typefaces, units
from portal.packages.edition import Edition, Placed
from portal.packages.snapshot import plain

#: What was made by these is painted anew when any of them changes.
LIBRARIES = ("weasyprint", "pydyf", "fonttools", "tinycss2", "tinyhtml5", "cssselect2", "pyphen")
OWN = (
    "fontfiles.py",
    "leaves.py",
    "painting.py",
    "press.py",
    "structure.py",
    "stylesheet.py",
    "typefaces.py",
    "units.py",
)


def compose(folder: Path, order: dict[str, Any], report: book.Report) -> dict[str, Any]:
    """Writes `unit-N.html` for each unit, what the document says of itself, and the list of units with their keys."""
    rows = (folder / "snapshot.json").read_bytes()
    edition = Edition(
        snapshot=snapshot.load(rows),
        manifest_sha256=order["manifest_sha256"],
        snapshot_sha256=snapshot.digest(rows),
        paper=order["paper"],
        attachments=tuple((path, sha256) for path, sha256 in order["attachments"]),
        volumes=tuple((path, sha256, pages) for path, sha256, pages in order["volumes"]),
        placed=placed(order["places"]),
    )
    listed, known = [], set[str]()
    with languages.speaking(edition.language):
        for place, unit in enumerate(book.units(edition, report)):
            (folder / f"unit-{place}.raw").write_text(unit.html)
            known |= unit.anchors
            listed.append({"section": unit.section, "row": unit.row, "is_sub": unit.is_sub})
        about = book.about(edition)
    (folder / units.LOGO).write_bytes(base64.b64decode(edition.snapshot.organization.logo))
    begun = hashlib.sha256(surroundings(order["paper"], edition.snapshot.organization.accent, edition.language))
    for place, told in enumerate(listed):
        raw = folder / f"unit-{place}.raw"
        text = units.point_elsewhere(raw.read_text(), known)
        raw.unlink()
        (folder / f"unit-{place}.html").write_text(text)
        key = begun.copy()
        key.update(text.encode())
        told |= {"key": key.hexdigest(), "characters": len(text)}
    (folder / units.UNITS).write_text(json.dumps(listed))
    (folder / units.ABOUT).write_text(json.dumps(plain(about)))
    return {"units": len(listed)}


def placed(places: list[dict[str, Any]]) -> dict[str, Placed]:
    """Exhibits by their numbers, each with what was attached to it."""
    found: dict[str, Placed] = {}
    for each in places:
        if each["depth"]:
            continue
        parts = (one["number"] for one in places if one["depth"] and one["number"].startswith(f"{each['number']}."))
        found[each["number"]] = Placed(each["volume"], each["page"], each["pages"], each["note"], tuple(parts))
    return found


def surroundings(paper: str, accent: str = "", language: str = languages.SOURCE) -> bytes:
    """Everything besides its text that decides how a unit looks."""
    here = Path(__file__).parent
    return b"\0".join(
        [
            *(f"{name} {version}".encode() for name, version in _versions()),
            language.encode(),
            stylesheet.sheet(paper, accent=accent).encode(),
            *(hashlib.sha256((here / name).read_bytes()).digest() for name in OWN),
            *(hashlib.sha256((typefaces.FOLDER / face.file).read_bytes()).digest() for face in typefaces.faces()),
        ]
    )


def _versions() -> Iterator[tuple[str, str]]:
    yield "python", platform.python_version()
    yield from ((name, metadata.version(name)) for name in LIBRARIES)
    yield "pango", str(pango.pango_version())
    yield "harfbuzz", harfbuzz_version()


def harfbuzz_version() -> str:
    """The newest version that it says it is at least: it has no function here that names it."""
    version: tuple[int, ...] = ()
    for _ in range(3):
        padding = (0,) * (2 - len(version))
        reached = [n for n in range(100) if harfbuzz.hb_version_atleast(*version, n, *padding)]
        version += (max(reached, default=0),)
    return ".".join(map(str, version))
