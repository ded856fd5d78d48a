"""A client of ClamAV's clamd: bytes are streamed to it in constant memory, and its word is taken literally.

Only “OK” for the whole stream is clean. A stream it won't take, a limit it ran into, a password: unscannable. A daemon
that is away is no result at all. See https://docs.clamav.net/ (INSTREAM).
"""

import socket
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from django.conf import settings

TIMEOUT_SECONDS = 60
ANSWER_SECONDS = 600
PIECE_BYTES = 64 * 1024
# clamd's own defaults: it lets larger files pass unread and says OK.
MOST_BYTES = 100 * 1024 * 1024
# What clamd reports as found, although it only means that it could not look.
_NO_MALWARE = ("Heuristics.Limits.Exceeded", "Heuristics.Encrypted", "Heuristics.Broken")


class Away(Exception):
    """The daemon can't be reached, or stopped in the middle. Trying again may help."""


@dataclass(frozen=True)
class Result:
    """`outcome` is clean, infected, unscannable or waiting; the others say by what and why."""

    outcome: str
    signature: str = ""
    engine: str = ""
    reason: str = ""


def configured() -> bool:
    """Whether a scanner is set up: CLEARHOLD_CLAMD is `unix:/path`, `/path`, `host:port` or `tcp://host:port`."""
    return bool(_address())


def scan(pieces: Iterable[bytes], size: int) -> Result:
    """Let clamd read the stream. Raises Away; errors of the stream itself pass through."""
    most = int(getattr(settings, "CLEARHOLD_CLAMD_MOST_BYTES", MOST_BYTES))
    engine = version()
    if size > most:
        return Result(
            "unscannable",
            engine=engine,
            reason=f"The file has {size:,} bytes; the scanner reads up to {most:,} of one.",
        )
    answer = _stream(pieces)
    return _meaning(answer, engine)


def version() -> str:
    """The engine and the version of its signatures, as clamd names them. Raises Away."""
    with _connected() as link:
        return _asked(link, b"zVERSION\0")


def ping() -> bool:
    """Whether it answers."""
    try:
        with _connected() as link:
            return _asked(link, b"zPING\0") == "PONG"
    except Away:
        return False


def _meaning(answer: str, engine: str) -> Result:
    words = answer.removeprefix("stream:").strip()
    if words == "OK":
        return Result("clean", engine=engine)
    if words.endswith(" FOUND"):
        name = words.removesuffix(" FOUND").strip()
        if name.startswith(_NO_MALWARE):
            return Result("unscannable", engine=engine, reason=f"The scanner could not look at all of it: {name}.")
        return Result("infected", signature=name, engine=engine)
    if "size limit exceeded" in words:
        return Result("unscannable", engine=engine, reason="The file is larger than the scanner takes.")
    if words:
        return Result("unscannable", engine=engine, reason=f"The scanner says: {words}")
    raise Away("the scanner closed the connection without an answer")


def _stream(pieces: Iterable[bytes]) -> str:
    with _connected() as link:
        try:
            link.sendall(b"zINSTREAM\0")
            for piece in pieces:
                for start in range(0, len(piece), PIECE_BYTES):
                    part = piece[start : start + PIECE_BYTES]
                    link.sendall(len(part).to_bytes(4, "big") + part)
            link.sendall(bytes(4))
        except TimeoutError as error:
            raise Away("the scanner stopped reading") from error
        except OSError:
            # It hangs up on a stream over its limit; what it says then still waits to be read.
            return _last_words(link)
        link.settimeout(ANSWER_SECONDS)
        return _answer(link)


def _last_words(link: socket.socket) -> str:
    with suppress(Away):
        if words := _answer(link):
            return words
    # It was there for the greeting and broke off while reading: a limit of its own, never a clean file.
    return "stream: size limit exceeded"


def _asked(link: socket.socket, question: bytes) -> str:
    try:
        link.sendall(question)
    except OSError as error:
        raise Away(f"the scanner can't be reached: {error.strerror or error}") from error
    return _answer(link)


def _answer(link: socket.socket) -> str:
    data = b""
    try:
        while not data.endswith(b"\0") and len(data) < 4096:
            piece = link.recv(4096)
            if not piece:
                break
            data += piece
    except OSError as error:
        raise Away(f"the scanner doesn't answer: {error.strerror or error}") from error
    return data.rstrip(b"\0\n").decode("utf-8", "replace")


def _connected() -> socket.socket:
    address = _address()
    try:
        if not isinstance(address, str):
            return socket.create_connection(address, TIMEOUT_SECONDS)
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.settimeout(TIMEOUT_SECONDS)
        try:
            link.connect(address)
        except BaseException:
            link.close()
            raise
        return link
    except OSError as error:
        raise Away(f"the scanner can't be reached: {error.strerror or error}") from error


def _address() -> str | tuple[str, int]:
    given = str(getattr(settings, "CLEARHOLD_CLAMD", "") or "").strip()
    if given.startswith(("unix:", "/")):
        return given.removeprefix("unix:").replace("//", "/")
    host, _, port = given.removeprefix("tcp://").rpartition(":")
    return (host.strip("[]"), int(port)) if host and port.isdigit() else ""
