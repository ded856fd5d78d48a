"""What every store promises, whatever stands behind it: whole or not at all, never overwritten, readable anywhere."""

import os

import pytest

from evidence.vault.backends import BlobGone, StorageFailed, named
from evidence.vault.backends.s3 import drafts

PLACE = "org/ab/blob"


def put(backend, location: str, *pieces: bytes) -> str:
    draft = backend.draft(location)
    for piece in pieces:
        draft.write(piece)
    return draft.keep()


def test_what_is_kept_can_be_read_from_any_place(store):
    backend = store.backend
    version = put(backend, PLACE, b"hello ", memoryview(b"world"))
    with backend.reader(PLACE, version) as reader:
        assert reader.size == 11
        assert reader.read_at(6, 100) == b"world"
        assert reader.read_at(0, 5) == b"hello"
        assert reader.read_at(11, 5) == b""
    listed = list(backend.listing("org"))
    assert [(one.location, one.size, one.is_draft, one.version) for one in listed] == [(PLACE, 11, False, version)]
    assert list(backend.copies(PLACE)) == listed
    assert list(backend.copies("org/ab/blo")) == list(backend.copies("org/ab/blob2")) == []


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 2 * 1024 * 1024 + 3])
def test_sizes_around_every_edge_come_back_in_order_and_in_leaps(store, size):
    data = os.urandom(size)
    version = put(store.backend, PLACE, data)
    with store.backend.reader(PLACE, version) as reader:
        assert reader.size == size
        in_order = b"".join(reader.read_at(at, 300_000) for at in range(0, size, 300_000))
        assert in_order == data
        for at in (size - 10, size // 2, 0, size // 3, 70_000):
            if at >= 0:
                assert reader.read_at(at, 4000) == data[at : at + 4000]


def test_large_files_go_in_parts_and_come_back_whole(store, monkeypatch):
    monkeypatch.setattr(drafts, "PART_BYTES", 5 * 1024 * 1024)
    data = os.urandom(12 * 1024 * 1024 + 7)
    version = put(store.backend, PLACE, *(data[at : at + 1_000_000] for at in range(0, len(data), 1_000_000)))
    with store.backend.reader(PLACE, version) as reader:
        assert reader.size == len(data)
        assert b"".join(reader.read_at(at, 1_000_000) for at in range(0, len(data), 1_000_000)) == data


def test_nothing_shows_before_keep_and_nothing_stays_after_discard(store, monkeypatch):
    monkeypatch.setattr(drafts, "PART_BYTES", 5 * 1024 * 1024)
    backend = store.backend
    draft = backend.draft(PLACE)
    draft.write(os.urandom(6 * 1024 * 1024))
    with pytest.raises(BlobGone):
        backend.reader(PLACE)
    assert [stored.is_draft for stored in backend.listing("org")] == [True]
    draft.discard()
    draft.discard()
    assert store.everything() == []


def test_a_draft_that_nobody_ended_can_be_removed_from_the_list(store, monkeypatch):
    monkeypatch.setattr(drafts, "PART_BYTES", 5 * 1024 * 1024)
    store.backend.draft(PLACE).write(os.urandom(6 * 1024 * 1024))
    [left] = store.backend.listing("org")
    store.backend.remove(left)
    store.backend.remove(left)
    assert store.everything() == []


@pytest.mark.parametrize("size", [6, 6 * 1024 * 1024])
def test_a_stored_blob_is_never_overwritten(store, monkeypatch, size):
    monkeypatch.setattr(drafts, "PART_BYTES", 5 * 1024 * 1024)
    backend, first = store.backend, os.urandom(size)
    version = put(backend, PLACE, first)
    with pytest.raises(StorageFailed, match="never overwritten"):
        put(backend, PLACE, os.urandom(size))
    with backend.reader(PLACE, version) as reader:
        assert reader.read_at(0, size) == first
    assert len(store.everything()) == 1


def test_what_is_removed_is_gone_and_removing_it_again_does_no_harm(store):
    version = put(store.backend, PLACE, b"x")
    [stored] = store.backend.copies(PLACE)
    store.backend.remove(stored)
    store.backend.remove(stored)
    with pytest.raises(BlobGone, match="missing"):
        store.backend.reader(PLACE, version)
    assert store.everything() == []


def test_a_listing_keeps_to_its_folder(store):
    for location in ("org/ab/one", "org/cd/two", "orgs/ab/three"):
        put(store.backend, location, b"x")
    assert sorted(one.location for one in store.backend.listing("org")) == ["org/ab/one", "org/cd/two"]
    assert list(store.backend.listing("nobody")) == []


@pytest.mark.parametrize("location", ["/etc/passwd", "../up", "org/../../up", "", "org/a\x00b"])
def test_a_place_outside_the_store_is_refused(store, location):
    with pytest.raises(ValueError):
        store.backend.draft(location)
    with pytest.raises(ValueError):
        store.backend.reader(location)


def test_a_store_that_works_has_no_faults(store):
    store.backend.probe()
    assert store.backend.faults() == []


def test_an_unknown_kind_of_store_is_refused():
    with pytest.raises(ValueError):
        named("../local")
    with pytest.raises(ModuleNotFoundError):
        named("punchcards")
    assert named("local").name == "local"
