"""Writes to the history: one event, or many at once, in the caller's own transaction and never outside one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Model

from evidence.actors import Actor
from evidence.ledger.events import Event


@dataclass(frozen=True)
class Subject:
    """What an event is about, where no model instance is at hand. `type` is the model's label in lower case."""

    type: str
    id: UUID
    ref: str = ""


@dataclass(frozen=True)
class Recorded:
    """The event as it now stands in the caller's transaction."""

    id: UUID
    version: int
    leaf: bytes


def record(
    event: Event,
    *,
    subject: Model | Subject,
    actor: Actor,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
    data: Mapping[str, Any] | None = None,
    texts: Mapping[str, str] | None = None,
) -> Recorded:
    """Insert one event about `subject` in the caller's transaction.

    `before`, `after` and `data` hold JSON scalars, lists and dicts only, and no personal data: they can never be
    erased. What a person wrote goes into `reason` or `texts` and is kept as a salted commitment beside the event.
    Raises TransactionManagementError outside a transaction and TypeError for a float or another type.
    """
    raise NotImplementedError


def record_many(
    event: Event,
    *,
    rows: Iterable[tuple[UUID, str, Mapping[str, Any]]],
    object_type: str,
    actor: Actor,
    data: Mapping[str, Any] | None = None,
) -> int:
    """Insert one event per row (object id, public id, after) and return how many. `data` is the same in each.

    Raises Stale when another transaction recorded an event about one of the objects meanwhile.
    """
    raise NotImplementedError
