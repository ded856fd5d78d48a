"""Paints the units of a package in processes that live for one shard each, so that no memory is kept from one to the next.

One process reads the libraries and the fonts, then forks: a shard starts with both in place. Each has limits on memory,
processor time and wall time; one that was killed from outside is tried once more, then its unit is named.
"""

import errno
import json
import os
import shutil
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weasyprint.urls import FatalURLFetchingError

from portal.packages import fontfiles, leaves, limiting, stylesheet, units
from portal.packages.book import SectionFailed
from portal.packages.painting import Press

AT_ONCE = units.AT_ONCE
ATTEMPTS = 2
#: A process that waits uses no processor time, so the clock on the wall has a limit of its own.
WALL_FACTOR = 4

#: With less than this a disk is full.
ROOM_BYTES = 1 << 16

Say = Callable[..., None]


@dataclass(frozen=True)
class Limits:
    memory_bytes: int
    cpu_seconds: int


@dataclass(frozen=True)
class _Shard:
    number: int
    places: tuple[int, ...]
    attempt: int = 1


class Painted:
    """What the shards used: the peak of any one, the processor time of all."""

    peak_bytes = 0
    cpu_seconds = 0.0


def paint(
    folder: Path, cut: Sequence[Sequence[int]], paper: str, limits: Limits, say: Say, *, accent: str = ""
) -> Painted:
    """Writes `leaf-N` for every unit of every shard. Raises SectionFailed, with nothing left running."""
    told = json.loads((folder / units.UNITS).read_text())
    press = Press(paper, accent, (folder / units.LOGO).read_bytes())
    press.prepare(stylesheet.faces(""))
    _read_fonts(folder, cut)
    waiting = [_Shard(number, tuple(places)) for number, places in enumerate(cut)]
    running: dict[int, _Shard] = {}
    used = Painted()
    done, total = 0, sum(map(len, cut))
    try:
        while waiting or running:
            while waiting and len(running) < AT_ONCE:
                shard = waiting.pop(0)
                running[_fork(folder, shard, told, press, limits, say)] = shard
            pid, status, spent = os.wait4(-1, 0)
            shard = running.pop(pid)
            used.cpu_seconds += spent.ru_utime + spent.ru_stime
            again = _look(folder, shard, status, told, used)
            if again:
                waiting.insert(0, again)
            else:
                done += len(shard.places)
                say(
                    section=told[shard.places[-1]]["section"], row=told[shard.places[-1]]["row"], done=done, total=total
                )
    finally:
        for pid in running:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    return used


def _read_fonts(folder: Path, cut: Sequence[Sequence[int]]) -> None:
    """Decompress what any shard needs before the first is forked: done in each, it would cost more than the layout."""
    for places in cut:
        for place in places:
            for face in stylesheet.faces((folder / f"unit-{place}.html").read_text()):
                fontfiles.program(face.file)


def _fork(folder: Path, shard: _Shard, told: list[dict[str, Any]], press: Press, limits: Limits, say: Say) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        signal.alarm(WALL_FACTOR * limits.cpu_seconds)
        limiting.limit(limits.memory_bytes, limits.cpu_seconds)
        status = _work(folder, shard, told, press, say)
    finally:
        os._exit(status)


def _work(folder: Path, shard: _Shard, told: list[dict[str, Any]], press: Press, say: Say) -> int:
    at = folder / f"shard-{shard.number}"
    for place in shard.places:
        unit = told[place]
        try:
            at.write_text(json.dumps({"place": place, "cause": ""}))
            say(section=unit["section"], row=unit["row"], done=0, total=0)
            leaf = leaves.dump(press.paint((folder / f"unit-{place}.html").read_text()))
            (folder / f"leaf-{place}").write_bytes(leaf)
        except MemoryError:
            return _fail(at, place, "it needs more memory than one shard may have")
        # The edge of the process: its parent names the unit and the cause. A refused address is no Exception.
        except (Exception, FatalURLFetchingError) as error:
            # On a full disk what was begun makes room for the reason.
            (folder / f"leaf-{place}").unlink(missing_ok=True)
            return _fail(at, place, f"{type(error).__name__}: {error}"[:600])
    at.write_text(json.dumps({"peak_bytes": limiting.peak_bytes()}))
    return 0


def _fail(at: Path, place: int, cause: str) -> int:
    at.write_text(json.dumps({"place": place, "cause": cause}))
    return 1


def _look(folder: Path, shard: _Shard, status: int, told: list[dict[str, Any]], used: Painted) -> _Shard | None:
    """None when the shard is done, the shard to try again when it was killed. Raises SectionFailed."""
    at = folder / f"shard-{shard.number}"
    left = _left(at)
    if "peak_bytes" in left and status == 0:
        used.peak_bytes = max(used.peak_bytes, left["peak_bytes"])
        return None
    code = os.waitstatus_to_exitcode(status)
    unit = told[left.get("place", shard.places[0])]
    ending = f"the process was ended by {signal.Signals(-code).name}" if code < 0 else f"the process ended with {code}"
    spent = code in (-signal.SIGALRM, -signal.SIGXCPU)
    if not left.get("cause") and not spent and shard.attempt < ATTEMPTS:
        return _Shard(shard.number, shard.places, shard.attempt + 1)
    cause = left.get("cause") or ("it took longer than one shard may" if spent else f"{ending}, twice")
    raise SectionFailed(unit["section"], unit["row"] or "its first page", cause)


def _left(at: Path) -> dict[str, Any]:
    """What a shard said last; a full disk may have swallowed it."""
    try:
        told: dict[str, Any] = json.loads(at.read_text())
    except (FileNotFoundError, ValueError):
        is_full = shutil.disk_usage(at.parent).free < ROOM_BYTES
        return {"cause": os.strerror(errno.ENOSPC) if is_full else ""}
    return told
