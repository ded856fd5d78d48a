"""Sealed streams: bytes in authenticated chunks that can be read from any place; refuses every altered one.

Layout of format 1, all integers big-endian:

    byte 0        format, 0x01
    bytes 1-24    salt, random for every stream
    bytes 25-56   commitment to the key
    then          chunks: AES-256-GCM of 65,536 bytes plus a 16-byte tag; the last one is always shorter, maybe empty

    key (32) || base nonce (12) || commitment (32) =
        HKDF-Expand-SHA256(data key, "clearhold vault v1" || 0x00 || format || salt || context)
    nonce of chunk i = base nonce XOR i;  associated data = i (8 bytes) || 1 when it is the last chunk, else 0

The context is the blob's id, so that a stream cannot stand in for another one. Key derivation, commitment and the
short last chunk follow the ideas of c2sp.org/chunked-encryption (read at commit 6fed5b98); chunk size, cipher, format
byte and associated data are our own, so streams of the two are not interchangeable. Test vectors are in
tests/evidence/vault/vectors.json.
"""

import hmac
import os
from collections.abc import Callable, Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from evidence.errors import Unavailable

FORMAT = 1
CHUNK_BYTES = 64 * 1024
TAG_BYTES = 16
SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES
KEY_BYTES = 32
SALT_BYTES = 24
COMMITMENT_BYTES = 32
HEADER_BYTES = 1 + SALT_BYTES + COMMITMENT_BYTES
CHUNKS_PER_READ = 16
MAX_CHUNKS = 2**40

Buffer = bytes | bytearray | memoryview
ReadAt = Callable[[int, int], bytes]


class Damaged(Unavailable):
    """The stored bytes are not what was sealed."""

    code = "blob_damaged"


class Altered(Damaged):
    code = "blob_altered"


class Truncated(Damaged):
    code = "blob_truncated"


class WrongKey(Damaged):
    code = "blob_wrong_key"


class UnknownFormat(Damaged):
    code = "blob_unknown_format"


def new_data_key() -> bytes:
    return os.urandom(KEY_BYTES)


