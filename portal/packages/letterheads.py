"""How an organization's documents look: its name, address, logo, accent and paper. Each change is a new version.

A picture is never kept as it came: a limited process reads it and makes a small PNG of our own (evidence/intake/inside/pictures.py).
"""

import base64
from dataclasses import dataclass
from typing import BinaryIO
from uuid import UUID

from django.db import transaction

from evidence import clock
from evidence.actors import Actor
from evidence.errors import Invalid
from evidence.ledger import services as ledger
from evidence.ledger.services import Subject
from evidence.limited import running
from evidence.organizations.models import Organization
from portal.packages import colours, events
from portal.packages.models import Letterhead, Paper

PROGRAM = "evidence.intake.inside.pictures"
#: What is taken at the door, and what is kept of it: twice what a cover prints at 300 dots an inch.
LIMIT_BYTES, KEPT_BYTES = 2 * 1024 * 1024, 128 * 1024
WIDTH, HEIGHT = 720, 284
LIMITS = running.Limits(memory_bytes=512 * 1024**2, cpu_seconds=5, wall_seconds=15)
ADDRESS_LINES, LINE = 6, 120
REFUSALS = {
    "format": "Choose a PNG or JPEG. Save a drawing (SVG, PDF, EPS) as a PNG first, about 700 pixels wide.",
    "pixels": "The picture has too many pixels. Save it about 700 pixels wide.",
    "broken": "The picture can't be read to its end. Save it again as a PNG.",
    "large": f"The picture may have {LIMIT_BYTES // 1024**2} MB. Save it about 700 pixels wide.",
    "busy": "The picture could not be looked at. Try again, or save it smaller.",
}


@dataclass(frozen=True)
class Shown:
    """What is in force; version 0 is an organization that chose nothing."""

    version: int = 0
    name: str = ""
    address: str = ""
    accent: str = ""
    paper: str = Paper.A4
    logo: bytes = b""

    @property
    def logo_base64(self) -> str:
        return base64.b64encode(self.logo).decode()


@dataclass(frozen=True)
class Wanted:
    """A change. `logo` None keeps the one there is, unless `without_logo`."""

    name: str = ""
    address: str = ""
    accent: str = ""
    paper: str = Paper.A4
    logo: BinaryIO | None = None
    without_logo: bool = False


def in_force(organization_id: UUID) -> Shown:
    row = Letterhead.objects.filter(organization_id=organization_id).order_by("-version").first()
    if row is None:
        return Shown()
    return Shown(row.version, row.name, row.address, row.accent, row.paper, bytes(row.logo or b""))


def change(wanted: Wanted, *, actor: Actor) -> Letterhead:
    """Put a new version in force. Raises Invalid with what to choose, for a pale accent or a picture that can't be taken."""
    actor.require("settings.manage")
    accent = _accent(wanted.accent)
    address = _address(wanted.address)
    if wanted.paper not in Paper.values:
        raise Invalid("Documents are printed on A4 or letter.", fields={"paper": ["Choose A4 or letter."]})
    # Outside the transaction: a picture may take its seconds.
    logo = normalized(wanted.logo) if wanted.logo else None
    with transaction.atomic():
        Organization.objects.select_for_update().get(pk=actor.organization_id)
        before = in_force(actor.organization_id)
        kept = b"" if wanted.without_logo else before.logo
        row = Letterhead.objects.create(
            organization_id=actor.organization_id,
            version=before.version + 1,
            name=wanted.name.strip()[:200],
            address=address,
            accent=accent,
            paper=wanted.paper,
            logo=(logo or kept) or None,
            set_by_id=actor.person_id,
            set_at=clock.now(),
        )
        ledger.record(
            events.LETTERHEAD_CHANGED,
            subject=Subject("packages.letterhead", actor.organization_id, "Documents"),
            actor=actor,
            after={"version": row.version, "accent": accent, "paper": str(row.paper), "has_logo": row.logo is not None},
        )
    return row


def normalized(picture: BinaryIO) -> bytes:
    """The small PNG of a picture. Raises Invalid."""
    picture.seek(0, 2)
    size = picture.tell()
    if size > LIMIT_BYTES:
        raise _refused("large")
    try:
        answer = running.run(PROGRAM, picture, size, {"width": WIDTH, "height": HEIGHT}, limits=LIMITS)
    except running.Failed as failure:
        raise _refused("busy") from failure
    if answer.facts.get("refused") or "error" in answer.facts:
        raise _refused(str(answer.facts.get("refused", "broken")))
    if not answer.data.startswith(b"\x89PNG\r\n\x1a\n") or len(answer.data) > KEPT_BYTES:
        raise _refused("pixels")
    return answer.data


def _accent(colour: str) -> str:
    accent = colour.strip().lower()
    if not accent:
        return ""
    if not colours.FORM.fullmatch(accent):
        raise Invalid("The accent is not a colour.", fields={"accent": ["Write it as #0f5c63."]})
    if not colours.readable(accent):
        words = (
            f"White text on {accent} has a contrast of {colours.contrast(accent):.1f} to 1; {colours.LEAST} is the least. "
            f"Choose a darker one, such as {colours.darker(accent)}."
        )
        raise Invalid("The accent is too pale for text.", fields={"accent": [words]})
    return accent


def _address(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > ADDRESS_LINES or any(len(line) > LINE for line in lines):
        words = f"At most {ADDRESS_LINES} lines of {LINE} characters."
        raise Invalid("The address is too long.", fields={"address": [words]})
    return "\n".join(lines)


def _refused(why: str) -> Invalid:
    return Invalid("The logo was not taken.", fields={"logo": [REFUSALS.get(why, REFUSALS["broken"])]})
