"""The bytes that are hashed: RFC 8785 canonical JSON, and nothing that has two spellings."""

import hashlib
from typing import Any

import rfc8785


def canonical_bytes(value: Any) -> bytes:
    """RFC 8785 bytes of JSON scalars, lists and dicts. Raises TypeError for floats and other types."""
    _refuse_floats(value)
    return rfc8785.dumps(value)


def sha256_hex(data: bytes) -> str:
    """Lower-case hex SHA-256, 64 characters."""
    return hashlib.sha256(data).hexdigest()


def content_sha256(value: Any) -> str:
    """Hex SHA-256 of the canonical bytes of `value`."""
    return sha256_hex(canonical_bytes(value))


def _refuse_floats(value: Any) -> None:
    # A float has as many spellings as languages that print it; amounts travel as strings.
    if isinstance(value, float):
        raise TypeError("floats have no place in hashed content: pass a string or an integer")
    if isinstance(value, dict):
        for item in value.values():
            _refuse_floats(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_floats(item)
