"""Has every exhibit read in a process of its own, two at once, limited in memory, time and what it may write.

One process reads libraries and fonts, then forks for each exhibit. What fails there becomes a slip sheet with the
reason; what was killed from outside is tried once more. A full disk stops everything: then no copy could be trusted.
"""

import errno
import json
import os
import resource
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from django.utils.translation import gettext, gettext_lazy
from weasyprint.urls import FatalURLFetchingError

from portal.packages import limiting
from portal.packages.book import SectionFailed
from portal.packages.exhibits import archives, images, mails, office, pdfs, sheets, slips, structured, tables, texts
from portal.packages.exhibits.kinds import Kind, kind_of
from portal.packages.exhibits.pieces import Copy, Desk, NotLaidOut, Piece, piece_from

SECTION = "Exhibits"
AT_ONCE, ATTEMPTS = 2, 2
WALL_FACTOR = 4
WRITTEN_BYTES = 1 << 30
PAUSE_SECONDS = 0.002
#: Of all exhibits together, those that were attached to messages among them.
MOST_PIECES = 20_000
SLOW = gettext_lazy("It took longer to lay out than one exhibit may.")
LARGE = gettext_lazy("It needs more memory to lay out than one exhibit may have.")

Reader = Callable[[Piece, Desk], Copy]
Say = Callable[..., None]

READERS: dict[Kind, Reader] = {
    Kind.PDF: pdfs.copy,
    Kind.IMAGE: images.copy,
    Kind.TEXT: texts.copy,
    Kind.TABLE: tables.copy,
    Kind.WORKBOOK: office.copy,
    Kind.JSON: structured.copy,
    Kind.MAIL: mails.copy,
    Kind.OFFICE: office.copy,
    Kind.ARCHIVE: archives.refuse,
    Kind.OTHER: slips.refuse,
}


@dataclass(frozen=True)
class Limits:
    memory_bytes: int
    cpu_seconds: int


@dataclass
class Used:
    """The peak of any one process, and the processor time of all."""

    peak_bytes: int = 0
    cpu_seconds: float = 0.0


@dataclass
class Read:
    """A piece with what came of it; `reason` is that of its slip sheet."""

    piece: Piece
    notes: list[str] = field(default_factory=list)
    is_repaired: bool = False
    reason: str = ""
    parts: list[Piece] = field(default_factory=list)


@dataclass(frozen=True)
class _Turn:
    piece: Piece
    attempt: int = 1
    reason: str = ""
    listing: tuple[str, ...] = ()


def read(pieces: list[Piece], desk: Desk, limits: Limits, known: set[str], say: Say) -> tuple[list[Read], Used]:
    """A copy and its frames for every piece, in order, each followed by what was attached to it.

    `known` are the numbers whose copies are there already. Raises SectionFailed, with nothing left running.
    """
    sheets.prepare(desk.paper)
    waiting = deque(_Turn(piece, reason=piece.missing) for piece in pieces if piece.number not in known)
    running: dict[int, _Turn] = {}
    done: dict[str, Read] = {piece.number: _kept(piece, desk) for piece in pieces if piece.number in known}
    used, total = Used(), len(pieces)
    try:
        while waiting or running:
            while waiting and len(running) < AT_ONCE:
                turn = waiting.popleft()
                running[_fork(turn, desk, limits)] = turn
            pid, status, spent = _ended(running)
            turn = running.pop(pid)
            used.cpu_seconds += spent.ru_utime + spent.ru_stime
            outcome = _look(turn, desk, status, used)
            if isinstance(outcome, _Turn):
                waiting.appendleft(outcome)
                continue
            done[turn.piece.number] = outcome
            room = MOST_PIECES - total
            waiting.extendleft(_Turn(part, reason=part.missing) for part in reversed(outcome.parts[:room]))
            total += len(outcome.parts[:room])
            say(section=SECTION, row=turn.piece.number, done=len(done), total=total)
    finally:
        for pid in running:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    return list(_in_order(pieces, done)), used


def facts_path(desk: Desk, number: str) -> Path:
    return desk.folder / f"copy-{number}.json"


def _in_order(pieces: list[Piece], done: dict[str, Read]) -> Any:
    for piece in pieces:
        found = done.get(piece.number)
        if found is not None:
            yield found
            yield from _in_order(found.parts, done)


