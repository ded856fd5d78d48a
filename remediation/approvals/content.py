"""What a request is bound to: its canonical bytes, their hash, and in words what differs when they changed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from evidence.canonical import canonical_bytes, sha256_hex


@dataclass(frozen=True)
class Bound:
    """Content together with the subject, the action and the versions of the rules it is judged by."""

    payload: dict[str, Any]
    data: bytes
    sha256: str


@dataclass(frozen=True)
class Change:
    """One thing that differs: a readable path and both values, "" where there was none."""

    path: str
    before: str
    after: str

    def __str__(self) -> str:
        if not self.before:
            return f"{self.path}: “{self.after}” is new"
        if not self.after:
            return f"{self.path}: “{self.before}” is gone"
        return f"{self.path}: “{self.before}” became “{self.after}”"


def bind(
    content: Mapping[str, Any],
    *,
    action: str,
    subject_type: str,
    subject_id: UUID,
    cycle: int,
    severity: str,
    matrix_version: int,
    quorum_version: int,
    policy_version: int,
) -> Bound:
    """The bytes that people vote on. Raises TypeError for floats and other types without one spelling."""
    payload = {
        "action": action,
        "subject": {"type": subject_type, "id": str(subject_id), "cycle": cycle, "severity": severity},
        "rules": {
            "matrix_version": matrix_version,
            "policy_version": policy_version,
            "quorum_version": quorum_version,
        },
        "content": dict(content),
    }
    data = canonical_bytes(payload)
    return Bound(payload, data, sha256_hex(data))


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """What changed between two contents, in the order of the fields' names."""
    old, new = dict(_leaves(before)), dict(_leaves(after))
    return [
        Change(path, old.get(path, ""), new.get(path, ""))
        for path in sorted(old.keys() | new.keys())
        if old.get(path, "") != new.get(path, "")
    ]


def readable(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The content as lines for a page: (path in words, value)."""
    return [(path, value) for path, value in _leaves(content) if value]


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key in sorted(value):
            word = str(key).replace("_", " ")
            yield from _leaves(value[key], f"{path} · {word}" if path else word[:1].upper() + word[1:])
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value, start=1):
            yield from _leaves(item, f"{path} {number}")
    else:
        yield path, _word(value)


def _word(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
