"""The shape of snapshot.json as JSON Schema, made from the values that write it, so that it can't say anything else."""

import dataclasses
import types
import typing
from datetime import date, datetime
from typing import Any

from portal.packages.snapshot import FORMAT, Snapshot

IDENTIFIER = "urn:clearhold:snapshot:1"
_SCALARS: dict[type, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    date: {"type": "string", "format": "date"},
    datetime: {"type": "string", "format": "date-time"},
}


def schema() -> dict[str, Any]:
    """JSON Schema 2020-12. Fields are added within a version; one that changes or goes makes the next."""
    shapes: dict[str, Any] = {}
    root = _of(Snapshot, shapes)
    shapes["Snapshot"]["properties"]["format"] = {"const": FORMAT}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": IDENTIFIER,
        "title": "Snapshot of a package",
        **root,
        "$defs": dict(sorted(shapes.items())),
    }


def _of(kind: Any, shapes: dict[str, Any]) -> dict[str, Any]:
    if isinstance(kind, types.UnionType):
        return {
            "anyOf": [_of(part, shapes) for part in typing.get_args(kind) if part is not types.NoneType]
            + [{"type": "null"}]
        }
    if typing.get_origin(kind) is tuple:
        parts = typing.get_args(kind)
        if len(parts) == 2 and parts[1] is ...:
            return {"type": "array", "items": _of(parts[0], shapes)}
        return {"type": "array", "prefixItems": [_of(part, shapes) for part in parts], "items": False}
    if dataclasses.is_dataclass(kind):
        name = kind.__name__  # type: ignore[union-attr]
        if name not in shapes:
            shapes[name] = {}
            hints = typing.get_type_hints(kind)
            shapes[name] |= {
                "type": "object",
                "properties": {field.name: _of(hints[field.name], shapes) for field in dataclasses.fields(kind)},
                "required": [field.name for field in dataclasses.fields(kind) if _is_needed(field)],
            }
        return {"$ref": f"#/$defs/{name}"}
    return _SCALARS[kind]


def _is_needed(field: Any) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
