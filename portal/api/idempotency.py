"""Idempotency-Key: the same key and the same request give the same answer, however often and however at once.

The key's row is inserted first, in the request's own transaction. A second request with the key waits on the unique
index until the first one commits, and then finds its answer; if the first one failed, the row is gone with it.
"""

import hashlib
import json
import re
from collections.abc import Collection
from typing import Any

from django.db import connection
from rest_framework.utils.encoders import JSONEncoder

from evidence import clock
from evidence.actors import Actor
from evidence.errors import Invalid, NotFound, Refused
from evidence.identifiers import uuid7
from portal.api.models import KeptAnswer

KEY_LIMIT = 200
UUIDS = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class KeyReused(Refused):
    """The key was used for another request before."""

    code = "idempotency_key_reused"
    status = 422


def fingerprint(method: str, path: str, data: Any) -> str:
    """Hex SHA-256 of what was asked."""
    asked = json.dumps([method, path, data], sort_keys=True, default=str)
    return hashlib.sha256(asked.encode()).hexdigest()


def begin(key: str, *, actor: Actor, sha256: str) -> KeptAnswer | None:
    """Take the key, or return the answer kept for it. Raises KeyReused when it was used for something else.

    Whoever lost a right since, or is not let in any more to what the answer names, is refused as for a new request.
    """
    if len(key) > KEY_LIMIT or not key.isprintable():
        raise Invalid(f"An Idempotency-Key has at most {KEY_LIMIT} printable characters.")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO api_keptanswer (id, organization_id, account_id, key, request_sha256, headers, rights, created_at)"
            " VALUES (%s, %s, %s, %s, %s, '{}', '{}', %s) ON CONFLICT (organization_id, account_id, key) DO NOTHING",
            [uuid7(), actor.organization_id, actor.account_id, key, sha256, clock.now()],
        )
        if cursor.rowcount:
            return None
    kept = KeptAnswer.objects.get(organization_id=actor.organization_id, account_id=actor.account_id, key=key)
    if kept.request_sha256 != sha256:
        raise KeyReused("This Idempotency-Key was used for another request.", help="Send a new key with a new request.")
    _refuse_revoked(kept, actor)
    return kept


def _refuse_revoked(kept: KeptAnswer, actor: Actor) -> None:
    """Raise what the act itself would raise now: a right that is gone, or a thing this person is not let in to."""
    for right in kept.rights:
        actor.require(right)
    named = UUIDS.findall(json.dumps(kept.body))
    with connection.cursor() as cursor:
        cursor.execute("SELECT hidden_objects() && %s::uuid[]", [named])
        if cursor.fetchone()[0]:
            raise NotFound("There is nothing here, or nothing you may see.")


def keep(
    key: str, *, actor: Actor, status: int, body: Any, headers: dict[str, str], rights: Collection[str] = ()
) -> None:
    """Store the answer beside the key, in the same transaction as what it answers.

    `rights` are those that the act leaned on (actors.noting_rights): the answer is repeated only to who still has them.
    """
    KeptAnswer.objects.filter(organization_id=actor.organization_id, account_id=actor.account_id, key=key).update(
        status=status, body=json.loads(json.dumps(body, cls=JSONEncoder)), headers=headers, rights=sorted(rights)
    )
