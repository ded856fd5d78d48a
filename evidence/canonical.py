"""The bytes that are hashed: RFC 8785 canonical JSON, and nothing that has two spellings."""

import hashlib
import json
from typing import Any

import rfc8785

_LARGEST = 2**53 - 1
_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False).encode


def canonical_text(value: Any) -> str:
    """RFC 8785 text of JSON scalars, lists and dicts. Raises TypeError for floats and other types.

    Raises ValueError for an integer beyond 2^53 - 1 and for a lone surrogate: neither has one spelling.
    """
    # The C encoder of the standard library writes the same text five times faster, save that it sorts keys by code
    # point instead of UTF-16 unit; for ASCII keys that is the same.
    if _check(value):
        return _encode(value)
    return rfc8785.dumps(value).decode()


def canonical_bytes(value: Any) -> bytes:
    """RFC 8785 bytes of JSON scalars, lists and dicts. Raises as `canonical_text` does."""
    return canonical_text(value).encode()


def sha256_hex(data: bytes) -> str:
    """Lower-case hex SHA-256, 64 characters."""
    return hashlib.sha256(data).hexdigest()


def content_sha256(value: Any) -> str:
    """Hex SHA-256 of the canonical bytes of `value`."""
    return sha256_hex(canonical_bytes(value))


def _check(value: Any) -> bool:
    """Refuse what has no single spelling; tell whether all keys are ASCII."""
    if value is None or isinstance(value, str | bool):
        return True
    if isinstance(value, int):
        if not -_LARGEST <= value <= _LARGEST:
            raise ValueError(f"{value} is beyond the integers that every JSON reader keeps")
        return True
    if isinstance(value, dict):
        ascii_keys = True
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"{key!r} is no JSON key: pass a string")
            ascii_keys &= key.isascii()
            # Nearly all values are text; a call for each would be a third of the cost of an import's events.
            if type(item) is not str and item is not None:
                ascii_keys &= _check(item)
        return ascii_keys
    if isinstance(value, list | tuple):
        ascii_keys = True
        for item in value:
            ascii_keys &= _check(item)
        return ascii_keys
    # A float has as many spellings as languages that print it; amounts travel as strings.
    raise TypeError(
        f"{type(value).__name__} has no place in hashed content: pass a string, an integer, a list or a dict"
    )
