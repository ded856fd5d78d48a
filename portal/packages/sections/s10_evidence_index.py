"""Every exhibit with its number, where it came from and its fingerprint."""

from collections.abc import Iterator

from portal.packages import wording
from portal.packages.edition import Edition
from portal.packages.sections import Sheet

TITLE = "Evidence index"
NUMBERED = True


def sheets(edition: Edition) -> Iterator[Sheet]:
    exhibits = edition.snapshot.exhibits
    disposed = [exhibit for exhibit in exhibits if exhibit.review == "disposed"]
    outside = [exhibit for exhibit in exhibits if exhibit.not_attached and exhibit.review != "disposed"]
    yield Sheet(
        "evidence_index",
        TITLE,
        {
            "count": wording.capital(wording.count(len(exhibits), "item")),
            "total": wording.size(sum(exhibit.size for exhibit in exhibits)),
            "outside": outside,
            "disposed": disposed,
        },
    )
