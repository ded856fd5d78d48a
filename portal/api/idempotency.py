"""Idempotency-Key: the same key and the same request give the same answer, however often and however at once.

The key's row is inserted first, in the request's own transaction. A second request with the key waits on the unique
index until the first one commits, and then finds its answer; if the first one failed, the row is gone with it.
"""

import hashlib
import json
from typing import Any

from django.db import connection
from rest_framework.utils.encoders import JSONEncoder

from evidence import clock
from evidence.actors import Actor
from evidence.errors import Invalid, Refused
from evidence.identifiers import uuid7
from portal.api.models import KeptAnswer

KEY_LIMIT = 200


class KeyReused(Refused):
    """The key was used for another request before."""

    code = "idempotency_key_reused"
    status = 422


def fingerprint(method: str, path: str, data: Any) -> str:
    """Hex SHA-256 of what was asked."""
    asked = json.dumps([method, path, data], sort_keys=True, default=str)
    return hashlib.sha256(asked.encode()).hexdigest()


def begin(key: str, *, actor: Actor, sha256: str) -> KeptAnswer | None:
    """Take the key, or return the answer kept for it. Raises KeyReused when it was used for something else."""
    if len(key) > KEY_LIMIT or not key.isprintable():
        raise Invalid(f"An Idempotency-Key has at most {KEY_LIMIT} printable characters.")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO api_keptanswer (id, organization_id, account_id, key, request_sha256, headers, created_at)"
            " VALUES (%s, %s, %s, %s, %s, '{}', %s) ON CONFLICT (organization_id, account_id, key) DO NOTHING",
            [uuid7(), actor.organization_id, actor.account_id, key, sha256, clock.now()],
        )
        if cursor.rowcount:
            return None
    kept = KeptAnswer.objects.get(organization_id=actor.organization_id, account_id=actor.account_id, key=key)
    if kept.request_sha256 != sha256:
        raise KeyReused("This Idempotency-Key was used for another request.", help="Send a new key with a new request.")
    return kept


def keep(key: str, *, actor: Actor, status: int, body: Any, headers: dict[str, str]) -> None:
    """Store the answer beside the key, in the same transaction as what it answers."""
    KeptAnswer.objects.filter(organization_id=actor.organization_id, account_id=actor.account_id, key=key).update(
        status=status, body=json.loads(json.dumps(body, cls=JSONEncoder)), headers=headers
    )
