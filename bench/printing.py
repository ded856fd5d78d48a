"""Printing a snapshot: its CPU beside bare WeasyPrint's in shards of the same HTML, and after a few findings changed."""

import dataclasses
import json
import os
import resource
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import weasyprint
from weasyprint.text.fonts import FontConfiguration

from portal.packages import composing, fontfiles, manifest, press, render, shelf, stylesheet, units
from portal.packages.proving import Proving, program
from portal.packages.snapshot import Snapshot, digest

PROVING = Proving((program(),))
FIRM = UUID(int=1)


@dataclasses.dataclass(frozen=True)
class Printing:
    """CPU seconds of all processes, peak of any one, and of this one, in bytes."""

    cpu_seconds: float
    peak_bytes: int
    own_peak_bytes: int
    pages: int
    seconds: float
    sha256: str


def printing(snapshot: Snapshot, shelves: shelf.Shelf, target: Path | None = None) -> Printing:
    with counted() as cpu, render.printed(snapshot, _nothing, PROVING, paper="A4", watch=_still, shelf=shelves) as made:
        if target:
            shutil.copyfile(made.path, target)
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Printing(cpu(), made.peak_bytes, own, made.pages, made.seconds, made.sha256)


def kept(folder: Path) -> shelf.Shelf:
    folder.mkdir(parents=True, exist_ok=True)
    return shelf.Kept(folder, FIRM, b"k" * 32)


def changed(snapshot: Snapshot, many: int) -> Snapshot:
    """The snapshot with so many findings changed, spread over all of it."""
    step = len(snapshot.findings) // many
    findings = tuple(
        dataclasses.replace(finding, cause=f"{finding.cause} Looked at again.")
        if place % step == step // 2
        else finding
        for place, finding in enumerate(snapshot.findings)
    )
    return dataclasses.replace(snapshot, findings=findings)


def bare_cpu_seconds(snapshot: Snapshot, var: Path) -> float:
    """The same HTML in the same shards through WeasyPrint alone: forked from a process that has read it and the fonts."""
    folder = var / "bare"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    files = manifest.made_files(snapshot)
    for file in files:
        (folder / file.path).write_bytes(file.data)
    order = {"paper": "A4", "manifest_sha256": digest(b""), "attachments": [], "volumes": [], "places": []}
    composing.compose(folder, order, lambda *_: None)
    texts = [
        (folder / f"unit-{place}.html").read_text()
        for place in range(len(json.loads((folder / units.UNITS).read_text())))
    ]
    cut = units.shards([len(text) for text in texts])
    shutil.rmtree(folder)
    for text in texts:
        for face in stylesheet.faces(text):
            fontfiles.program(face.file)
    begin = time.process_time()
    spent = [_forked(lambda shard=shard: _bare([texts[place] for place in shard])) for shard in cut]
    return sum(spent) + time.process_time() - begin


def _bare(texts: list[str]) -> None:
    head, rest = texts[0].split("<body>", 1)
    bodies = [
        rest.removesuffix("</body></html>"),
        *(text.split("<body>", 1)[1].removesuffix("</body></html>") for text in texts[1:]),
    ]
    html = f"{head}<body>{''.join(bodies)}</body></html>"
    fonts = FontConfiguration()
    css = weasyprint.CSS(string=stylesheet.css("A4", html), font_config=fonts, url_fetcher=press.Refusing())
    text = weasyprint.HTML(string=html, url_fetcher=press.Refusing(), base_url="asset:")
    document = text.render(font_config=fonts, stylesheets=[css], pdf_variant=press.VARIANT)
    document.write_pdf(pdf_variant=press.VARIANT, pdf_identifier=b"0" * 16)


def _forked(work: Callable[[], None]) -> float:
    pid = os.fork()
    if not pid:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    _, status, used = os.wait4(pid, 0)
    if status:
        raise RuntimeError(f"bare WeasyPrint ended with {os.waitstatus_to_exitcode(status)}")
    return used.ru_utime + used.ru_stime


@contextmanager
def counted() -> Iterator[Callable[[], float]]:
    """CPU seconds of this process and of those that it started and that ended meanwhile."""
    begin = _spent()
    yield lambda: _spent() - begin


def _spent() -> float:
    kinds = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in kinds)


def _nothing(exhibit: object, target: object) -> None:
    raise AssertionError("these packages have no exhibits")


def _still(done: int, total: int, note: str) -> None:
    """Watches and lets it go on."""
