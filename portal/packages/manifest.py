"""The list of every file that belongs to a package, with its size and SHA-256; its own hash stands in the PDF."""

import json
from dataclasses import dataclass
from typing import Any

from portal.packages import register
from portal.packages.snapshot import Snapshot, canonical, digest, plain

FORMAT = "clearhold-manifest/1"
NAME = "manifest.json"


@dataclass(frozen=True)
class Made:
    """A file that is made from the snapshot itself."""

    path: str
    data: bytes
    media_type: str
    relationship: str
    note: str

    @property
    def sha256(self) -> str:
        return digest(self.data)


def made_files(snapshot: Snapshot) -> list[Made]:
    files = [
        Made("snapshot.json", canonical(snapshot), "application/json", "Source", "All rows of this package"),
        Made("register.csv", register.rows(snapshot), "text/csv", "Data", "Findings register"),
    ]
    if snapshot.checkpoint:
        note = snapshot.checkpoint.note.encode()
        files.append(Made("checkpoint", note, "text/plain", "Supplement", "Signed head of the ledger"))
    return files


def build(snapshot: Snapshot, files: list[Made]) -> bytes:
    identity = snapshot.identity
    value: dict[str, Any] = {
        "format": FORMAT,
        "package": {"ref": identity.ref, "issue": identity.issue, "state": identity.state},
        "organization": {"name": snapshot.organization.name, "slug": snapshot.organization.slug},
        "engagement": {
            "ref": snapshot.engagement.ref,
            "period_start": plain(snapshot.engagement.period_start),
            "period_end": plain(snapshot.engagement.period_end),
        },
        "as_of": plain(identity.as_of),
        "snapshot": {"format": snapshot.format, "sha256": digest(canonical(snapshot))},
        "ledger": _ledger(snapshot),
        "files": [
            {
                "path": file.path,
                "size": len(file.data),
                "sha256": file.sha256,
                "media_type": file.media_type,
                "attached": True,
            }
            for file in files
        ]
        + [
            {
                "path": exhibit.path,
                "size": exhibit.size,
                "sha256": exhibit.sha256,
                "media_type": exhibit.media_type,
                "exhibit": exhibit.number,
                "attached": not exhibit.not_attached,
            }
            for exhibit in snapshot.exhibits
        ],
    }
    return json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1).encode() + b"\n"


def _ledger(snapshot: Snapshot) -> dict[str, Any] | None:
    checkpoint = snapshot.checkpoint
    if checkpoint is None:
        return None
    return {
        "origin": checkpoint.origin,
        "tree_size": checkpoint.tree_size,
        "root": checkpoint.root,
        "key": checkpoint.key,
    }
