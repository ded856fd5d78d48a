"""Take a file in pieces: begin it, keep each piece as it comes, join them at the end, stop it, clear away what is old.

Bytes are written outside any transaction; a piece counts once its row is committed, and only then is it acknowledged.
Two senders who write at one place do not wait for each other: both pieces are written, the first to come to the
database counts, the other is refused and removed. So a connection that died unnoticed never holds up its successor.
The last piece counts together with the evidence it completes: a file that is wholly acknowledged is recorded.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from evidence import clock, crashing
from evidence.actors import Actor
from evidence.artifacts.models import Artifact
from evidence.errors import Invalid, NotFound, Refused, TooLarge, WrongState
from evidence.identifiers import uuid7
from evidence.intake import names
from evidence.intake import services as intake
from evidence.uploads import parts
from evidence.uploads.models import Part, State, Upload
from evidence.uploads.parts import Piece
from evidence.vault import keys, sealing
from evidence.vault import services as vault
from evidence.vault.backends import StorageFull

LIFETIME = timedelta(days=7)
ORPHAN_AGE = timedelta(hours=24)
AT_ONCE = 100
PARTS_MOST = 10_000


class OffsetDiffers(WrongState):
    """The sender thinks it is somewhere else than the file is; `offset` says where to go on."""

    code = "offset_differs"


class ChecksumDiffers(Invalid):
    """A piece came different from what its sender sent. 460 is tus's own number."""

    code = "checksum_differs"
    status = 460


class Ended(Refused):
    code = "upload_ended"
    status = 410


@transaction.atomic
def begin(
    *,
    filename: str,
    length: int,
    limit_bytes: int,
    actor: Actor,
    claimed_mime: str = "",
    expected_sha256: str = "",
    told: Mapping[str, Any] | None = None,
) -> Upload:
    """Announce a file. Refused when it is larger than the organization takes or too many are under way."""
    actor.require("evidence.upload")
    if actor.person_id is None or actor.account_id is None:
        raise Invalid("An upload belongs to a person, who is the only one to go on with it.")
    if length < 0:
        raise Invalid("A file has 0 or more bytes.", fields={"length": ["0 or more."]})
    if length > limit_bytes:
        raise TooLarge(
            f"Files may have up to {vault.readable(limit_bytes)} here, and {vault.readable(length)} were announced. "
            "Nothing was read.",
            help="Split it, or ask an administrator to raise the limit.",
            details={"limit_bytes": limit_bytes},
        )
    if Upload.objects.filter(person_id=actor.person_id, state=State.RECEIVING).count() >= AT_ONCE:
        raise WrongState(
            f"You have {AT_ONCE} uploads under way, which is the most. Nothing was begun.",
            code="too_many_uploads",
            help="Finish or remove some of them first.",
        )
    upload_id = uuid7()
    wrapped = keys.keyring().wrap(sealing.new_data_key(), blob_id=upload_id)
    return Upload.objects.create(
        id=upload_id,
        organization_id=actor.organization_id,
        person_id=actor.person_id,
        account_id=actor.account_id,
        filename=names.cleaned(filename),
        claimed_mime=claimed_mime.partition(";")[0].strip().lower()[:120],
        expected_sha256=expected_sha256,
        told=dict(told or {}),
        length=length,
        kek_id=wrapped.kek_id,
        wrapped_key=wrapped.data,
        expires_at=clock.now() + LIFETIME,
    )


def found(upload_id: UUID, *, actor: Actor) -> Upload:
    """The actor's own upload. Anybody else's does not exist for them."""
    upload: Upload | None = _own(actor).select_related("artifact").filter(pk=upload_id).first()
    if upload is None:
        raise NotFound("There is no such upload, or it is not yours.")
    return upload


def under_way(*, actor: Actor) -> list[Upload]:
    """The actor's uploads that can be gone on with, newest first."""
    rows = _own(actor).filter(state=State.RECEIVING, expires_at__gt=clock.now()).order_by("-id")
    return list(rows[:AT_ONCE])


