"""How to check that nothing has changed, and what such a check cannot show."""

from collections.abc import Iterator

from evidence.ledger import verify
from portal.packages.edition import Edition
from portal.packages.sections import Sheet

TITLE = "Integrity and verification"
NUMBERED = True


def sheets(edition: Edition) -> Iterator[Sheet]:
    checkpoint = edition.snapshot.checkpoint
    fingerprint = verify.parse_key(checkpoint.key).fingerprint if checkpoint else ""
    yield Sheet("integrity", TITLE, {"checkpoint": checkpoint, "fingerprint": fingerprint})
