"""Every exhibit with its number, where it came from and its fingerprint."""

from collections.abc import Iterator, Sequence

from django.utils.translation import gettext, gettext_lazy, ngettext, pgettext

from portal.packages import paging, wording
from portal.packages.edition import Edition, Placed
from portal.packages.sections import Sheet
from portal.packages.snapshot import Exhibit

TITLE = gettext_lazy("Evidence index")
NUMBERED = True
#: What stands above the table on its first page, in millimetres.
ABOVE = 84


def sheets(edition: Edition) -> Iterator[Sheet]:
    exhibits = edition.snapshot.exhibits
    disposed = [exhibit for exhibit in exhibits if exhibit.review == "disposed"]
    outside = [exhibit for exhibit in exhibits if exhibit.is_beside]

    def height(exhibit: Exhibit) -> float:
        return _height(exhibit, _place(edition, exhibit))

    for page, rows in enumerate(paging.pages(exhibits, height, paper=edition.paper, first=ABOVE)):
        yield Sheet(
            "evidence_index" if not page else f"evidence_index-{page + 1}",
            TITLE if not page else wording.span(rows[0].number, rows[-1].number),
            {
                "rows": [(exhibit, _place(edition, exhibit)) for exhibit in rows],
                "headline": wording.capital(
                    wording.counted(
                        "%(number)s item, each with its fingerprint",
                        "%(number)s items, each with its fingerprint",
                        len(exhibits),
                    )
                ),
                "lead": _lead(exhibits, len(outside), len(disposed), len(edition.volumes)),
                "volumes": edition.volumes,
            },
            continues=bool(page),
        )


def _lead(exhibits: Sequence[Exhibit], outside: int, disposed: int, volumes: int) -> str:
    said = [
        gettext("Hashes were computed on receipt and again when this package was built."),
        _attached(wording.size(sum(exhibit.size for exhibit in exhibits)), outside, disposed),
    ]
    if volumes:
        words = ngettext(
            "Reading copies, stamped with these numbers, are in the volume handed over with it.",
            "Reading copies, stamped with these numbers, are in %(volumes)s volumes handed over with it.",
            volumes,
        )
        said.append(words % {"volumes": volumes})
    return " ".join(said)


def _attached(size: str, outside: int, disposed: int) -> str:
    exceptions = []
    if outside:
        # Translators: of the original files, behind “except”.
        large = ngettext(
            "%(number)s that is too large and stands beside it",
            "%(number)s that are too large and stand beside it",
            outside,
        )
        exceptions.append(large % {"number": outside})
    if disposed:
        # Translators: of the original files, behind “except”.
        gone = ngettext(
            "%(number)s that was disposed of, named here by its hash",
            "%(number)s that were disposed of, named here by their hash",
            disposed,
        )
        exceptions.append(gone % {"number": disposed})
    if not exceptions:
        return gettext("The original files, %(size)s in all, are attached to this PDF under the names below.") % {
            "size": size
        }
    return gettext(
        "The original files, %(size)s in all, are attached to this PDF under the names below, except %(exceptions)s."
    ) % {"size": size, "exceptions": wording.listed(exceptions)}


def _place(edition: Edition, exhibit: Exhibit) -> str:
    """“4 pages, from page 31”, and what stands there when it is no copy of the whole."""
    placed: Placed | None = edition.placed.get(exhibit.number)
    if placed is None:
        return ""
    where = pgettext("place of an exhibit", "page %(page)s")
    if len(edition.volumes) > 1:
        where = pgettext("place of an exhibit", "page %(page)s of volume %(volume)s")
    where %= {"page": wording.figures(placed.page), "volume": placed.volume}
    if placed.note == "slip sheet":
        return gettext("Slip sheet on %(place)s") % {"place": where}
    # Translators: how many pages a copy has, and where they begin: “Four pages, from page 31 of volume 2”.
    text = wording.counted(
        "%(number)s page, on %(place)s", "%(number)s pages, from %(place)s", placed.pages, place=where
    )
    text = wording.capital(text)
    if placed.note:
        # Translators: where a copy stands, and that it was repaired.
        text = gettext("%(pages)s, %(note)s") % {"pages": text, "note": wording.COPY[placed.note]}
    if placed.parts:
        # Translators: where a copy stands, and the numbers of what was attached to it.
        text = gettext("%(pages)s; with %(parts)s") % {"pages": text, "parts": _span(placed.parts)}
    return text


def _span(numbers: tuple[str, ...]) -> str:
    return numbers[0] if len(numbers) == 1 else wording.span(numbers[0], numbers[-1])


def _height(exhibit: Exhibit, place: str) -> float:
    """The fingerprint alone takes two lines and the size one, as do the collector, the day and the source together."""
    marks = [exhibit.not_attached] if exhibit.not_attached else []
    marks += [gettext("Version %(version)s")] if exhibit.version > 1 else []
    marks += [gettext("Not yet reviewed")] if exhibit.review != "accepted" else []
    rows = ", 1,000,000 rows" if exhibit.row_count is not None else ""
    return paging.row_height(
        (44, [exhibit.title[:200], exhibit.filename[:120], *marks]),
        (32, ["1 September 2026 to", "30 September 2026", ", ".join(exhibit.findings)[:200]]),
        (
            30,
            [
                f"{exhibit.collected_by}, 30 Sep 2026",
                (exhibit.source_system or gettext("Source not stated"))[:80] + rows,
            ],
        ),
        (49, ["1", "2", "3", place]),
    )
