"""The bytes of an event that are hashed, written in the parts that `ledger_append` puts together.

The order of the parts is the order of RFC 8785: actor, at, facts, id, kind, nonce, object, organization, v. What the
columns say stands around the facts, so the database can compare it with them without parsing.
"""

import hashlib
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from evidence.actors import Actor
from evidence.canonical import canonical_text

FORMAT = 1
NONCE_BYTES = 16
SALT_BYTES = 16


def head(actor: Actor, at: datetime) -> str:
    """From the opening brace to the facts."""
    moment = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return (
        f'{{"actor":{{"account":{_quoted(actor.account_id)},"person":{_quoted(actor.person_id)},'
        f'"system":{canonical_text(system_name(actor))},"via":{canonical_text(actor.via)}}},"at":"{moment}","facts":'
    )


def middle(event_id: str, kind: str, object_type: str, object_id: str, ref: str, *, facts: str, nonce: str) -> str:
    """From the facts to just before the object's version; `facts` and `ref` are JSON already."""
    return (
        f'{facts},"id":"{event_id}","kind":"{kind}","nonce":"{nonce}",'
        f'"object":{{"id":"{object_id}","ref":{ref},"type":"{object_type}","version":'
    )


def tail(organization_id: UUID) -> str:
    """What follows the version."""
    return f'}},"organization":"{organization_id}","v":{FORMAT}}}'


def system_name(actor: Actor) -> str:
    """The part of the product that acted; empty for a person, whose name never enters the history."""
    return actor.name if actor.is_system else ""


def nonce() -> str:
    """16 random bytes in hex: a proof shows sibling hashes, and a leaf that could be guessed would be told by one."""
    return os.urandom(NONCE_BYTES).hex()


def commitment(salt: bytes, text: str) -> str:
    """What the body holds of a text: hex SHA-256(salt ‖ UTF-8 text)."""
    return hashlib.sha256(salt + text.encode()).hexdigest()


def facts(
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
    commitments: Mapping[str, str] | None = None,
) -> str:
    """The canonical JSON of what changed; a part that was not given is not there."""
    parts = {"after": after, "before": before, "data": data, "texts": commitments or None}
    return canonical_text({name: dict(part) for name, part in parts.items() if part is not None})


def _quoted(key: UUID | None) -> str:
    return f'"{key}"' if key else "null"