def expected(upload_id: UUID, *, offset: int, announced: int | None, actor: Actor) -> Upload:
    """The upload, ready for a piece at `offset`. Refuses another place, more than is missing, and what has ended."""
    actor.require("evidence.upload")
    upload = found(upload_id, actor=actor)
    _refuse_ended(upload)
    _refuse_offset(upload, offset)
    if announced is not None and offset + announced > upload.length:
        raise TooLarge(
            f"{upload.length} bytes were announced for this file, and this piece would end at {offset + announced}. "
            "Nothing of the piece was read.",
            details={"offset": upload.offset, "length": upload.length},
        )
    if upload.parts.count() >= PARTS_MOST:
        raise WrongState(
            f"A file comes in at most {PARTS_MOST:,} pieces, and this one has reached that.",
            code="too_many_pieces",
            help="Remove it and send it again in larger pieces; 8 MB are usual.",
        )
    return upload


def write(upload: Upload, stream: vault.Source, *, offset: int, checksum: tuple[str, bytes] | None = None) -> Piece:
    """Seal one piece to disk, outside any transaction. A checksum that differs leaves nothing of it."""
    if checksum is None:
        piece = parts.write(upload, stream, start=offset)
    else:
        counted = _Digested(stream, checksum[0])
        piece = parts.write(upload, counted, start=offset)
        if not hmac.compare_digest(counted.digest.digest(), checksum[1]):
            parts.remove([piece.location])
            raise ChecksumDiffers(
                "The piece arrived different from what was sent. It was not kept; what came before it is.",
                help="Send it again from the same offset.",
                details={"offset": offset},
            )
    crashing.point("upload.piece_sealed")
    return piece


def discard(piece: Piece) -> None:
    """Remove a piece that was refused."""
    parts.remove([piece.location])


@transaction.atomic
def keep(upload_id: UUID, piece: Piece, *, actor: Actor) -> Upload:
    """Count a piece. Refuses when another one came first; the caller then removes the piece."""
    upload = _locked(upload_id, actor=actor)
    _refuse_ended(upload)
    _refuse_offset(upload, piece.start)
    _count(upload, piece)
    upload.expires_at = clock.now() + LIFETIME
    upload.save(update_fields=["offset", "expires_at"])
    crashing.point("upload.piece_counted")
    return upload


def pieces_of(upload: Upload) -> list[Piece]:
    """The pieces that count, in order; there are at most PARTS_MOST of them."""
    return [Piece(row.id, row.start, row.size, row.location) for row in upload.parts.all()]


def joined(upload: Upload, pieces: list[Piece]) -> intake.Received:
    """The whole file as one stored blob, examined, outside any transaction.

    Raises DigestDiffers when the file is not the one its sender announced, StorageFull when there is no room for it.
    """
    writing = vault.begin(organization_id=upload.organization_id, limit_bytes=upload.length)
    try:
        for data in parts.opened(upload, pieces):
            writing.write(data)
        sealed = writing.finish()
    except StorageFull as full:
        raise parts.storage_full() from full
    except BaseException:
        writing.abandon()
        raise
    crashing.point("upload.joined")
    return intake.examine(
        sealed,
        filename=upload.filename,
        claimed_mime=upload.claimed_mime,
        expected_sha256=upload.expected_sha256,
    )


@transaction.atomic
def finish(upload_id: UUID, last: Piece | None, *, actor: Actor, record: Callable[[Upload], Artifact]) -> Upload:
    """Count the last piece and record the evidence, both or neither. Its pieces are removed after the commit."""
    upload = _locked(upload_id, actor=actor)
    _refuse_ended(upload)
    if last is not None:
        _refuse_offset(upload, last.start)
        _count(upload, last)
        upload.save(update_fields=["offset"])
    upload.artifact = record(upload)
    upload.state = State.RECORDED
    upload.save(update_fields=["state", "artifact"])
    _forget_pieces(upload)
    crashing.point("upload.finished")
    return upload


