"""Start a limited process, give it the ranges it asks for, and take its answer, or say that it failed."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import BoundedSemaphore, Timer
from typing import IO, Any, BinaryIO

CHILD = Path(__file__).with_name("child.py")
PACKAGES = tuple(path for path in sys.path if path.endswith("site-packages"))
RANGE_MOST_BYTES = 4 * 1024 * 1024
ANSWER_MOST_BYTES = 32 * 1024 * 1024
# A few at once in each of our processes: looking into files must not take the machine from approvals.
SLOTS_SECONDS = 60
_slots = BoundedSemaphore(3)


class Failed(Exception):
    """The process ended without an answer: it ran into a limit, crashed, or had no room to start."""


@dataclass(frozen=True)
class Limits:
    memory_bytes: int = 1024**3
    cpu_seconds: int = 10
    wall_seconds: float = 20


@dataclass(frozen=True)
class Answer:
    """What the program found out: facts, or bytes it drew. `error` in the facts is its own word for failing."""

    facts: dict[str, Any]
    data: bytes


def run(
    program: str,
    file: BinaryIO,
    size: int,
    request: Mapping[str, Any] | None = None,
    *,
    limits: Limits | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Answer:
    """Let `program` (a module with a `main`) look into the file. Raises Failed, and what reading the file raises.

    `progress` is told how far the reading is, and may raise to stop it.
    """
    limits = limits or Limits()
    if not _slots.acquire(timeout=SLOTS_SECONDS):
        raise Failed("too many files are being looked into")
    try:
        return _run(program, file, size, {**(request or {}), "size": size}, limits, progress)
    finally:
        _slots.release()


def _run(
    program: str,
    file: BinaryIO,
    size: int,
    request: dict[str, Any],
    limits: Limits,
    progress: Callable[[int, int], None] | None,
) -> Answer:
    command = [sys.executable, "-I", "-S", str(CHILD), program, *PACKAGES]
    request["limits"] = [limits.memory_bytes, limits.cpu_seconds]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"LC_ALL": "C.UTF-8"},
    )
    guard = Timer(limits.wall_seconds, process.kill)
    guard.start()
    stdin, stdout = process.stdin, process.stdout
    assert stdin is not None and stdout is not None
    try:
        _say(stdin, json.dumps(request).encode() + b"\n")
        return _served(file, size, stdin, stdout, progress)
    finally:
        guard.cancel()
        process.kill()
        process.wait()
        stdout.close()
        with suppress(OSError):
            stdin.close()


def _served(
    file: BinaryIO,
    size: int,
    stdin: IO[bytes],
    stdout: IO[bytes],
    progress: Callable[[int, int], None] | None,
) -> Answer:
    while line := stdout.readline(ANSWER_MOST_BYTES):
        if line.startswith(b"="):
            return _answer(line, stdout)
        offset, length = _range(line, size)
        file.seek(offset)
        data = file.read(length)
        if len(data) != length:
            raise Failed("the file is shorter than its size")
        _say(stdin, data)
        if progress is not None:
            progress(offset + length, size)
    raise Failed("it ended without an answer")


def _answer(line: bytes, stdout: IO[bytes]) -> Answer:
    try:
        facts = json.loads(line[1:])
    except ValueError:
        raise Failed("its answer can't be read") from None
    data = stdout.read(ANSWER_MOST_BYTES + 1)
    if not isinstance(facts, dict) or len(data) > ANSWER_MOST_BYTES:
        raise Failed("its answer is no answer")
    return Answer(facts, data)


def _range(line: bytes, size: int) -> tuple[int, int]:
    # What comes from a process that parsed a stranger's bytes is a stranger's word.
    parts = line.split()
    if len(parts) != 2 or not all(part.isdigit() and len(part) < 20 for part in parts):
        raise Failed("it asked for no range")
    offset, length = int(parts[0]), int(parts[1])
    if length > RANGE_MOST_BYTES or offset + length > size:
        raise Failed("it asked for more than there is")
    return offset, length


def _say(stdin: IO[bytes], data: bytes) -> None:
    try:
        stdin.write(data)
        stdin.flush()
    except (BrokenPipeError, ConnectionError):
        raise Failed("it ended while it was read to") from None
