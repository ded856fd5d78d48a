"""Binds reading copies and slip sheets into volumes, each below a size, with its list in front and every page stamped.

The same copies give the same bytes. What is bound was made by our own readers; nothing of an original's catalog, its
forms, programs or files, comes along.
"""

import hashlib
import json
import os
import resource
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import pikepdf
from django.utils.translation import get_language, gettext
from pikepdf import Array, Dictionary, Name, String

from portal.packages import limiting, typefaces, wording
from portal.packages.exhibits import sheets, stamped
from portal.packages.exhibits.pieces import Desk
from portal.packages.exhibits.reading import Read
from portal.packages.exhibits.stamping import Stamp

#: Of one volume; each holds its copies open until it is written.
MOST_COPIES = 2_000
FRONT_ROWS = 150
PASSES = 4
OPEN_FILES = 4_096


@dataclass(frozen=True)
class About:
    """Which package the volumes belong to. `when` is a moment of its data, as PDF writes it."""

    ref: str
    issue: int
    organization: str
    is_draft: bool
    when: str


@dataclass
class Placed:
    """A copy in a volume: its pages, and the first of them as the volume counts."""

    read: Read
    pages: int
    size: int
    page: int = 0


@dataclass
class Volume:
    number: int
    placed: list[Placed] = field(default_factory=list)
    front: int = 0

    @property
    def pages(self) -> int:
        return self.front + sum(each.pages for each in self.placed)


def planned(read: Sequence[Read], desk: Desk, limit_bytes: int) -> list[Volume]:
    """Exhibits in order, each volume below the limit as far as exhibits are; a message stays with what came with it."""
    volumes: list[Volume] = []
    size = 0
    for group in _groups(_measured(read, desk)):
        needed = sum(each.size for each in group)
        if not volumes or (volumes[-1].placed and size + needed > limit_bytes) or _is_full(volumes[-1], group):
            volumes.append(Volume(len(volumes) + 1))
            size = 0
        volumes[-1].placed += group
        size += needed
    return volumes


def _measured(read: Sequence[Read], desk: Desk) -> Iterator[Placed]:
    for each in read:
        target = desk.target(each.piece)
        frames = json.loads(target.with_suffix(".frames").read_text())
        yield Placed(each, len(frames), target.stat().st_size)


def _groups(placed: Iterator[Placed]) -> Iterator[list[Placed]]:
    group: list[Placed] = []
    for each in placed:
        if group and not each.read.piece.depth:
            yield group
            group = []
        group.append(each)
    if group:
        yield group


def _is_full(volume: Volume, group: list[Placed]) -> bool:
    return bool(volume.placed) and len(volume.placed) + len(group) > MOST_COPIES


def path(desk: Desk, volume: Volume) -> Path:
    return desk.folder / f"volume-{volume.number}.pdf"


def set_front(volume: Volume, of: int, desk: Desk, about: About) -> None:
    """The list of the volume, set again until its own length is in its numbers."""
    target = _front(desk, volume)
    for _ in range(PASSES):
        _number(volume)
        before = volume.front
        volume.front = sheets.lay_out("front", _front_data(volume, of, about), target, desk.paper)
        if volume.front == before:
            return
    raise ValueError("The list of a volume does not come to rest.")


def _front(desk: Desk, volume: Volume) -> Path:
    return desk.folder / f"front-{volume.number}.pdf"


def _number(volume: Volume) -> None:
    at = volume.front + 1
    for each in volume.placed:
        each.page = at
        at += each.pages


def _front_data(volume: Volume, of: int, about: About) -> dict[str, Any]:
    rows = [_row(each) for each in volume.placed]
    slips = sum(bool(each.read.reason) for each in volume.placed)
    told = {"package": about.ref, "issue": about.issue, "volume": volume.number, "volumes": of}
    kick = gettext("%(package)s · issue %(issue)s")
    if of > 1:
        kick = gettext("%(package)s · issue %(issue)s, volume %(volume)s of %(volumes)s")
    ends = {"first": rows[0]["label"], "last": rows[-1]["label"]}
    title = gettext("Exhibits %(first)s to %(last)s") if len(rows) > 1 else gettext("Exhibit %(first)s")
    return {
        "kick": kick % told,
        "title": title % ends,
        "lead": _lead(len(rows) - slips, slips),
        "stretches": [rows[at : at + FRONT_ROWS] for at in range(0, len(rows), FRONT_ROWS)],
    }


def _lead(copies: int, slips: int) -> str:
    said = [
        wording.capital(
            wording.counted(
                "%(number)s reading copy, stamped with the number of each exhibit, its page and this package.",
                "%(number)s reading copies, stamped with the number of each exhibit, its page and this package.",
                copies,
            )
        )
    ]
    if slips:
        # Translators: of the exhibits that have no reading copy.
        said.append(
            wording.counted(
                "In the place of %(number)s other stands a slip sheet that says why.",
                "In the place of %(number)s others stands a slip sheet that says why.",
                slips,
            )
        )
    said.append(gettext("The originals stand in the package, byte for byte."))
    return " ".join(said)


def _row(each: Placed) -> dict[str, Any]:
    piece = each.read.piece
    return {
        "label": piece.label,
        "title": piece.title[:160],
        "filename": piece.filename[:120],
        "note": _noted(each.read),
        "notes": each.read.notes,
        "pages": wording.figures(each.pages),
        "page": wording.figures(each.page),
        "is_part": bool(piece.depth),
    }


def note(read: Read) -> str:
    """What the manifest says of a copy; lists and stamps say it in the language that is spoken."""
    if read.reason:
        return "slip sheet"
    return "repaired copy" if read.is_repaired else ""


