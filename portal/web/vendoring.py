"""Third-party files that the pages ship: what they are, that they are unchanged, and their licences.

`vendor.toml` is the list; nothing is fetched while the portal runs.
"""

import hashlib
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = ROOT / "vendor.toml"
NOTICE = ROOT / "NOTICE"
FOLDERS = ("portal/static/vendor", "portal/web/vendored")

HEAD = """Clearhold
Copyright the Clearhold authors. Licensed under the Apache License, Version 2.0.

This product ships the files below, unchanged, under their own licences. Python dependencies are installed,
not shipped, and listed in requirements.txt.
This file is written by `manage.py vendor --notice`.
"""


@dataclass(frozen=True, slots=True)
class Vendored:
    name: str
    version: str
    licence: str
    source: str
    folder: str
    licence_file: str
    files: dict[str, str]

    def paths(self) -> Iterator[tuple[Path, str]]:
        for name, digest in self.files.items():
            yield ROOT / self.folder / name, digest


def read() -> list[Vendored]:
    return [Vendored(**entry) for entry in tomllib.loads(MANIFEST.read_text())["package"]]


def faults() -> list[str]:
    """What is wrong: a changed, missing or unlisted file, or a NOTICE that was not written again."""
    found, listed = [], set()
    for package in read():
        for path, digest in package.paths():
            listed.add(path)
            relative = path.relative_to(ROOT)
            if not path.is_file():
                found.append(f"{relative} is missing")
            elif hashlib.sha256(path.read_bytes()).hexdigest() != digest:
                found.append(f"{relative} differs from what {package.name} {package.version} published")
        if package.licence_file not in package.files:
            found.append(f"{package.name} has no licence file")
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and path not in listed:
                found.append(f"{path.relative_to(ROOT)} is not listed in vendor.toml")
    if not NOTICE.is_file() or NOTICE.read_text() != notice():
        found.append("NOTICE is out of date: run manage.py vendor --notice")
    return found


def notice() -> str:
    parts = [HEAD]
    for package in read():
        title = f"{package.name} {package.version} ({package.licence})"
        text = (ROOT / package.folder / package.licence_file).read_text().strip()
        parts.append(f"{'-' * 100}\n{title}\n{package.source}\n\n{text}\n")
    return "\n".join(parts)
