"""Slip sheets: a page in the place of an exhibit that has no reading copy, with the reason in plain words."""

import zipfile
from typing import Any

from evidence.limited.readers import plain
from portal.packages import wording
from portal.packages.exhibits import sheets
from portal.packages.exhibits.pieces import Copy, Desk, NotLaidOut, Piece

MOST_NAMES = 120
WORDS = {
    "video/": "It is a recording in pictures, which has no pages.",
    "audio/": "It is a recording in sound, which has no pages.",
    "image/svg+xml": "It is a drawing in SVG, a form that can hold programs, so it is not drawn here.",
    "application/x-executable": "It is a program, which has no pages.",
    "application/x-dosexec": "It is a program, which has no pages.",
    "application/vnd.ms-outlook": "It is a message in Outlook’s own form; the portal reads messages as .eml.",
    "image/": "It is a picture of a kind that is not drawn here.",
    "inode/x-empty": "It is an empty file: it has no bytes to show.",
}


def refuse(piece: Piece, desk: Desk) -> Copy:
    """For the kinds that have no reader."""
    if not piece.size:
        raise NotLaidOut(WORDS["inode/x-empty"])
    if piece.filename.lower().endswith(".msg"):
        raise NotLaidOut(WORDS["application/vnd.ms-outlook"])
    for begin, words in WORDS.items():
        if piece.media_type.startswith(begin):
            raise NotLaidOut(words)
    raise NotLaidOut(f"It is of a kind ({piece.media_type or 'not known'}) that has no pages.")


def refuse_archive(piece: Piece, desk: Desk) -> Copy:
    """Names what a ZIP lists; nothing of it is unpacked."""
    names: list[str] = []
    more = 0
    try:
        with zipfile.ZipFile(desk.source(piece)) as archive:
            entries = [each for each in archive.infolist() if not each.is_dir()]
            names = [f"{plain.cleaned(each.filename)[:120]} ({wording.size(each.file_size)})" for each in entries]
            more = len(names) - MOST_NAMES
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        pass
    shown = (*names[:MOST_NAMES], *([f"and {more:,} more"] if more > 0 else []))
    raise NotLaidOut("It is an archive. What it holds is not laid out here.", shown)


def write(piece: Piece, desk: Desk, reason: str, listing: tuple[str, ...] = ()) -> None:
    data: dict[str, Any] = {
        "number": piece.label,
        "title": piece.title[:300],
        "filename": piece.filename[:200],
        "reason": reason,
        "told": [("Size", f"{piece.size:,} bytes"), ("Type", piece.media_type or "Not known"), *piece.told],
        "sha256": piece.sha256,
        "where": piece.where,
        "listing": listing,
    }
    sheets.lay_out("slip", data, desk.target(piece), desk.paper)
