"""E-mail: its headers and its words; what was attached to it becomes exhibits of its own, E-004.1 and so on."""

import hashlib

from django.utils.translation import gettext

from evidence.intake import types
from evidence.limited.readers import mail, plain
from portal.packages import wording
from portal.packages.exhibits import sheets, texts
from portal.packages.exhibits.pieces import Copy, Desk, NotLaidOut, Piece

MOST_PARTS, MOST_DEPTH = 50, 3
MOST_BYTES = 64 << 20
MOST_LINES, MOST_CHARACTERS = 1_500, 200_000
HEAD_BYTES = 1 << 14


def copy(piece: Piece, desk: Desk) -> Copy:
    if piece.size > MOST_BYTES:
        raise NotLaidOut(
            gettext("It is a message of more than %(size)s, which is not taken apart here.")
            % {"size": wording.size(MOST_BYTES)}
        )
    try:
        message = mail.read(desk.source(piece).read_bytes())
    except RecursionError:
        raise NotLaidOut(gettext("Its parts lie in each other, deeper than is taken apart here.")) from None
    if not message.headers and not message.body.strip() and not message.attached:
        raise NotLaidOut(gettext("It is no message that can be read."))
    parts = [_part(piece, desk, at, *found) for at, found in enumerate(message.attached[:MOST_PARTS], 1)]
    lines = message.body[:MOST_CHARACTERS].split("\n")
    is_cut = len(message.body) > MOST_CHARACTERS or len(lines) > MOST_LINES
    data = {
        "head": sheets.heading(piece, gettext("E-mail message")),
        "headers": [(name, plain.cleaned(value)[:2000]) for name, value in message.headers],
        "attached": [(part.number, wording.separated([part.filename, wording.size(part.size)])) for part in parts]
        + [(gettext("Not laid out"), plain.cleaned(name)[:200]) for name, _, _ in message.attached[MOST_PARTS:]],
        "lines": [part for line in lines[:MOST_LINES] for part in texts.folded(plain.cleaned(line.rstrip("\r")))],
        "cut": gettext("The message goes on; the whole of it is in the original.") if is_cut else "",
    }
    sheets.lay_out("mail", data, desk.target(piece), desk.paper)
    return Copy(parts=parts)


def _part(piece: Piece, desk: Desk, at: int, name: str, kind: str, content: bytes) -> Piece:
    number = f"{piece.number}.{at}"
    source = f"part-{number}"
    (desk.folder / source).write_bytes(content)
    filename = plain.cleaned(name.replace("\n", " ")).strip()[:200] or gettext("attachment")
    found = types.refined(types.sniffed(content[:HEAD_BYTES]), filename.rpartition(".")[2].lower())
    too_deep = piece.depth + 1 > MOST_DEPTH
    return Piece(
        number=number,
        title=filename,
        filename=filename,
        media_type=found if found != types.UNKNOWN else kind,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        source=source,
        where=gettext("It is inside %(exhibit)s, the message that it was attached to.") % {"exhibit": piece.number},
        missing=gettext("It lies in a message in a message in a message, deeper than is taken apart here.")
        if too_deep
        else "",
        told=((gettext("Attached to"), wording.separated([piece.number, piece.filename])),),
        depth=piece.depth + 1,
    )