def _noted(read: Read) -> str:
    return str(wording.COPY[note(read)]) if note(read) else ""


def bind(volume: Volume, of: int, desk: Desk, about: About) -> None:
    """Write the volume's file."""
    said = stamped.phrases()
    stamp = Stamp("".join(said.values()))
    said = {name: words if stamp.has(words) else stamped.FIGURES[name] for name, words in said.items()}
    facts = {"package": about.ref, "issue": about.issue, "volume": volume.number, "pages": volume.pages}
    with pikepdf.new() as made:
        fonts = stamp.fonts(made)
        taken = [_take(made, _front(desk, volume), said["front"] % facts, said["page"])]
        for each in volume.placed:
            words = f" · {said[note(each.read)]}" if note(each.read) else ""
            taken.append(_take(made, desk.target(each.read.piece), each.read.piece.label, said["page"], words))
        # In one round, when all are there: to ask for a page by its place costs more than to stamp it.
        package = said["draft" if about.is_draft else "package"] % facts
        where = said["volume" if of > 1 else "place"]
        for at, (page, told) in enumerate(zip(made.pages, chain.from_iterable(taken), strict=True), 1):
            drawn = stamp.drawn(*told, f"{package} · {where % (facts | {'page': at})}")
            page.obj.Resources.Font = fonts
            page.obj.Contents = made.make_stream(b"q /X Do Q\n" + drawn)
        _describe(made, volume, of, about)
        made.save(path(desk, volume), deterministic_id=True, object_stream_mode=pikepdf.ObjectStreamMode.generate)


def _take(
    made: pikepdf.Pdf, source: Path, label: str, counted: str, words: str = ""
) -> Iterator[tuple[str, float, str, str]]:
    """Append the pages of a copy; of each the matrix and width of its band, and what its stamp says at the left."""
    frames = json.loads(source.with_suffix(".frames").read_text())
    # Not mapped: what is mapped counts against the limit of memory.
    copy = pikepdf.open(source, access_mode=pikepdf.AccessMode.stream)
    made.pages.extend(copy.pages)
    return (
        (" ".join(map(str, matrix)), width, label, counted % {"page": at, "pages": len(frames)} + words)
        for at, (*matrix, width) in enumerate(frames, 1)
    )


def _describe(made: pikepdf.Pdf, volume: Volume, of: int, about: About) -> None:
    """Outline, labels of pages, and what the file says of itself."""
    title = gettext("Exhibits of %(package)s, issue %(issue)s")
    if of > 1:
        title = gettext("Exhibits of %(package)s, issue %(issue)s, volume %(volume)s of %(volumes)s")
    told = {"package": about.ref, "issue": about.issue, "volume": volume.number, "volumes": of}
    made.docinfo["/Title"] = title % told
    made.docinfo["/Author"] = typefaces.showable(about.organization)
    made.docinfo["/Producer"] = "Clearhold"
    for name in ("/CreationDate", "/ModDate"):
        made.docinfo[name] = about.when
    labels: list[Any] = [0, Dictionary(S=Name.r)]
    for each in volume.placed:
        # Translators: the label of a page: the exhibit’s number, then the page’s is put behind it.
        prefix = gettext("%(exhibit)s p. ") % {"exhibit": each.read.piece.number}
        labels += [each.page - 1, Dictionary(S=Name.D, P=String(prefix))]
    made.Root.PageLabels = Dictionary(Nums=Array(labels))
    made.Root.Lang = String(get_language())
    made.Root.ViewerPreferences = Dictionary(DisplayDocTitle=True)
    made.Root.PageMode = Name.UseOutlines
    with made.open_outline() as outline:
        outline.root.append(pikepdf.OutlineItem(gettext("List of exhibits"), 0))
        for each in volume.placed:
            piece = each.read.piece
            item = pikepdf.OutlineItem(f"{piece.label}  {piece.title[:120]}", each.page - 1)
            if piece.depth and len(outline.root) > 1:
                outline.root[-1].children.append(item)
                outline.root[-1].is_closed = True
            else:
                outline.root.append(item)


def made_apart(
    volume: Volume, of: int, desk: Desk, about: About, memory_bytes: int, cpu_seconds: int
) -> dict[str, Any]:
    """Bind in a process of its own, since its memory grows with the volume. Raises what ended it."""
    pid = os.fork()
    if not pid:
        status = 1
        try:
            signal.alarm(4 * cpu_seconds)
            _raise_limit_of_files()
            limiting.limit(memory_bytes, cpu_seconds)
            bind(volume, of, desk, about)
            told: dict[str, Any] = {"peak_bytes": limiting.peak_bytes(), **_facts(path(desk, volume))}
            status = 0
        except BaseException as error:
            told = {"cause": f"{type(error).__name__}: {error}"[:600]}
        finally:
            path(desk, volume).with_suffix(".json").write_text(json.dumps(told))
            os._exit(status)
    _, ended, spent = os.wait4(pid, 0)
    at = path(desk, volume).with_suffix(".json")
    facts: dict[str, Any] = json.loads(at.read_text()) if at.is_file() else {}
    if ended:
        code = os.waitstatus_to_exitcode(ended)
        raise RuntimeError(facts.get("cause") or f"the process that binds it ended with {code}")
    return facts | {"cpu_seconds": spent.ru_utime + spent.ru_stime}


def _facts(target: Path) -> dict[str, Any]:
    with target.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return {"sha256": sha256, "size": target.stat().st_size}


def _raise_limit_of_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
