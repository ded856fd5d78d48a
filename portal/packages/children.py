"""Runs the processes that set a package, watches each, and ends it with all that it started when it fails."""

import errno
import json
import logging
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evidence import crashing
from evidence.errors import Refused
from portal.packages import typefaces
from portal.packages.stages import BEFORE_ITS_WORK

logger = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]
POLL_SECONDS = 0.25
#: What a child needs from our surroundings to find Python's and Pango's libraries; nothing secret is passed on.
PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH", "VIRTUAL_ENV")

#: Called with parts done, parts in all, a note. What it raises stops the children and goes up: that is how a job cancels.
Watch = Callable[[int, int, str], None]


class BuildFailed(Refused):
    """The package could not be set. Names the section and the row; nothing was kept."""

    code = "package_not_built"
    status = 422


@dataclass(frozen=True)
class Step:
    """One process's work, its limits, and what it is told beside the order."""

    name: str
    task: str
    memory_bytes: int
    cpu_seconds: int
    told: dict[str, Any] = field(default_factory=dict)


class _Ended(BuildFailed):
    """A process ended without a result and not by its own limits: killed from outside, or out of luck."""


def run(folder: Path, steps: Sequence[Step], watch: Watch) -> dict[str, Any]:
    """The results by the steps' names, one after the other. A process that is killed is tried once more."""
    results = {}
    for step in steps:
        try:
            results[step.name] = _run(folder, step, watch)
        except _Ended:
            results[step.name] = _run(folder, step, watch)
    return results


def _run(folder: Path, step: Step, watch: Watch) -> dict[str, Any]:
    child = _Child(folder, step)
    try:
        while (result := child.look(POLL_SECONDS)) is None:
            crashing.point("package.printing")
            watch(*child.stage, child.note)
    finally:
        child.end()
    return result


class _Child:
    def __init__(self, folder: Path, step: Step) -> None:
        self.step, self.note, self.stage, self._buffer = step, "Starting", (0, 1), b""
        self._errors = folder / f"{step.name}.stderr"
        limits = {"task": step.task, "memory_bytes": step.memory_bytes, "cpu_seconds": step.cpu_seconds}
        (folder / f"{step.name}.step").write_text(json.dumps(limits | step.told))
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "portal.packages.child", str(folder), step.name],
                cwd=ROOT,
                env=_surroundings(folder),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        assert self._process.stdout is not None
        self._out = self._process.stdout
        os.set_blocking(self._out.fileno(), False)
        # A process that waits uses no CPU time, so the clock on the wall has a limit of its own.
        self._deadline = time.monotonic() + 4 * step.cpu_seconds
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._out, selectors.EVENT_READ)

    def look(self, seconds: float) -> dict[str, Any] | None:
        """Reads what it says for so long; its result, once there is one. Raises BuildFailed."""
        ready = self._selector.select(seconds)
        if time.monotonic() > self._deadline:
            raise BuildFailed(f"Setting the package took too long; it stopped {_at(self.note)}. No package was made.")
        for said in self._said() if ready else ():
            if "result" in said:
                result: dict[str, Any] = said["result"]
                return result
            if "failed" in said:
                raise _failure(said["failed"])
            if "section" in said:
                self.note = said["section"] + (f", {said['row']}" if said["row"] else "")
                self.stage = (said["done"], said["total"]) if said["total"] else self.stage
        return None

    def _said(self) -> Iterator[dict[str, Any]]:
        chunk = self._out.read()
        if chunk == b"":
            self._process.wait()
            # For the log alone: it names paths of this machine.
            logger.error("%s ended: %s", self.step.name, self._errors.read_bytes()[-2000:].decode(errors="replace"))
            code = self._process.returncode
            is_own = code >= 0 or code in (-signal.SIGXCPU, -signal.SIGALRM)
            raise (BuildFailed if is_own else _Ended)(
                f"The process that sets the package ended without a result {_at(self.note)} ({_ending(code)}). "
                "No package was made.",
                help="" if is_own else KILLED,
            )
        *lines, self._buffer = (self._buffer + (chunk or b"")).split(b"\n")
        for line in lines:
            # A library that runs out of memory may print a line of its own before it ends the process.
            if line.startswith(b"{"):
                yield json.loads(line)

    def end(self) -> None:
        # When it has said its result there is nothing left to wait for; when it is cancelled it must not go on, nor may
        # what it forked, even if it is dead itself.
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._selector.close()
        self._out.close()


NO_ROOM = "Free space under CLEARHOLD_WORK_DIR or enlarge it, then build the package again."
#: The kernel of a machine whose memory is used up ends processes so.
KILLED = (
    "It was tried twice. If the server is short of memory, whoever runs it can see so; then build the package again."
)


def _failure(facts: dict[str, str]) -> BuildFailed:
    where = f"section “{facts['section']}”" + (f" at {facts['row']}" if facts["row"] else "")
    if facts["section"] in BEFORE_ITS_WORK:
        where = "its first step"
    return BuildFailed(
        f"The package could not be set: {where} failed ({facts['cause']}). No package was made.",
        details={"section": facts["section"], "row": facts["row"]},
        help=NO_ROOM if os.strerror(errno.ENOSPC) in facts["cause"] else "",
    )


def _surroundings(folder: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return kept | {
        "PYTHONPATH": str(ROOT),
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "FONTCONFIG_FILE": str(typefaces.FOLDER / "fonts.conf"),
    }


def _at(note: str) -> str:
    return "at the beginning" if note in BEFORE_ITS_WORK else f"at {note}"


def _ending(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit {code}"
