"""5,000 pages of exhibits: stamped and merged, against the same pages merged by bare pikepdf in the same run."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pikepdf
from pikepdf import Array, Dictionary, Name

from bench.figures import Figure, figure
from portal.packages.exhibits import pdfs, reading, volumes
from portal.packages.exhibits.pieces import Desk, Piece
from portal.packages.exhibits.volumes import About

DOCUMENTS, PAGES = 50, 100
LEAST = 0.6
ROUNDS = 3
PEAK_MB = 300
ABOUT = About("PKG-0001", 1, "Bench", True, "D:20260101000000Z")
LINES = 45


def measure(found: list[Figure], var: Path) -> None:
    """Append CPU seconds of both, and what reading the copies costs before: repair, stripping, framing."""
    folder = var / "exhibits"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    sources = [_document(folder / f"source-{number}.pdf", number) for number in range(DOCUMENTS)]
    desk = Desk(folder, "A4")
    pieces = [
        Piece(f"E-{number + 1:03d}", "Bench", source.name, "application/pdf", 1, "0" * 64, source.name, "Attached.")
        for number, source in enumerate(sources)
    ]
    read = _cpu(lambda: [pdfs.copy(piece, desk) for piece in pieces])
    [volume] = volumes.planned([reading.Read(piece) for piece in pieces], desk, 1 << 40)
    volumes.set_front(volume, 1, desk, ABOUT)
    rounds = [(_bound(volume, desk), _cpu(lambda: _bare(sources, folder / "bare.pdf"))) for _ in range(ROUNDS)]
    ours, bare = (min(each[side] for each in rounds) for side in (0, 1))
    pages = DOCUMENTS * PAGES
    name = f"{pages:,} pages of exhibits"
    with pikepdf.open(volumes.path(desk, volume)) as made:
        if len(made.pages) != pages + volume.front:
            raise RuntimeError("pages are missing")
    speed = figure(f"{name}: stamped and merged, against merged", pages / ours, "pages/CPU s", reference=pages / bare, limit=LEAST, least=True)  # fmt: skip
    found.append(speed)
    found.append(figure(f"{name}: read, mended and stripped before", pages / read, "pages/CPU s"))
    peak = json.loads(volumes.path(desk, volume).with_suffix(".json").read_text())["peak_bytes"]
    found.append(figure(f"{name}: peak of the binding", peak / 2**20, "MB", limit=PEAK_MB))
    shutil.rmtree(folder)


def _bound(volume: volumes.Volume, desk: Desk) -> float:
    """As a package does it, in a process of its own."""
    return float(volumes.made_apart(volume, 1, desk, ABOUT, 1 << 30, 300)["cpu_seconds"])


def _bare(sources: list[Path], target: Path) -> None:
    with pikepdf.new() as made:
        opened = [pikepdf.open(source) for source in sources]
        for each in opened:
            made.pages.extend(each.pages)
        made.save(target, object_stream_mode=pikepdf.ObjectStreamMode.generate)


def _cpu(work: Callable[[], object]) -> float:
    """Processor seconds of a process of its own, its start left out."""
    pid = os.fork()
    if not pid:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    _, status, spent = os.wait4(pid, 0)
    if status:
        raise RuntimeError(f"a measured process ended with {os.waitstatus_to_exitcode(status)}")
    return spent.ru_utime + spent.ru_stime


def _document(target: Path, number: int) -> Path:
    """A hundred pages of text, as a report has them."""
    made = pikepdf.new()
    font = made.make_indirect(Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica))
    for page in range(PAGES):
        lines = b"".join(b"(Line %d of page %d in document %d, with words as they come) ' " % (n, page, number) for n in range(LINES))  # fmt: skip
        body = Dictionary(
            Type=Name.Page, MediaBox=Array([0, 0, 595, 842]), Resources=Dictionary(Font=Dictionary(F=font)),
            Contents=made.make_stream(b"BT /F 9 Tf 14 TL 60 780 Td " + lines + b"ET"),
        )  # fmt: skip
        made.pages.append(pikepdf.Page(body))
    made.save(target, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    return target
