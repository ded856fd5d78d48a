"""A sealed stream gives back exactly what went in, from any place, or says what is wrong with it."""

import hashlib
import hmac
import json
import random
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.vault.sealing import (
    CHUNK_BYTES,
    HEADER_BYTES,
    SEALED_CHUNK_BYTES,
    Altered,
    Opener,
    Sealer,
    Truncated,
    UnknownFormat,
    WrongKey,
    new_data_key,
    plain_length,
    sealed_length,
)
from tests.evidence.vault.make_vectors import plain

KEY = bytes(range(32))
CONTEXT = b"0123456789abcdef"
VECTORS = json.loads(Path(__file__).with_name("vectors.json").read_text())


def sealed(data: bytes, *, key: bytes = KEY, context: bytes = CONTEXT, salt: bytes | None = None) -> bytes:
    sealer = Sealer(key, context, salt=salt)
    return sealer.header + bytes(sealer.update(data)) + sealer.finish()


def opener(stored: bytes, *, key: bytes = KEY, context: bytes = CONTEXT, size: int | None = None) -> Opener:
    def read_at(offset, length):
        return stored[offset : offset + length]

    return Opener(read_at, len(stored), data_key=key, context=context, name="blob 7", size=size)


def opened(stored: bytes, **given_) -> bytes:
    return b"".join(opener(stored, **given_).read())


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["size"]))
def test_format_1_stays_what_the_vectors_say(vector):
    data = plain(vector["size"])
    assert hashlib.sha256(data).hexdigest() == vector["plain_sha256"]
    key, context = bytes.fromhex(vector["data_key"]), bytes.fromhex(vector["context"])
    stored = sealed(data, key=key, context=context, salt=bytes.fromhex(vector["salt"]))
    assert stored[:HEADER_BYTES].hex() == vector["header"]
    assert len(stored) == vector["sealed_length"] == sealed_length(vector["size"])
    assert hashlib.sha256(stored).hexdigest() == vector["sealed_sha256"]
    assert opened(stored, key=key, context=context, size=vector["size"]) == data


def test_the_format_can_be_opened_from_its_description_alone():
    data = plain(150000)
    stored = sealed(data)
    salt, commitment, body = stored[1:25], stored[25:57], stored[57:]
    derived, block, number = b"", b"", 1
    while len(derived) < 76:  # HKDF-Expand of RFC 5869
        info = b"clearhold vault v1\x00\x01" + salt + CONTEXT
        block = hmac.new(KEY, block + info + bytes([number]), hashlib.sha256).digest()
        derived, number = derived + block, number + 1
    assert derived[44:76] == commitment
    base, got = int.from_bytes(derived[32:44], "big"), b""
    for index in range(3):
        chunk = body[index * 65552 : (index + 1) * 65552]
        associated = index.to_bytes(8, "big") + bytes([index == 2])
        got += AESGCM(derived[:32]).decrypt((base ^ index).to_bytes(12, "big"), chunk, associated)
    assert got == data


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 150_000), max_size=6), st.integers(0, 400_000), st.integers(0, 400_000))
def test_however_the_pieces_come_any_range_is_the_same_bytes(pieces, start, length):
    data = plain(sum(pieces))
    sealer, at, stored = Sealer(KEY, CONTEXT), 0, bytearray()
    stored += sealer.header
    for piece in pieces:
        stored += sealer.update(data[at : at + piece])
        at += piece
    stored += sealer.finish()
    whole = opener(bytes(stored), size=len(data))
    assert b"".join(whole.read()) == data
    assert b"".join(whole.read(start, length)) == data[start : start + length]


@given(st.integers(0, 10 * CHUNK_BYTES))
def test_lengths_of_plain_and_sealed_streams_answer_each_other(size):
    assert plain_length(sealed_length(size)) == size


def test_a_flipped_bit_anywhere_is_refused_and_its_chunk_is_named():
    data = plain(3 * CHUNK_BYTES + 100)
    stored = sealed(data)
    places = [*random.Random(5).sample(range(HEADER_BYTES, len(stored)), 60), HEADER_BYTES, len(stored) - 1]
    for place in places:
        broken = bytearray(stored)
        broken[place] ^= 1 << place % 8
        index = (place - HEADER_BYTES) // SEALED_CHUNK_BYTES
        with pytest.raises(Altered, match=f"Chunk {index} of blob 7"):
            opened(bytes(broken))


@pytest.mark.parametrize("place", range(HEADER_BYTES))
def test_a_flipped_bit_in_the_header_is_refused(place):
    broken = bytearray(sealed(b"some evidence"))
    broken[place] ^= 0x10
    with pytest.raises(UnknownFormat if place == 0 else WrongKey):
        opened(bytes(broken))


def chunks_of(stored: bytes) -> tuple[bytes, list[bytes]]:
    body = stored[HEADER_BYTES:]
    return stored[:HEADER_BYTES], [body[at : at + SEALED_CHUNK_BYTES] for at in range(0, len(body), SEALED_CHUNK_BYTES)]


def test_swapped_chunks_are_refused_at_the_first_one_moved():
    header, chunks = chunks_of(sealed(plain(4 * CHUNK_BYTES)))
    chunks[1], chunks[2] = chunks[2], chunks[1]
    with pytest.raises(Altered, match="Chunk 1 of blob 7"):
        opened(header + b"".join(chunks))


def test_a_chunk_of_another_stream_under_the_same_key_is_refused():
    header, chunks = chunks_of(sealed(plain(2 * CHUNK_BYTES)))
    _, others = chunks_of(sealed(plain(2 * CHUNK_BYTES)))
    chunks[1] = others[1]
    with pytest.raises(Altered, match="Chunk 1"):
        opened(header + b"".join(chunks))


@pytest.mark.parametrize("cut", [1, 16, 17, 100, CHUNK_BYTES, SEALED_CHUNK_BYTES, 2 * SEALED_CHUNK_BYTES])
def test_a_stream_cut_at_its_end_is_refused_even_for_a_range_before_the_cut(cut):
    data = plain(3 * CHUNK_BYTES + 500)
    stored = sealed(data)[:-cut]
    with pytest.raises(Truncated):
        list(opener(stored, size=len(data)).read(0, 10))
    with pytest.raises((Truncated, Altered)):
        opened(stored)


def test_a_stream_made_longer_is_refused():
    stored = sealed(plain(1000)) + b"x"
    with pytest.raises(Truncated):
        opener(stored, size=1000)
    with pytest.raises(Altered):
        opened(stored)


@pytest.mark.parametrize("kept_bytes", [0, 1, 40, 60])
def test_what_is_left_of_a_header_is_refused(kept_bytes):
    stored = sealed(b"")[:kept_bytes]
    with pytest.raises(Truncated):
        opened(stored)


def test_another_key_and_another_blobs_id_are_refused_before_any_byte():
    stored = sealed(plain(10))
    with pytest.raises(WrongKey, match="blob 7"):
        opener(stored, key=new_data_key())
    with pytest.raises(WrongKey):
        opener(stored, context=b"another blob id.")


def test_two_seals_of_the_same_bytes_share_nothing_to_see():
    first, second = sealed(plain(1000)), sealed(plain(1000))
    assert first[57:] != second[57:] and first[1:57] != second[1:57]


def test_a_finished_stream_takes_no_more():
    sealer = Sealer(KEY, CONTEXT)
    sealer.finish()
    with pytest.raises(ValueError):
        sealer.update(b"more")
    with pytest.raises(ValueError):
        sealer.finish()
