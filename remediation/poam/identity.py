"""The words of OSCAL: identifiers that the same input gives again, times with their offset, tokens, single lines.

What OSCAL's patterns forbid is brought into shape here, so that no text of a finding can make a document invalid.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5
from zoneinfo import ZoneInfo

VERSION = "1.2.1"
NS = "urn:clearhold:oscal:1"
_OURS = uuid5(NAMESPACE_URL, NS)
_OFFSET = re.compile(
    r"(Z|-(?:(?:0\d|1[0-2]):00|0[39]:30)|\+(?:(?:0\d|1[0-4]):00|(?:0[34569]|10):30|(?:0[58]|12):45))\Z"
)
_SPACE = re.compile(r"\s+")
# What ECMAScript, whose patterns OSCAL uses, takes for space at the ends.
_ENDS = re.compile(r"\A[\s\ufeff]+|[\s\ufeff]+\Z")

Object = dict[str, Any]


@lru_cache(maxsize=1 << 15)
def uuid(slug: str, kind: str, *parts: object) -> str:
    """The same for the same thing of the same organization, in every package and at any time."""
    return str(uuid5(_OURS, "\x1f".join((slug, kind, *map(str, parts)))))


def is_uuid(text: object) -> bool:
    try:
        return isinstance(text, str) and UUID(text).version in (4, 5)
    except ValueError:
        return False


def moment(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def day(value: date, zone: str, *, at_end: bool = False) -> str:
    """The begin or end of a day where the organization is."""
    local = datetime.combine(value, time(23, 59, 59) if at_end else time(), ZoneInfo(zone))
    text = local.isoformat(timespec="seconds")
    # OSCAL knows the offsets in use today alone; any other is told as UTC.
    return text if _OFFSET.search(text) else moment(local)


def line(text: str, empty: str = "Not stated") -> str:
    """One line without space at its ends: what OSCAL calls string and markup-line."""
    return _SPACE.sub(" ", _ENDS.sub("", text)) or empty


def token(text: str) -> str:
    """A name as OSCAL takes it: `AC-04` and `CC7.2` stay as they are."""
    kept = "".join(char if _in_token(char) else "-" for char in text.strip())
    return kept if kept and (kept[0] == "_" or unicodedata.category(kept[0]).startswith("L")) else f"_{kept}"


def _in_token(char: str) -> bool:
    return char in ".-_" or unicodedata.category(char)[0] in "LN"


def prop(name: str, value: object, **more: str) -> Object:
    return {"name": name, "ns": NS, "value": line(str(value)), **more}


def props(given: Mapping[str, object]) -> list[Object]:
    """The facts that are known; a tuple gives one property each."""
    found: list[Object] = []
    for name, value in given.items():
        for one in value if isinstance(value, tuple) else (value,):
            if one is not None and line(str(one), ""):
                found.append(prop(name, "yes" if one is True else "no" if one is False else one))
    return found


def filled(**fields: Any) -> Object:
    """An object without what is empty; underscores in names become hyphens. OSCAL has no empty lists."""
    return {
        name.rstrip("_").replace("_", "-"): value for name, value in fields.items() if value not in (None, "", [], {})
    }


def distinct(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(name for name in names if name and name.strip()))
