"""Checks a package without database or network: the file, its manifest, its attachments, its checkpoint, its proof.

Every check ends in one of three ways: it holds, something was altered, or it cannot be read. What is not covered by
any check is said, never passed over.
"""

import base64
import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any

import pikepdf

from evidence.ledger import notes, proofs, tree
from portal.packages import binding, manifest, register, snapshot


class Verdict(IntEnum):
    """Also the exit code of the command."""

    HOLDS = 0
    ALTERED = 1
    UNREADABLE = 2


@dataclass(frozen=True)
class Check:
    name: str
    verdict: Verdict
    words: str

    @property
    def holds(self) -> bool:
        return self.verdict == Verdict.HOLDS


@dataclass(frozen=True)
class Report:
    file: str
    package: str
    issue: int | None
    sha256: str
    checks: tuple[Check, ...]
    uncovered: tuple[str, ...] = field(default=())

    @property
    def verdict(self) -> Verdict:
        """Altered weighs most: a file that was changed may also have become unreadable in places."""
        found = {check.verdict for check in self.checks}
        return next((v for v in (Verdict.ALTERED, Verdict.UNREADABLE) if v in found), Verdict.HOLDS)

    @property
    def first_wrong(self) -> Check | None:
        return next((check for check in self.checks if not check.holds), None)

    def plain(self) -> dict[str, Any]:
        return asdict(self) | {
            "verdict": self.verdict.name.lower(),
            "ok": self.verdict == Verdict.HOLDS,
            "checks": [{"name": c.name, "verdict": c.verdict.name.lower(), "words": c.words} for c in self.checks],
        }


def proof_path(path: Path) -> Path:
    return path.with_name(path.name + ".tlog-proof")


def verify(path: Path, *, key: str = "", partial: bool = False) -> Report:
    """Check the PDF at `path`, and the proof beside it. `key` is the ledger's public key from another source."""
    try:
        data = path.read_bytes()
    except OSError as fault:
        return _unreadable(path, f"The file cannot be read: {fault.strerror or fault}.")
    if b"%PDF-" not in data[:1024]:
        return _unreadable(path, "This is not a PDF.")
    sha256 = hashlib.sha256(data).hexdigest()
    try:
        attached = _attachments(data)
        listed = json.loads(attached[manifest.NAME])
        if listed["format"] != manifest.FORMAT:
            raise ValueError(f"an unknown manifest: {listed['format']}")
    except KeyError:
        return _unreadable(path, "The PDF holds no manifest; it is not a package, or its attachments were removed.")
    except (pikepdf.PdfError, ValueError, TypeError, RuntimeError) as fault:
        damaged = _fingerprint(data)
        if damaged.verdict == Verdict.ALTERED:
            return Report(str(path), "", None, sha256, (damaged,))
        return _unreadable(path, f"The PDF or its manifest cannot be read: {fault}.")
    checks = [_fingerprint(data), _identifier(data, attached[manifest.NAME]), *_files(listed, attached)]
    checks.append(_rows(listed, attached))
    checks.append(_checkpoint(listed, attached, key))
    uncovered = [f"{item['path']} is listed but not attached" for item in listed["files"] if not item["attached"]]
    proof = proof_path(path)
    if proof.exists():
        checks.append(_proof(proof, sha256, listed, key))
    else:
        words = f"{proof.name} is not beside the file, so that its bytes are those of the ledger’s record is not shown"
        uncovered.append(words)
        if not partial:
            checks.append(Check("proof", Verdict.UNREADABLE, f"{words}. Use --partial to check the rest alone."))
    if not key:
        uncovered.append("the public key comes from the package itself; compare it with one you got another way")
    package = listed.get("package", {})
    return Report(str(path), str(package.get("ref", "")), package.get("issue"), sha256, tuple(checks), tuple(uncovered))


def _unreadable(path: Path, words: str) -> Report:
    return Report(str(path), "", None, "", (Check("file", Verdict.UNREADABLE, words),))


def _attachments(data: bytes) -> dict[str, bytes]:
    with pikepdf.open(io.BytesIO(data)) as pdf:
        return {name: pdf.attachments[name].get_file().read_bytes() for name in pdf.attachments}


def _fingerprint(data: bytes) -> Check:
    try:
        whole = binding.is_whole(data)
    except ValueError as fault:
        return Check("file", Verdict.ALTERED, str(fault))
    if not whole:
        return Check(
            "file", Verdict.ALTERED, "The bytes of the PDF are not those that were closed with its fingerprint."
        )
    return Check("file", Verdict.HOLDS, "The fingerprint over every byte of the PDF fits.")


def _identifier(data: bytes, listed: bytes) -> Check:
    found = hashlib.sha256(listed).hexdigest()
    try:
        fits = binding.first_identifier(data) == found[:32]
    except ValueError as fault:
        return Check("manifest", Verdict.ALTERED, str(fault))
    if not fits:
        return Check("manifest", Verdict.ALTERED, "The manifest is not the one that this PDF was made with.")
    return Check("manifest", Verdict.HOLDS, f"The manifest is the one printed in the PDF: {found}.")


