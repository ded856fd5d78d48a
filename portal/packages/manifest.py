"""The list of every file that belongs to a package, with its size and SHA-256; its own hash stands in the PDF.

It also says by which keys the ledger is signed, which versions of which objects are not enclosed, and which package
was the one before.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext_noop

from evidence.ledger import verify
from portal.packages import forms
from portal.packages.exhibits.laying import NONE_LAID, Place
from portal.packages.exhibits.laying import Laid as LaidOut
from portal.packages.snapshot import Laid, Made, Snapshot, canonical, digest, plain

FORMAT = verify.FORMAT
NAME = "manifest.json"
ROWS, ROWS_NOTE = "snapshot.json", gettext_noop("All rows of this package")


def made_files(snapshot: Snapshot) -> list[Made]:
    """All of them in memory."""
    rows = Made(ROWS, canonical(snapshot), "application/json", "Source", ROWS_NOTE)
    return [rows, *forms.made(snapshot), *head(snapshot)]


def head(snapshot: Snapshot) -> list[Made]:
    """The checkpoint, where there is one."""
    if snapshot.checkpoint is None:
        return []
    note = snapshot.checkpoint.note.encode()
    return [Made("checkpoint", note, "text/plain", "Supplement", gettext_noop("Signed head of the ledger"))]


def build(
    snapshot: Snapshot,
    files: Sequence[Made | Laid],
    withheld: Mapping[str, str],
    laid_out: LaidOut = NONE_LAID,
) -> bytes:
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
        "snapshot": {"format": snapshot.format, "sha256": _rows_sha256(snapshot, files)},
        "ledger": _ledger(snapshot, withheld),
        "previous": _previous(snapshot),
        "files": [
            {
                "path": file.path,
                "size": file.size,
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
        ]
        + [
            {
                "path": volume.path,
                "size": volume.size,
                "sha256": volume.sha256,
                "media_type": "application/pdf",
                "pages": volume.pages,
                "volume": number,
                "attached": False,
            }
            for number, volume in enumerate(laid_out.volumes, 1)
        ],
        "laid_out": [_placed(place) for place in laid_out.places],
    }
    return json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1).encode() + b"\n"


def _placed(place: Place) -> dict[str, Any]:
    """Where an exhibit, or what was attached to one, stands among the volumes; `why` there is a slip sheet instead."""
    placed = {
        "exhibit": place.number,
        "volume": place.volume,
        "page": place.page,
        "pages": place.pages,
        "is_repaired": place.note == "repaired copy",
        "why": place.reason,
        "notes": list(place.notes),
    }
    return placed | ({"filename": place.filename, "sha256": place.sha256} if place.depth else {})


def _rows_sha256(snapshot: Snapshot, files: Sequence[Made | Laid]) -> str:
    known = (file.sha256 for file in files if file.path == ROWS)
    return next(known, "") or digest(canonical(snapshot))


def _previous(snapshot: Snapshot) -> dict[str, Any] | None:
    before = snapshot.previous
    if before is None:
        return None
    return {"ref": before.ref, "issue": before.issue, "sha256": before.sha256, "tree_size": before.tree_size}


def _ledger(snapshot: Snapshot, withheld: Mapping[str, str]) -> dict[str, Any] | None:
    checkpoint = snapshot.checkpoint
    if checkpoint is None:
        return None
    return {
        "origin": checkpoint.origin,
        "tree_size": checkpoint.tree_size,
        "root": checkpoint.root,
        "key": checkpoint.key,
        "keys": list(checkpoint.keys or (checkpoint.key,)),
        "withheld": dict(withheld),
    }
