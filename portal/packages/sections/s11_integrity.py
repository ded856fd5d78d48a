"""How to check that nothing has changed, and what such a check cannot show."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext_lazy

from evidence.ledger import verify
from portal.packages import paging, wording
from portal.packages.edition import Edition
from portal.packages.sections import Sheet

TITLE = gettext_lazy("Integrity and verification")
NUMBERED = True
#: So many exhibits stand on the section's own pages; more get pages of their own.
BESIDE = 12


@dataclass(frozen=True)
class Listed:
    exhibit: str
    path: str
    sha256: str


def sheets(edition: Edition) -> Iterator[Sheet]:
    """What is made for every package anew stands on the first page; the exhibits' hashes stay as they were."""
    checkpoint = edition.snapshot.checkpoint
    fingerprint = verify.parse_key(checkpoint.key).fingerprint if checkpoint else ""
    made = [Listed("", path, sha256) for path, sha256 in edition.attachments]
    exhibits = [Listed(exhibit.number, exhibit.path[:90], exhibit.sha256) for exhibit in edition.snapshot.exhibits]
    beside = exhibits if len(exhibits) <= BESIDE else []
    identity = edition.snapshot.identity
    command = f"python3 verify.py {identity.ref}-issue-{identity.issue}.pdf --key KEY"
    yield Sheet(
        "integrity",
        TITLE,
        {"checkpoint": checkpoint, "fingerprint": fingerprint, "files": [*made, *beside], "command": command},
    )
    if not beside:
        for page, rows in enumerate(paging.pages(exhibits, _height, paper=edition.paper, first=0), 1):
            if rows:
                label = wording.span(rows[0].exhibit, rows[-1].exhibit)
                yield Sheet(f"integrity-{page}", label, {"files": rows}, continues=True)


def _height(row: Listed) -> float:
    return paging.row_height((49, [row.path]))
