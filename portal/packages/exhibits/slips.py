"""Slip sheets: a page in the place of an exhibit that has no reading copy, with the reason in plain words."""

import zipfile
from typing import Any

from django.utils.translation import gettext, gettext_lazy

from evidence.limited.readers import plain
from portal.packages import wording
from portal.packages.exhibits import sheets
from portal.packages.exhibits.pieces import Copy, Desk, NotLaidOut, Piece

MOST_NAMES = 120
WORDS = {
    "video/": gettext_lazy("It is a recording in pictures, which has no pages."),
    "audio/": gettext_lazy("It is a recording in sound, which has no pages."),
    "image/svg+xml": gettext_lazy("It is a drawing in SVG, a form that can hold programs, so it is not drawn here."),
    "application/x-executable": gettext_lazy("It is a program, which has no pages."),
    "application/x-dosexec": gettext_lazy("It is a program, which has no pages."),
    "application/vnd.ms-outlook": gettext_lazy(
        "It is a message in Outlook’s own form; the portal reads messages as .eml."
    ),
    "image/": gettext_lazy("It is a picture of a kind that is not drawn here."),
    "inode/x-empty": gettext_lazy("It is an empty file: it has no bytes to show."),
}


def refuse(piece: Piece, desk: Desk) -> Copy:
    """For the kinds that have no reader."""
    if not piece.size:
        raise NotLaidOut(str(WORDS["inode/x-empty"]))
    if piece.filename.lower().endswith(".msg"):
        raise NotLaidOut(str(WORDS["application/vnd.ms-outlook"]))
    for begin, words in WORDS.items():
        if piece.media_type.startswith(begin):
            raise NotLaidOut(str(words))
    if not piece.media_type:
        raise NotLaidOut(gettext("It is of a kind (not known) that has no pages."))
    raise NotLaidOut(gettext("It is of a kind (%(kind)s) that has no pages.") % {"kind": piece.media_type})


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
    shown = (*names[:MOST_NAMES], *([wording.more(more)] if more > 0 else []))
    raise NotLaidOut(gettext("It is an archive. What it holds is not laid out here."), shown)


def write(piece: Piece, desk: Desk, reason: str, listing: tuple[str, ...] = ()) -> None:
    data: dict[str, Any] = {
        "number": piece.label,
        "title": piece.title[:300],
        "filename": piece.filename[:200],
        "reason": reason,
        "told": [
            (gettext("Size"), wording.octets(piece.size)),
            (gettext("Type"), piece.media_type or gettext("Not known")),
            *piece.told,
        ],
        "sha256": piece.sha256,
        "where": piece.where,
        "listing": listing,
    }
    sheets.lay_out("slip", data, desk.target(piece), desk.paper)
