"""The events of many objects as a package carries them: their exact bytes, and one proof for all of them.

Only what stands under the checkpoint of the size asked for is read; what came later or still waits is never among it.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from evidence.errors import NotFound
from evidence.ledger import proofs, tiles, tree
from evidence.ledger.models import Checkpoint, Event, EventText

CHUNK = 200


@dataclass(frozen=True)
class Enclosed:
    """One event: its place, whose it is, its bytes, and what was written with it and is not erased."""

    index: int
    kind: str
    object_id: UUID
    object_ref: str
    version: int
    body: bytes
    texts: dict[str, tuple[bytes, str]] = field(default_factory=dict)


def events(object_type: str, object_ids: Collection[UUID], size: int) -> Iterator[Enclosed]:
    """The events of these objects among the first `size` of their organization, a chunk of objects at a time."""
    ids = sorted(object_ids)
    for at in range(0, len(ids), CHUNK):
        found = Event.objects.filter(
            object_type=object_type, object_id__in=ids[at : at + CHUNK], entry__index__lt=size
        ).order_by("entry__index")
        rows = list(
            found.values_list("pk", "entry__index", "kind", "object_id", "object_ref", "object_version", "body")
        )
        texts = _texts([row[0] for row in rows])
        for pk, index, kind, object_id, ref, version, body in rows:
            yield Enclosed(index, kind, object_id, ref, version, bytes(body), texts.get(pk, {}))


def last(object_type: str, object_id: UUID, kind: str) -> UUID:
    """The newest event of a kind about an object. Raises NotFound."""
    found = Event.objects.filter(object_type=object_type, object_id=object_id, kind=kind).order_by("-object_version")
    event_id = found.values_list("pk", flat=True).first()
    if event_id is None:
        raise NotFound("This has not happened yet.")
    return event_id


def proof(organization_id: UUID, indexes: Sequence[int], size: int) -> str:
    """The proof that these events, by rising index, stand under the checkpoint of `size` events. Raises NotFound."""
    sealed = Checkpoint.objects.filter(organization_id=organization_id, size=size).first()
    if sealed is None:
        raise NotFound("There is no checkpoint of that size.")
    hashes = tree.multi_proof(tiles.reader(organization_id), indexes, size)
    return str(proofs.Inclusions(tuple(indexes), tuple(hashes), sealed.note))


def _texts(event_ids: Sequence[UUID]) -> dict[UUID, dict[str, tuple[bytes, str]]]:
    found: dict[UUID, dict[str, tuple[bytes, str]]] = {}
    rows = EventText.objects.filter(event_id__in=event_ids, erased_at=None)
    for event_id, name, salt, text in rows.values_list("event_id", "field", "salt", "text"):
        found.setdefault(event_id, {})[name] = (bytes(salt or b""), text or "")
    return found