def sealed_length(size: int) -> int:
    """How many bytes a stream of `size` plain bytes takes when sealed."""
    return HEADER_BYTES + size + TAG_BYTES * (size // CHUNK_BYTES + 1)


def plain_length(stored: int) -> int:
    """How many plain bytes a sealed stream of `stored` bytes holds; refuses lengths that no stream has."""
    chunks, rest = divmod(stored - HEADER_BYTES, SEALED_CHUNK_BYTES)
    if stored < HEADER_BYTES or rest < TAG_BYTES:
        raise Truncated(f"A sealed stream is never {stored} bytes long: its end is missing.")
    return chunks * CHUNK_BYTES + rest - TAG_BYTES


class _Stream:
    """The keys of one stream and the numbering of its chunks, the same for both directions."""

    def __init__(self, data_key: bytes, salt: bytes, context: bytes) -> None:
        if len(data_key) != KEY_BYTES or len(salt) != SALT_BYTES:
            raise ValueError("the data key has 32 bytes and the salt 24")
        info = b"clearhold vault v1\x00" + bytes([FORMAT]) + salt + context
        derived = HKDFExpand(SHA256(), KEY_BYTES + 12 + COMMITMENT_BYTES, info).derive(data_key)
        self.cipher = AESGCM(derived[:KEY_BYTES])
        self.base = int.from_bytes(derived[KEY_BYTES : KEY_BYTES + 12])
        self.commitment = derived[KEY_BYTES + 12 :]

    def nonce(self, index: int) -> bytes:
        return (self.base ^ index).to_bytes(12)

    @staticmethod
    def associated(index: int, *, last: bool) -> bytes:
        return index.to_bytes(8) + (b"\x01" if last else b"\x00")


class Sealer:
    """Seals a stream piece by piece: write `header`, then what `update` returns, then what `finish` returns."""

    def __init__(self, data_key: bytes, context: bytes, *, salt: bytes | None = None) -> None:
        salt = os.urandom(SALT_BYTES) if salt is None else salt
        self._stream = _Stream(data_key, salt, context)
        self.header = bytes([FORMAT]) + salt + self._stream.commitment
        self._held = bytearray()
        self._index = 0
        self._finished = False

    def update(self, data: Buffer) -> bytearray:
        """The sealed bytes of every chunk that is now full."""
        if self._finished:
            raise ValueError("this stream is sealed already")
        view = memoryview(data).cast("B")
        sealed = bytearray((len(self._held) + len(view)) // CHUNK_BYTES * SEALED_CHUNK_BYTES)
        target, at, taken = memoryview(sealed), 0, 0
        if self._held:
            taken = min(CHUNK_BYTES - len(self._held), len(view))
            self._held += view[:taken]
            if len(self._held) == CHUNK_BYTES:
                self._seal(self._held, target[:SEALED_CHUNK_BYTES])
                at = SEALED_CHUNK_BYTES
                self._held = bytearray()
        while len(view) - taken >= CHUNK_BYTES:
            self._seal(view[taken : taken + CHUNK_BYTES], target[at : at + SEALED_CHUNK_BYTES])
            taken, at = taken + CHUNK_BYTES, at + SEALED_CHUNK_BYTES
        self._held += view[taken:]
        return sealed

    def finish(self) -> bytes:
        """The sealed last chunk, which says that it is the last."""
        if self._finished:
            raise ValueError("this stream is sealed already")
        self._finished = True
        stream, index = self._stream, self._index
        return stream.cipher.encrypt(stream.nonce(index), bytes(self._held), stream.associated(index, last=True))

    def _seal(self, chunk: Buffer, into: memoryview) -> None:
        stream, index = self._stream, self._index
        if index >= MAX_CHUNKS:
            raise ValueError("a stream has at most 2**40 chunks")
        stream.cipher.encrypt_into(stream.nonce(index), chunk, stream.associated(index, last=False), into)
        self._index += 1


class Opener:
    """Opens a sealed stream at any place; every byte it gives was checked against its chunk, index and key.

    `read_at(offset, length)` gives stored bytes; `name` stands in messages; `size` is the plain size that the record
    promises, so that a stream cut at its end is refused before the first byte.
    """

    def __init__(
        self, read_at: ReadAt, stored: int, *, data_key: bytes, context: bytes, name: str, size: int | None = None
    ) -> None:
        self._read_at, self._name = read_at, name
        # Used again for each piece, which is copied before it is given: fresh memory cost more than the deciphering.
        self._room = bytearray()
        header = read_at(0, HEADER_BYTES)
        if not header:
            raise Truncated(f"{name} is empty: even its header is missing.")
        if header[0] != FORMAT:
            raise UnknownFormat(f"{name} starts with format {header[0]}; this version reads format {FORMAT} only.")
        if len(header) < HEADER_BYTES:
            raise Truncated(f"{name} ends inside its header.")
        if size is not None and stored != sealed_length(size):
            raise Truncated(
                f"{name} has {stored} stored bytes; a file of {size} bytes takes {sealed_length(size)}. "
                "Its end is missing or something was added."
            )
        self.size = plain_length(stored)
        self._stream = _Stream(data_key, header[1 : 1 + SALT_BYTES], context)
        if not hmac.compare_digest(header[1 + SALT_BYTES :], self._stream.commitment):
            raise WrongKey(f"The header of {name} doesn't fit its key: it was altered or belongs to another blob.")

    def read(self, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Plain bytes from `start`, at most `length` of them, in pieces of up to a megabyte."""
        end = self.size if length is None else min(self.size, start + length)
        last = self.size // CHUNK_BYTES
        if start >= end:
            if start == 0 and self.size == 0:
                self._open_chunks(0, 0, last)
            return
        first, final = start // CHUNK_BYTES, (end - 1) // CHUNK_BYTES
        for at in range(first, final + 1, CHUNKS_PER_READ):
            upto = min(at + CHUNKS_PER_READ - 1, final)
            plain = self._open_chunks(at, upto, last)
            base = at * CHUNK_BYTES
            if base < start or base + len(plain) > end:
                plain = plain[max(0, start - base) : end - base]
            yield bytes(plain)
        # A stream whose size is a multiple of the chunk ends with an empty chunk: read to the end means checked to it.
        if end == self.size and final < last:
            self._open_chunks(last, last, last)

    def _open_chunks(self, first: int, final: int, last: int) -> memoryview:
        wanted = (final - first) * SEALED_CHUNK_BYTES
        wanted += TAG_BYTES + self.size % CHUNK_BYTES if final == last else SEALED_CHUNK_BYTES
        sealed = memoryview(self._read_at(HEADER_BYTES + first * SEALED_CHUNK_BYTES, wanted))
        if len(sealed) != wanted:
            raise Truncated(f"{self._name} ends inside chunks {first} to {final}, before its last one, {last}.")
        length = wanted - TAG_BYTES * (final - first + 1)
        if len(self._room) < length:
            self._room = bytearray(length)
        plain = memoryview(self._room)[:length]
        stream = self._stream
        for index in range(first, final + 1):
            at = (index - first) * SEALED_CHUNK_BYTES
            chunk = sealed[at : at + SEALED_CHUNK_BYTES]
            place = (index - first) * CHUNK_BYTES
            into = plain[place : place + len(chunk) - TAG_BYTES]
            try:
                stream.cipher.decrypt_into(
                    stream.nonce(index), chunk, stream.associated(index, last=index == last), into
                )
            except InvalidTag:
                raise Altered(
                    f"Chunk {index} of {self._name} (of {last + 1}) is not what was sealed there: "
                    "it was altered, moved or taken from another file."
                ) from None
        return plain
