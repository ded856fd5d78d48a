"""Every checkpoint of an organization in one ZIP, with the public keys and the time-stamps: to be kept elsewhere."""

import io
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from uuid import UUID

from evidence.ledger import keys
from evidence.ledger.models import Checkpoint, TimeStamp

PART = 500
README = """Signed checkpoints of one history, oldest first.

checkpoints/<size>.txt    a C2SP signed note each: name, size, root, signatures
keys.txt                  the public keys of all epochs, one a line
time-stamps/<size>-<n>.tst  RFC 3161 tokens over the note of that size

A time-stamp is checked with: openssl ts -verify -token_in -in time-stamps/<size>-1.tst -data checkpoints/<size>.txt
-CAfile <the authority's root>
"""

Inside = Callable[[], AbstractContextManager[None]]


class _Pipe(io.RawIOBase):
    """Takes what the archive writes and gives it on; it can't be rewound, so the archive never tries."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.parts.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        taken, self.parts = b"".join(self.parts), []
        return taken


def pieces(organization_id: UUID, inside: Inside) -> Iterator[bytes]:
    """The ZIP, made while it is sent; rows are read a part at a time, each in a transaction of its own."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[arg-type]
        archive.writestr("README.txt", README)
        with inside():
            archive.writestr("keys.txt", "".join(f"{key}\n" for key in keys.verifier_keys(organization_id)))
        after = -1
        while notes := _notes(organization_id, after, inside):
            for size, note in notes:
                archive.writestr(f"checkpoints/{size}.txt", note)
            after = notes[-1][0]
            yield pipe.taken()
        for name, token in _tokens(organization_id, inside):
            archive.writestr(name, token)
            yield pipe.taken()
    yield pipe.taken()


def _notes(organization_id: UUID, after: int, inside: Inside) -> list[tuple[int, str]]:
    with inside():
        found = Checkpoint.objects.filter(organization_id=organization_id, size__gt=after).order_by("size")
        return list(found.values_list("size", "note")[:PART])


def _tokens(organization_id: UUID, inside: Inside) -> Iterator[tuple[str, bytes]]:
    counted: dict[int, int] = {}
    after = None
    while True:
        with inside():
            found = TimeStamp.objects.filter(organization_id=organization_id).order_by("pk")
            rows = list((found.filter(pk__gt=after) if after else found).values_list("pk", "size", "token")[:PART])
        if not rows:
            return
        for _, size, token in rows:
            counted[size] = counted.get(size, 0) + 1
            yield f"time-stamps/{size}-{counted[size]}.tst", bytes(token)
        after = rows[-1][0]
