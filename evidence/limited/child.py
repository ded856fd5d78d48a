"""Run as a process of its own: `python -I -S child.py PROGRAM [FOLDER OF PACKAGES…]`.

It imports the program, limits itself, and only then asks for the first byte. The first line of standard input is the
request (JSON with `size` and `limits`); ranges are asked for as `OFFSET LENGTH` lines on standard output and answered
on standard input; `=` and a line of JSON, then bytes, are the answer.
"""

import importlib
import io
import json
import os
import resource
import sys
from pathlib import Path
from typing import Any, BinaryIO

PIECE_BYTES = 256 * 1024
OPEN_FILES = 64


class Ranges(io.RawIOBase):
    """The file that is looked into, as far as it is asked for."""

    def __init__(self, size: int, requests: BinaryIO, answers: BinaryIO) -> None:
        self._size, self._requests, self._answers, self._at = size, requests, answers, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError("before the beginning of the file")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, target: Any) -> int:
        length = min(len(target), self._size - self._at)
        if length <= 0:
            return 0
        self._requests.write(b"%d %d\n" % (self._at, length))
        self._requests.flush()
        data = self._answers.read(length)
        if len(data) != length:
            raise EOFError("the bytes ended early")
        target[:length] = data
        self._at += length
        return length


def limit(memory_bytes: int, cpu_seconds: int) -> None:
    """Bind this process for good. Answers leave through a pipe; a parser that wants to write a file can't."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))


def main() -> int:
    # Libraries print; what they print must not be taken for an answer.
    requests = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.path[:0] = [str(Path(__file__).resolve().parents[2]), *sys.argv[2:]]
    program = importlib.import_module(sys.argv[1])
    request = json.loads(sys.stdin.buffer.readline())
    limit(*request.pop("limits"))
    size = request.pop("size")
    file = io.BufferedReader(Ranges(size, requests, sys.stdin.buffer), PIECE_BYTES)
    try:
        facts, data = program.main(file, size, **request)
    except (Exception, MemoryError) as error:
        facts, data = {"error": f"{type(error).__name__}: {error}"[:200]}, b""
    requests.write(b"=" + json.dumps(facts).encode() + b"\n" + data)
    requests.flush()
    return 0


if __name__ == "__main__":
    # No finalizers of libraries after the answer: some of them fail on what they have parsed.
    code = main()
    os._exit(code)
