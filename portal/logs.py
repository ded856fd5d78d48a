"""How log lines look: one a record, whatever stands in it, with the request's id and nothing that must not be kept.

Two forms of the same: words for a terminal, JSON lines for whatever collects them. An error is written as the kinds of
its exceptions and the places in the code; its message is left out unless the operator asks for it, since databases and
parsers quote the value they choked on.
"""

import json
import logging
import re
import socket
import time
import traceback
from contextvars import ContextVar
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LEFT_OUT = "…"
# Of the request or job that is served; empty outside both.
request_id: ContextVar[str] = ContextVar("request_id", default="")

# Whatever breaks a line, or moves the cursor of somebody who reads it in a terminal.
_BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_SECRETS = re.compile(
    r"(clh_)[\w-]{8,}"  # our tokens
    r"|((?:bearer|basic)\s+)[\w.~+/=-]{8,}"
    r"|((?:password|passwd|secret|token|sessionid|csrftoken|api[_-]?key)[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,;]+"
    r"|(://[^/\s:@]+:)[^@\s/]+(?=@)"  # a login in an address
    r"|(/invite/[\w-]+/)[^\s/\"']+"
    r"|(/p/)[\w-]{20,}",  # links to packages
    re.IGNORECASE,
)


def masked(text: str) -> str:
    """The text without what looks like a secret. The second line of defence: nothing of ours writes one."""
    return _SECRETS.sub(lambda found: (found.group(found.lastindex) if found.lastindex else "") + LEFT_OUT, text)


def one_line(text: str) -> str:
    return _BREAKS.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


class WithoutPath(logging.Filter):
    """Django's own lines name the path asked for, and a path can be a secret: they name the route instead."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = getattr(record, "request", None)
        path = getattr(request, "path", None)
        if path and isinstance(record.args, tuple):
            match = getattr(request, "resolver_match", None)
            route = f"/{match.route}" if match else "(no route)"
            record.args = tuple(route if argument == path else argument for argument in record.args)
        return True


class Line(logging.Formatter):
    """`2026-11-25T23:20:00.123Z INFO clearhold.access [id] message key=value`."""

    def __init__(self, *args: Any, details: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.details = details

    def format(self, record: logging.LogRecord) -> str:
        fact = facts(record, details=self.details)
        words = [
            fact.pop("at"),
            fact.pop("level"),
            fact.pop("logger"),
            f"[{fact.pop('request', '-')}]",
            fact.pop("message"),
        ]
        words += [f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in fact.items()]
        return one_line(" ".join(words))


class JsonLine(logging.Formatter):
    """The same as one JSON object."""

    def __init__(self, *args: Any, details: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.details = details

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(facts(record, details=self.details), ensure_ascii=True, default=str)


def facts(record: logging.LogRecord, *, details: bool = False) -> dict[str, Any]:
    """What a record says, as it is written."""
    found: dict[str, Any] = {
        "at": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03}Z",
        "level": record.levelname,
        "logger": record.name,
        "message": masked(record.getMessage()),
    }
    if identifier := request_id.get():
        found["request"] = identifier
    for key, value in getattr(record, "facts", {}).items():
        found[key] = masked(value) if isinstance(value, str) else value
    if record.exc_info and record.exc_info[1] is not None:
        found["error"] = described(record.exc_info[1], details=details)
    return found


def described(error: BaseException, *, details: bool = False) -> list[dict[str, Any]]:
    """The exception and those it came from: kind, SQLSTATE, places in the code; the message only with `details`."""
    chain: list[dict[str, Any]] = []
    current: BaseException | None = error
    while current is not None and len(chain) < 8:
        one: dict[str, Any] = {"kind": f"{type(current).__module__}.{type(current).__qualname__}"}
        if state := getattr(current, "sqlstate", None):
            one["sqlstate"] = state
        if details:
            one["message"] = masked(str(current))
        one["at"] = [
            f"{_short(frame.filename)}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(current.__traceback__)
        ]
        chain.append(one)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return chain


def _short(path: str) -> str:
    inside = path.removeprefix(f"{ROOT}/")
    return inside.rpartition("site-packages/")[2] if inside == path else inside


def configuration(*, form: str, level: str, syslog: str, details: bool) -> dict[str, Any]:
    """The dictionary for `logging.config`: to standard error, and to syslog too when an address is given."""
    made = {"json": JsonLine, "lines": Line}.get(form)
    if made is None:
        raise ValueError(f"CLEARHOLD_LOG is “lines” or “json”, not “{form}”.")
    handlers: dict[str, Any] = {
        "console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["without_path"]}
    }
    if syslog:
        handlers["syslog"] = {
            "class": "logging.handlers.SysLogHandler", "formatter": "line", "filters": ["without_path"],
            **_syslog(syslog),
        }  # fmt: skip
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"without_path": {"()": WithoutPath}},
        "formatters": {"line": {"()": made, "details": details}},
        "handlers": handlers,
        "root": {"handlers": list(handlers), "level": level},
        "loggers": {
            "pikepdf": {"level": "WARNING"},
            "axes": {"level": "CRITICAL"},  # it names addresses and people; clearhold.access says what happened
            "django.request": {"level": "ERROR"},
            "django.server": {"handlers": [], "propagate": True},
            # A worker's own line of a failed job holds the error's words; ours of the same failure does not.
            "celery.app.trace": {"level": "CRITICAL"},
            "celery": {"level": "WARNING"},
            "kombu": {"level": "WARNING"},
            # What gunicorn says of a request goes the same way as everything else.
            "gunicorn.error": {"level": "WARNING", "handlers": [], "propagate": True},
        },
    }


def _syslog(given: str) -> dict[str, Any]:
    """`unix:/dev/log`, `udp:host:514` or `tcp:host:514`."""
    kind, _, rest = given.partition(":")
    if kind == "unix":
        return {"address": rest}
    host, _, port = rest.rpartition(":")
    kinds = {"udp": socket.SOCK_DGRAM, "tcp": socket.SOCK_STREAM}
    if kind not in kinds or not host or not port.isdigit():
        raise ValueError("CLEARHOLD_LOG_SYSLOG is “unix:/dev/log”, “udp:host:514” or “tcp:host:514”.")
    return {"address": (host, int(port)), "socktype": kinds[kind]}
