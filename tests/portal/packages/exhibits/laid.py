"""Lays files out as a package does, without a database, and reads what came of it."""

import dataclasses
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import pikepdf
import pypdfium2

from evidence.intake import types
from portal.packages.exhibits import laying
from portal.packages.exhibits.laying import Laid, Place
from portal.packages.shelf import NOTHING_KEPT
from portal.packages.snapshot import Exhibit
from tests.portal.packages import sample

LIMIT = 200_000_000


def still(done: int, total: int, note: str) -> None:
    """Watches and lets it go on."""


def exhibits(files: dict[str, bytes], kinds: dict[str, str] | None = None) -> tuple[Exhibit, ...]:
    """An exhibit for each file, with its type as an upload would find it."""
    kinds = kinds or {}
    return tuple(
        Exhibit(
            number=f"E-{number:03d}",
            title=f"Evidence {number}",
            kind="report",
            filename=name,
            size=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            media_type=kinds.get(name) or types.refined(types.sniffed(data[: 1 << 14]), name.rpartition(".")[2]),
            collected_at=sample.at(3, 5),
            collected_by="Ines Barros",
        )
        for number, (name, data) in enumerate(files.items(), 1)
    )


@dataclass
class Volumes:
    """The volumes with their bytes, and the places of exhibits by number."""

    laid: Laid
    files: list[bytes]

    @property
    def places(self) -> dict[str, Place]:
        return {place.number: place for place in self.laid.places}

    def text(self, number: str) -> list[str]:
        """The text of each page of an exhibit, as a reader of PDF gets it."""
        place = self.places[number]
        document = pypdfium2.PdfDocument(self.files[place.volume - 1])
        pages = range(place.page - 1, place.page - 1 + place.pages)
        found = [document[page].get_textpage().get_text_bounded().replace("\r\n", "\n") for page in pages]
        document.close()
        return found

    def opened(self, volume: int = 1) -> pikepdf.Pdf:
        return pikepdf.open(io.BytesIO(self.files[volume - 1]))


def lay_out(
    folder: Path, files: dict[str, bytes], kinds=None, *, limit=LIMIT, shelf=NOTHING_KEPT, **changes
) -> Volumes:
    rows = exhibits(files, kinds)
    rows = tuple(dataclasses.replace(row, **changes.get(row.number, {})) for row in rows)
    (folder / "order.json").write_text("{}")
    sources = {}
    for row, data in zip(rows, files.values(), strict=True):
        if row.has_bytes:
            sources[row.number] = f"exhibit-{row.number}"
            (folder / sources[row.number]).write_bytes(data)
    laid = laying.lay_out(
        folder, sample.snapshot(exhibits=rows), sources, paper="A4", limit_bytes=limit, watch=still, shelf=shelf
    )
    return Volumes(laid, [(folder / volume.source).read_bytes() for volume in laid.volumes])
