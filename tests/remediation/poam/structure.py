"""A small check of OSCAL documents for clones without the schemas: shapes of words, and that every pointer resolves."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[45][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
STRING = re.compile(r"\S(.*\S)?")
TOKEN = re.compile(r"[^\W\d][\w.\-]*|_[\w.\-]*")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
TIMES = {"collected", "deadline", "start", "end", "date", "last-modified", "expires"}
STRINGS = {"value", "name", "title", "version", "oscal-version", "media-type"}
TOKENS = {"role-id", "control-id", "target-id", "status-change"}
POINTERS = {"observation-uuid", "risk-uuid", "party-uuid", "actor-uuid", "finding-uuid"}


def faults(document: Any) -> list[str]:
    """What is wrong, in words; nothing when it is well formed."""
    found = list(_walk(document, ""))
    named = [value for name, value in _leaves(document, "") if name == "uuid"]
    found += [f"{value} is used {count} times" for value, count in Counter(named).items() if count > 1]
    known = set(named)
    for name, value in _leaves(document, ""):
        if name in POINTERS and value not in known:
            found.append(f"{name} {value} points at nothing")
        if name == "href" and value.startswith("#") and value[1:] not in known:
            found.append(f"href {value} points at nothing")
    return found


def _walk(value: Any, name: str) -> Iterator[str]:
    if isinstance(value, dict):
        if not value and name != "include-all":
            yield f"{name} is empty"
        for key, one in value.items():
            yield from _walk(one, key)
    elif isinstance(value, list):
        if not value:
            yield f"{name} is an empty list"
        for one in value:
            yield from _walk(one, name)
    elif isinstance(value, str):
        yield from _word(name, value)


def _word(name: str, value: str) -> Iterator[str]:
    if name in ("uuid", "party-uuids", *POINTERS) and not UUID.fullmatch(value):
        yield f"{name} {value!r} is no UUID of version 4 or 5"
    if name in TIMES and not TIME.fullmatch(value):
        yield f"{name} {value!r} is no time with its offset"
    if name in STRINGS and not STRING.fullmatch(value):
        yield f"{name} {value!r} is no single line"
    if name in TOKENS and not TOKEN.fullmatch(value):
        yield f"{name} {value!r} is no token"


def _leaves(value: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield from _leaves(one, key)
    elif isinstance(value, list):
        for one in value:
            yield from _leaves(one, name)
    elif isinstance(value, str):
        yield name, value
