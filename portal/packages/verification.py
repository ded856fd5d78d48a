"""Checks a package without database or network: with verify.py's own code, and what only the product can compare beside it.

verify.py is the one truth of hashes, proofs and signatures. The deeper checks read the PDF with another library than it
does, and the rows with the code that prints them.
"""

import io
import json
from collections.abc import Sequence
from pathlib import Path

import pikepdf

from evidence.ledger import verify as offline
from evidence.ledger.verify import ALTERED, HOLDS, UNREADABLE, Altered, Package, Unreadable
from portal.packages import manifest, register, snapshot

__all__ = ["ALTERED", "HOLDS", "UNREADABLE", "Package", "proof_path", "verify"]


def proof_path(path: Path) -> Path:
    return path.with_name(path.name + ".tlog-proof")


def verify(
    path: Path, *, keys: Sequence[str] = (), earlier: Sequence[Path] = (), partial: bool = False
) -> offline.Package:
    """Check the package at `path`, and the proof beside it. `keys` are the ledger's, from another source than the package."""
    package = offline.check(path, keys=keys, earlier=earlier, partial=partial)
    if package.manifest:
        package.run("snapshot", lambda: _rows(package))
        if package.data:
            package.run("names", lambda: _names(package))
    return package


def _rows(package: Package) -> str:
    """The rows printed, the register and the exhibits' hashes come from one snapshot."""
    data = package.text("snapshot.json").encode()
    if snapshot.digest(data) != package.manifest["snapshot"]["sha256"]:
        raise Altered("snapshot.json is not the one that the manifest names")
    rows = snapshot.load(data)
    if package.files.get("register.csv") != register.rows(rows):
        raise Altered("register.csv does not say what snapshot.json says")
    _count_items(package, rows)
    hashes = {item["exhibit"]: item["sha256"] for item in package.manifest["files"] if "exhibit" in item}
    if hashes != {exhibit.number: exhibit.sha256 for exhibit in rows.exhibits}:
        raise Altered("the exhibits of the manifest are not those of snapshot.json")
    return f"{len(rows.findings)} findings, {len(rows.controls)} controls and {len(rows.exhibits)} exhibits agree"


def _count_items(package: Package, rows: snapshot.Snapshot) -> None:
    """The plan of action names each finding once. Packages of before have none."""
    data = package.files.get("poam.json")
    if data is None:
        return
    items = json.loads(data)["plan-of-action-and-milestones"]["poam-items"]
    named = [fact["value"] for item in items for fact in item["props"] if fact["name"] == "poam-id"]
    if sorted(named) != sorted(finding.ref for finding in rows.findings):
        raise Altered("poam.json does not list the findings of snapshot.json")


def _names(package: Package) -> str:
    """What a PDF reader shows as attachments, under their names, are the files of the manifest."""
    try:
        with pikepdf.open(io.BytesIO(package.data)) as pdf:
            shown = {name: snapshot.digest(pdf.attachments[name].get_file().read_bytes()) for name in pdf.attachments}
    except (pikepdf.PdfError, RuntimeError) as fault:
        raise Unreadable(f"the PDF cannot be opened: {fault}") from fault
    wanted = {item["path"]: item["sha256"] for item in package.manifest["files"] if item["attached"]}
    if shown != wanted | {manifest.NAME: package.manifest_sha256}:
        raise Altered("the attachments have other names in the PDF than in the manifest")
    return f"{len(shown)} attachments bear the names of the manifest"
