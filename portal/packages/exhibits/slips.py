"""Slip sheets: a page in the place of an exhibit that has no reading copy, with the reason in plain words."""

from typing import Any

from django.utils.translation import gettext, gettext_lazy

from portal.packages import wording
from portal.packages.exhibits import sheets
from portal.packages.exhibits.pieces import Copy, Desk, NotLaidOut, Piece

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
