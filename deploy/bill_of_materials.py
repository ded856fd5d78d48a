"""The software bill of materials (CycloneDX 1.6): what an installation is made of, read from the pinned requirements.

`python deploy/bill_of_materials.py [FILE]`, by default var/bom.cdx.json. It needs no settings and no database. The same
tree and packages give the same bytes: there is no time in it, and its serial number comes from what it lists. It refuses a
requirement without a version or without hashes.
"""

import hashlib
import json
import re
import sys
import tomllib
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PINNED = ROOT / "requirements.txt"
VENDORED = ROOT / "vendor.toml"
PRODUCT = "clearhold"
_HEAD = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+)(?:\[[^]]*\])?==(?P<version>[^\s;\\]+)(?:\s*;\s*(?P<marker>[^\\]+?))?\s*\\?$"
)
_HASH = re.compile(r"\s+--hash=sha256:([0-9a-f]{64})")
_ASKED = re.compile(r"requirements\.in|-r ")
# Licences as some packages still spell them, to the identifiers of SPDX.
SPDX = {
    "apache 2.0": "Apache-2.0", "apache license 2.0": "Apache-2.0", "apache-2.0": "Apache-2.0",
    "apache software license": "Apache-2.0", "apache license, version 2.0": "Apache-2.0", "bsd": "BSD-3-Clause",
    "bsd license": "BSD-3-Clause", "bsd-3-clause": "BSD-3-Clause", "3-clause bsd license": "BSD-3-Clause",
    "bsd-2-clause": "BSD-2-Clause", "mit": "MIT", "mit license": "MIT", "isc": "ISC", "isc license (iscl)": "ISC",
    "mpl-2.0": "MPL-2.0", "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0", "psfl": "PSF-2.0", "psf": "PSF-2.0",
    "psf-2.0": "PSF-2.0", "python software foundation license": "PSF-2.0", "lgplv3": "LGPL-3.0-only",
    "gnu lesser general public license v3 (lgplv3)": "LGPL-3.0-only", "the unlicense (unlicense)": "Unlicense",
}  # fmt: skip


class Unpinned(ValueError):
    """A requirement that nobody can check: no version, or no hash."""


@dataclass
class Requirement:
    """One pinned package of requirements.txt, and which others asked for it."""

    name: str
    version: str
    marker: str
    hashes: list[str] = field(default_factory=list)
    needed_by: list[str] = field(default_factory=list)
    is_asked_for: bool = False

    @property
    def purl(self) -> str:
        return f"pkg:pypi/{normal(self.name)}@{self.version}"


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements(text: str) -> list[Requirement]:
    """What the file pins, in its order. Raises Unpinned."""
    found: list[Requirement] = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if not line[0].isspace():
            head = _HEAD.match(line)
            if head is None:
                raise Unpinned(f"no version is pinned: {line.strip()}")
            found.append(Requirement(head["name"], head["version"], head["marker"] or ""))
        elif hashed := _HASH.match(line):
            found[-1].hashes.append(hashed[1])
        elif line.strip().startswith("#"):
            said = line.strip().lstrip("# ").removeprefix("via").strip()
            if _ASKED.search(said):
                found[-1].is_asked_for = True
            elif said:
                found[-1].needed_by += [normal(re.sub(r"\[.*", "", one)) for one in said.split(",")]
    for one in found:
        if not one.hashes:
            raise Unpinned(f"{one.name} has no hash")
    return found


def licence(name: str) -> list[dict[str, Any]]:
    """What the installed package says of its licence; nothing when it is for another system and not installed."""
    try:
        told = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return []
    if expression := told.get("License-Expression"):
        return [{"expression": expression}]
    classifiers = [
        one.rpartition(" :: ")[2] for one in told.get_all("Classifier") or () if one.startswith("License ::")
    ]
    short = [told["License"]] if told.get("License") and len(told["License"]) < 60 else []
    for word in (*short, *classifiers):
        if known := SPDX.get(word.strip().lower()):
            return [{"license": {"id": known}}]
    words = next(iter((*classifiers, *short)), "")
    return [{"license": {"name": words}}] if words and words != "OSI Approved" else []


def python_components(pinned: Iterable[Requirement]) -> Iterator[dict[str, Any]]:
    for one in pinned:
        component: dict[str, Any] = {
            "type": "library", "bom-ref": one.purl, "name": normal(one.name), "version": one.version, "purl": one.purl,
            "scope": "required",
            "hashes": [{"alg": "SHA-256", "content": digest} for digest in sorted(set(one.hashes))],
            "externalReferences": [
                {"type": "distribution", "url": f"https://pypi.org/project/{normal(one.name)}/{one.version}/"}
            ],
            "properties": [{"name": "clearhold:hashes", "value": "of each file published for this version"}],
        }  # fmt: skip
        if licences := licence(one.name):
            component["licenses"] = licences
        if one.marker:
            component["properties"].append({"name": "clearhold:marker", "value": one.marker})
        yield component


def browser_components(listed: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The files that pages ship, from vendor.toml: a component a package, with its files inside."""
    for one in listed:
        published = re.fullmatch(r"npm package (\S+) (\S+)", one["source"])
        name = published[1] if published else one["name"]
        purl = f"pkg:npm/{name.replace('@', '%40')}@{one['version']}"
        yield {
            "type": "library", "bom-ref": purl, "name": name, "version": one["version"], "purl": purl, "scope": "required",
            "description": one["name"], "licenses": [{"license": {"id": one["licence"]}}],
            "components": [
                {"type": "file", "bom-ref": f"{purl}#{file}", "name": f"{one['folder']}/{file}",
                 "hashes": [{"alg": "SHA-256", "content": digest}]}
                for file, digest in sorted(one["files"].items())
            ],
        }  # fmt: skip


def dependencies(pinned: list[Requirement], shipped: list[str]) -> list[dict[str, Any]]:
    by_name = {normal(one.name): one for one in pinned}
    needs: dict[str, set[str]] = {PRODUCT: {*shipped}} | {one.purl: set() for one in pinned}
    for one in pinned:
        parents = [by_name[parent].purl for parent in one.needed_by if parent in by_name]
        for parent in parents + [PRODUCT] * one.is_asked_for:
            needs[parent].add(one.purl)
    return [{"ref": ref, "dependsOn": sorted(needs[ref])} for ref in sorted(needs)]


def bill() -> dict[str, Any]:
    """The whole document."""
    product = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = requirements(PINNED.read_text())
    shipped = list(browser_components(tomllib.loads(VENDORED.read_text())["package"]))
    components = sorted([*python_components(pinned), *shipped], key=lambda one: one["bom-ref"])
    document: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json", "bomFormat": "CycloneDX", "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application", "bom-ref": PRODUCT, "name": product["name"], "version": product["version"],
                "description": product["description"], "licenses": [{"license": {"id": product["license"]}}],
            },
        },
        "components": components,
        "dependencies": dependencies(pinned, [one["bom-ref"] for one in shipped]),
    }  # fmt: skip
    content = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).digest()
    document["serialNumber"] = f"urn:uuid:{uuid.UUID(bytes=content[:16], version=4)}"
    return document


def main(target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    document = bill()
    target.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")
    print(f"{target}: {len(document['components'])} components")  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "var" / "bom.cdx.json")