def _files(listed: Mapping[str, Any], attached: Mapping[str, bytes]) -> Iterator[Check]:
    wanted = {item["path"]: item for item in listed["files"] if item["attached"]}
    held = 0
    for path, item in wanted.items():
        if path not in attached:
            yield Check("attachments", Verdict.ALTERED, f"{path} is missing.")
        elif len(attached[path]) != item["size"] or hashlib.sha256(attached[path]).hexdigest() != item["sha256"]:
            yield Check("attachments", Verdict.ALTERED, f"{path} is not the file that the manifest lists.")
        else:
            held += 1
    for path in sorted(set(attached) - set(wanted) - {manifest.NAME}):
        yield Check("attachments", Verdict.ALTERED, f"{path} is attached, but the manifest does not list it.")
    if held:
        yield Check("attachments", Verdict.HOLDS, f"{held} of {len(wanted)} attached files are those of the manifest.")


def _rows(listed: Mapping[str, Any], attached: Mapping[str, bytes]) -> Check:
    """The rows printed, the register and the exhibits' hashes come from one snapshot."""
    data = attached.get("snapshot.json", b"")
    if hashlib.sha256(data).hexdigest() != listed["snapshot"]["sha256"]:
        return Check("snapshot", Verdict.ALTERED, "snapshot.json is not the one that the manifest names.")
    try:
        rows = snapshot.load(data)
    except (ValueError, KeyError, TypeError) as fault:
        return Check("snapshot", Verdict.UNREADABLE, f"snapshot.json cannot be read by this version: {fault}.")
    if attached.get("register.csv") != register.rows(rows):
        return Check("snapshot", Verdict.ALTERED, "register.csv does not say what snapshot.json says.")
    hashes = {item["exhibit"]: item["sha256"] for item in listed["files"] if "exhibit" in item}
    if hashes != {exhibit.number: exhibit.sha256 for exhibit in rows.exhibits}:
        return Check("snapshot", Verdict.ALTERED, "The exhibits of the manifest are not those of snapshot.json.")
    words = f"{len(rows.findings)} findings, {len(rows.controls)} controls and {len(rows.exhibits)} exhibits agree."
    return Check("snapshot", Verdict.HOLDS, words)


def _checkpoint(listed: Mapping[str, Any], attached: Mapping[str, bytes], key: str) -> Check:
    ledger = listed.get("ledger")
    if ledger is None:
        return Check("checkpoint", Verdict.UNREADABLE, "The package was made without a checkpoint of the ledger.")
    try:
        opened = _opened(attached.get("checkpoint", b"").decode(), key or ledger["key"])
    except (notes.Unreadable, UnicodeDecodeError) as fault:
        return Check("checkpoint", Verdict.ALTERED, f"The checkpoint cannot be read: {fault}.")
    except notes.Unsigned as fault:
        return Check("checkpoint", Verdict.ALTERED, f"The checkpoint is not signed by the ledger’s key: {fault}.")
    if (opened.origin, opened.size, opened.root.hex()) != (ledger["origin"], ledger["tree_size"], ledger["root"]):
        return Check("checkpoint", Verdict.ALTERED, "The checkpoint is another one than the manifest names.")
    return Check("checkpoint", Verdict.HOLDS, f"{opened.size:,} events stand under the signed checkpoint.")


def _opened(note: str, key: str) -> notes.Checkpoint:
    return notes.open_checkpoint(note, [notes.VerifierKey.parse(key)])


def with_event(proof: str, body: bytes) -> str:
    """The tlog-proof with the event's own bytes in its extra line, so that it can be checked alone."""
    header, _, rest = proof.partition("\n")
    return f"{header}\nextra {base64.b64encode(body).decode()}\n{rest}"


def _proof(path: Path, sha256: str, listed: Mapping[str, Any], key: str) -> Check:
    try:
        text = path.read_text()
        parsed = proofs.Inclusion.parse(text)
        extra = next(line for line in text.split("\n") if line.startswith("extra "))
        body = base64.b64decode(extra.removeprefix("extra "), validate=True)
        recorded = json.loads(body)["facts"]["after"]
        opened = _opened(parsed.checkpoint, key or listed["ledger"]["key"])
    except (OSError, ValueError, KeyError, TypeError, StopIteration, notes.Unreadable) as fault:
        return Check("proof", Verdict.UNREADABLE, f"{path.name} cannot be read: {fault}.")
    except notes.Unsigned as fault:
        return Check("proof", Verdict.ALTERED, f"The proof’s checkpoint is not signed by the ledger’s key: {fault}.")
    if recorded.get("sha256") != sha256:
        return Check("proof", Verdict.ALTERED, "The ledger recorded another SHA-256 for this package.")
    leaf = tree.leaf_hash(body)
    if not tree.verify_inclusion(leaf, parsed.index, opened.size, parsed.hashes, opened.root):
        return Check("proof", Verdict.ALTERED, "The event that records this file does not stand under the checkpoint.")
    words = f"Event {parsed.index:,} of the ledger records exactly this file, under a checkpoint of {opened.size:,}."
    return Check("proof", Verdict.HOLDS, words)
