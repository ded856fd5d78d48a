"""Reads a file in a child process of limited memory and time, and hands its records over one at a time.

Nothing of the file is parsed in this process. What the child can't survive ends here as one clear refusal.
"""

import json
import os
import queue
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from evidence.errors import Invalid, TooLarge

from .reader import limits
from .reader.records import Record, unpacked

_ROOT = Path(__file__).resolve().parents[2]
_FRAMES_AHEAD = 16
_FRAME_BYTES = 64 * limits.MB
_START = "import sys; sys.path.insert(0, {root!r}); from remediation.importers.reader.child import main; main()"


class Reader:
    """A file being read. Iterate over it for its records, once; the child ends with the iteration or the context."""

    def __init__(
        self,
        file: BinaryIO,
        *,
        name: str = "",
        format: str | None = None,  # noqa: A002
        mapping: Mapping[str, str] | None = None,
        date_order: str = "",
    ) -> None:
        self.format = ""
        self.header: list[str] = []
        self.stopped_early = False
        self._waited = 0.0
        self._closing = False
        self._pump: threading.Thread | None = None
        self._taken: queue.Queue[list[Record] | BaseException | None] = queue.Queue(_FRAMES_AHEAD)
        receive, send = os.pipe()
        asked = {
            "out": send,
            "name": name[:200],
            "format": format,
            "mapping": dict(mapping or {}),
            "date_order": date_order,
        }
        file.flush() if file.writable() else None
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        try:
            self._child = subprocess.Popen(
                [sys.executable, "-E", "-s", "-c", _START.format(root=str(_ROOT)), json.dumps(asked)],
                stdin=file.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(send,),
                cwd="/",
                env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONUTF8": "1", "MALLOC_ARENA_MAX": "2"},
                start_new_session=True,
            )
        finally:
            os.close(send)
        self._pipe = receive
        try:
            first = self._frame()
            self.format = str(first["format"])
            self.header = [str(each) for each in first.get("header", [])]
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Record]:
        """The records. A thread takes them from the child meanwhile, so that it reads on while the database writes."""
        self._pump = threading.Thread(target=self._take, name="import-reader", daemon=True)
        self._pump.start()
        try:
            while True:
                taken = self._taken.get()
                if isinstance(taken, BaseException):
                    raise taken
                if taken is None:
                    return
                yield from taken
        finally:
            self.close()

    def _take(self) -> None:
        try:
            while not self._closing:
                frame = self._frame()
                self._hand(list(map(unpacked, frame.get("records", ()))))
                if frame.get("end"):
                    self.stopped_early = bool(frame.get("stopped"))
                    self._hand(None)
                    return
        except BaseException as error:  # handed to the thread that iterates
            self._hand(error)

    def _hand(self, what: list[Record] | BaseException | None) -> None:
        while not self._closing:
            with suppress(queue.Full):
                self._taken.put(what, timeout=0.2)
                return

    def close(self) -> None:
        """End the child, whatever it does."""
        self._closing = True
        if self._child.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()
        if self._pump is not None:
            self._pump.join()
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1

    def _frame(self) -> dict[str, Any]:
        length = struct.unpack(">I", self._bytes(4))[0]
        if length > _FRAME_BYTES:
            raise TooLarge(
                "The file holds a result that is far too large to be one. Check the export.", code="import_result_size"
            )
        frame: dict[str, Any] = json.loads(self._bytes(length))
        if "refused" in frame:
            message, code = str(frame["message"]), f"import_{frame['code']}" if frame.get("code") else "import_invalid"
            details = {"row": frame["row"]} if frame.get("row") else None
            if frame["refused"] == "too_large":
                raise TooLarge(message, code=code, details=details)
            raise Invalid(message, code=code, details=details)
        return frame

    def _bytes(self, count: int) -> bytes:
        parts, left = [], count
        while left:
            before = time.monotonic()
            ready, _, _ = select.select([self._pipe], [], [], max(0.0, limits.WAIT_SECONDS - self._waited))
            # Only the waiting counts: while the database is busy, the child is at rest.
            self._waited += time.monotonic() - before
            if not ready:
                raise TooLarge(
                    f"Reading the file took longer than {limits.WAIT_SECONDS} seconds and was stopped. Split it, or export less.",
                    code="import_time",
                )
            part = os.read(self._pipe, min(left, 1024 * 1024))
            if not part:
                raise self._ended()
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def _ended(self) -> Exception:
        """The child is gone without a word: say what stopped it."""
        code = self._child.wait()
        if code in (-signal.SIGXCPU, -signal.SIGKILL) and self._waited > limits.CPU_SECONDS / 2:
            return TooLarge(
                f"Reading the file took more than {limits.CPU_SECONDS} seconds of processor time and was stopped.",
                code="import_time",
            )
        if code < 0:
            return TooLarge(
                f"Reading the file needs more than the {limits.MEMORY_BYTES // limits.MB} MB that an import may use, so it was stopped. "
                "Check the export, or split the file.",
                code="import_memory",
            )
        return Invalid(
            "The file made its reader fail, so nothing was imported. Export it again; if that doesn't help, report it.",
            code="import_reader_failed",
        )