@transaction.atomic
def stop(upload_id: UUID, *, actor: Actor) -> Upload:
    """Give an upload up; what had come is removed. Refused once it is recorded: evidence stays."""
    upload = _locked(upload_id, actor=actor)
    if upload.state == State.RECORDED:
        ref = upload.artifact.ref if upload.artifact else ""
        raise WrongState(f"The file is recorded as {ref} already, and evidence is not removed.", code="recorded")
    if upload.state == State.RECEIVING:
        _end(upload, State.STOPPED)
    return upload


def sweep(organization_id: UUID) -> int:
    """End what ran out, forget what ended long ago, remove pieces that no row names; how many pieces were removed.

    Runs in a transaction that has entered the organization, as the product itself.
    """
    moment = clock.now()
    for upload in Upload.objects.select_for_update().filter(state=State.RECEIVING, expires_at__lte=moment):
        _end(upload, State.EXPIRED)
    Upload.objects.exclude(state=State.RECEIVING).filter(expires_at__lte=moment - LIFETIME).delete()
    return _remove_orphans(organization_id, before=moment - ORPHAN_AGE)


class _Digested:
    """A stream that is hashed while it is read."""

    def __init__(self, stream: vault.Source, algorithm: str) -> None:
        self._stream = stream
        self.digest = hashlib.new(algorithm, usedforsecurity=False)

    def read(self, size: int, /) -> bytes:
        data = self._stream.read(size)
        self.digest.update(data)
        return data


def _own(actor: Actor) -> QuerySet[Upload]:
    # The product itself, which is no person, has none.
    rows = Upload.objects.filter(organization_id=actor.organization_id)
    return rows.filter(person_id=actor.person_id) if actor.person_id else rows.none()


def _locked(upload_id: UUID, *, actor: Actor) -> Upload:
    upload: Upload | None = (
        _own(actor).select_for_update(of=("self",)).select_related("artifact").filter(pk=upload_id).first()
    )
    if upload is None:
        raise NotFound("There is no such upload, or it is not yours.")
    actor.require("evidence.upload")
    return upload


def _refuse_ended(upload: Upload) -> None:
    if upload.state == State.RECORDED:
        raise WrongState(
            f"The file is recorded as {upload.artifact.ref if upload.artifact else ''} already.",
            code="recorded",
            details={"offset": upload.offset},
        )
    refuse_gone(upload)


def refuse_gone(upload: Upload) -> None:
    """Raise Ended for an upload that was given up or ran out."""
    is_over = upload.state == State.RECEIVING and upload.expires_at <= clock.now()
    if is_over or upload.state in (State.STOPPED, State.EXPIRED):
        word = "was removed" if upload.state == State.STOPPED else f"ran out on {upload.expires_at:%d %b %Y}"
        raise Ended(f"This upload {word}, and nothing of it is kept.", help="Begin a new one.")


def _refuse_offset(upload: Upload, offset: int) -> None:
    if offset != upload.offset:
        raise OffsetDiffers(
            f"This upload stands at {upload.offset} of {upload.length} bytes, not at {offset}. "
            "The piece was not kept; what came before it is.",
            help="Go on from there.",
            details={"offset": upload.offset},
        )


def _count(upload: Upload, piece: Piece) -> None:
    Part.objects.create(
        id=piece.id,
        organization_id=upload.organization_id,
        upload=upload,
        start=piece.start,
        size=piece.size,
        location=piece.location,
    )
    upload.offset = piece.start + piece.size


def _end(upload: Upload, state: State) -> None:
    upload.state = state
    upload.save(update_fields=["state"])
    _forget_pieces(upload)


def _forget_pieces(upload: Upload) -> None:
    locations = list(upload.parts.values_list("location", flat=True))
    upload.parts.all().delete()
    # After the commit: until then the rows may come back, and with them the need for their bytes.
    transaction.on_commit(lambda: parts.remove(locations), robust=True)


def _remove_orphans(organization_id: UUID, *, before: datetime) -> int:
    store, removed = parts.disk(), 0
    for stored in store.listing(organization_id.hex):
        if stored.modified_at > before:
            continue
        if stored.is_draft or not Part.objects.filter(location=stored.location).exists():
            store.remove(stored)
            removed += 1
    return removed