def _kept(piece: Piece, desk: Desk) -> Read:
    told = json.loads(facts_path(desk, piece.number).read_text())
    return Read(piece, told["notes"], told["is_repaired"], told["reason"])


def _ended(running: Iterable[int]) -> tuple[int, int, resource.struct_rusage]:
    """One of these that has ended. Whoever else this process started is left to whoever waits for it."""
    while True:
        for pid in running:
            found = os.wait4(pid, os.WNOHANG)
            if found[0]:
                return found
        time.sleep(PAUSE_SECONDS)


def _fork(turn: _Turn, desk: Desk, limits: Limits) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        signal.alarm(WALL_FACTOR * limits.cpu_seconds)
        # What was mapped before the fork is no exhibit's doing.
        limiting.limit(limiting.mapped_bytes() + limits.memory_bytes, limits.cpu_seconds)
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (WRITTEN_BYTES, hard))
        status = _work(turn, desk)
    finally:
        os._exit(status)


def _work(turn: _Turn, desk: Desk) -> int:
    at = facts_path(desk, turn.piece.number)
    at.unlink(missing_ok=True)
    try:
        if turn.reason:
            slips.write(turn.piece, desk, turn.reason, turn.listing)
            return _say(at, Copy(), reason=turn.reason)
        return _say(at, READERS[kind_of(turn.piece.media_type, turn.piece.filename)](turn.piece, desk))
    except (NotLaidOut, MemoryError) as refusal:
        if turn.reason:
            # A slip sheet that can't be written has no slip sheet in its turn.
            return _say(at, Copy(), fault=str(refusal) or str(LARGE))
        if isinstance(refusal, MemoryError):
            return _say(at, Copy(), why=str(LARGE))
        return _say(at, Copy(), why=refusal.reason, listing=refusal.listing)
    # The edge of the process: its parent names the exhibit and the cause. A refused address is no Exception.
    except (Exception, FatalURLFetchingError) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            desk.target(turn.piece).unlink(missing_ok=True)
            return _say(at, Copy(), fault=os.strerror(errno.ENOSPC))
        if turn.reason:
            return _say(at, Copy(), fault=f"{type(error).__name__}: {error}"[:600])
        if isinstance(error, OSError) and error.errno == errno.EFBIG:
            return _say(at, Copy(), why=gettext("Its copy would be larger than one exhibit may be."))
        return _say(at, Copy(), why=gettext("It could not be read (%(cause)s).") % {"cause": type(error).__name__})


def _say(at: Path, copy: Copy, **facts: Any) -> int:
    told = {"notes": copy.notes, "is_repaired": copy.is_repaired, "parts": [asdict(part) for part in copy.parts]}
    at.write_text(json.dumps({"reason": "", **told, **facts, "peak_bytes": limiting.peak_bytes()}))
    return 0


def _look(turn: _Turn, desk: Desk, status: int, used: Used) -> Read | _Turn:
    """What came of it, or the turn that follows: once more, or with a slip sheet. Raises SectionFailed."""
    told = _told(facts_path(desk, turn.piece.number))
    code = os.waitstatus_to_exitcode(status)
    if code == 0 and told:
        used.peak_bytes = max(used.peak_bytes, told["peak_bytes"])
        if told.get("fault"):
            raise SectionFailed(SECTION, turn.piece.number, told["fault"])
        if told.get("why"):
            return _Turn(turn.piece, reason=told["why"], listing=tuple(told.get("listing", ())))
        parts = [piece_from(part) for part in told["parts"]]
        return Read(turn.piece, told["notes"], told["is_repaired"], told["reason"], parts)
    is_slow = code in (-signal.SIGALRM, -signal.SIGXCPU)
    if not is_slow and turn.attempt < ATTEMPTS:
        return _Turn(turn.piece, turn.attempt + 1, turn.reason, turn.listing)
    ending = signal.Signals(-code).name if code < 0 else f"code {code}"
    if turn.reason:
        raise SectionFailed(SECTION, turn.piece.number, f"the process that writes its slip sheet ended with {ending}")
    reason = gettext("The process that reads it ended with %(ending)s, twice.") % {"ending": ending}
    return _Turn(turn.piece, reason=str(SLOW) if is_slow else reason)


def _told(at: Path) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads(at.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return told
