"""Stored bytes that were altered, exchanged, cut or lost; moves that are killed; stores that are full.

Nothing false is ever returned, everything is named, and at every moment one store holds the whole file.
"""

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connections, transaction

from evidence import clock, tenancy
from evidence.actors import Actor
from evidence.errors import Unavailable
from evidence.ledger.models import Event
from evidence.organizations.models import Organization
from evidence.vault import checking, moving, sealing
from evidence.vault import services as vault
from evidence.vault.backends import StorageFull
from evidence.vault.models import Blob
from tests.evidence.vault import stores
from tests.evidence.vault.conftest import bucket, folder, keep, moto, own_places, store  # noqa: F401  fixtures
from tests.evidence.vault.stores import damage
from tests.faults import moving_child

ROOT = Path(__file__).resolve().parents[2]
CHUNK, HEADER = sealing.SEALED_CHUNK_BYTES, sealing.HEADER_BYTES
SIZE = 3 * sealing.CHUNK_BYTES + 1000


def flipped(place: int):
    def change(data: bytes) -> bytes:
        at = place % len(data)
        return data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1 :]

    return change


def reordered(data: bytes) -> bytes:
    first, second = data[HEADER : HEADER + CHUNK], data[HEADER + CHUNK : HEADER + 2 * CHUNK]
    return data[:HEADER] + second + first + data[HEADER + 2 * CHUNK :]


def doubled(data: bytes) -> bytes:
    return data[: HEADER + CHUNK] + data[HEADER : HEADER + CHUNK] + data[HEADER + 2 * CHUNK :]


FAULTS = {
    "format byte": flipped(0),
    "salt": flipped(10),
    "commitment to the key": flipped(40),
    "first byte of the first chunk": flipped(HEADER),
    "tag of the first chunk": flipped(HEADER + CHUNK - 1),
    "middle chunk": flipped(HEADER + CHUNK + 777),
    "last chunk": flipped(HEADER + 3 * CHUNK + 5),
    "last tag": flipped(-1),
    "last byte cut off": lambda data: data[:-1],
    "last chunk cut off": lambda data: data[: HEADER + 3 * CHUNK],
    "all but the header cut off": lambda data: data[:HEADER],
    "everything cut off": lambda data: b"",
    "one byte added": lambda data: data + b"\x00",
    "two chunks reordered": reordered,
    "one chunk in another's place": doubled,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_altered_bytes_are_named_and_nothing_false_is_returned(store, keep, people, fault):  # noqa: F811
    data = os.urandom(SIZE)
    blob = keep(data)
    damage(store, blob, FAULTS[fault])
    given = bytearray()
    with pytest.raises(sealing.Damaged, match=str(blob.pk)):
        for piece in vault.open(blob):
            given += piece
    assert data.startswith(bytes(given)) and len(given) < len(data)
    for start in (0, sealing.CHUNK_BYTES - 5, SIZE - 50):
        try:
            part = b"".join(vault.open(blob, start, 50))
        except sealing.Damaged:
            continue
        assert part == data[start : start + 50]
    with vault_file_or_refusal(blob) as file:
        assert file is None or data.startswith(file)


@contextmanager
def vault_file_or_refusal(blob):
    try:
        with vault.plain(blob) as file:
            yield file.read(1000)
    except sealing.Damaged:
        yield None


@pytest.mark.parametrize("fault", ["swapped with another", "another's key", "lost"])
def test_exchanged_and_lost_files_are_named(store, keep, fault):  # noqa: F811
    mine, other = keep(os.urandom(SIZE)), keep(os.urandom(SIZE))
    if fault == "swapped with another":
        first, second = store.raw(mine.location), store.raw(other.location)
        store.rewrite(mine.location, second)
        store.rewrite(other.location, first)
    elif fault == "another's key":
        mine.wrapped_key, other.wrapped_key = other.wrapped_key, mine.wrapped_key
    else:
        store.lose(mine.location)
        store.lose(other.location)
    for blob in (mine, other):
        with pytest.raises(Unavailable, match=str(blob.location if fault == "lost" else blob.pk)):
            vault.verify(blob)


def test_the_daily_round_raises_one_alarm_for_each_file_and_goes_on(store, keep, people, org):  # noqa: F811
    blobs = {fault: keep(os.urandom(SIZE)) for fault in FAULTS}
    sound, lost = keep(b"sound"), keep(b"lost")
    for fault, blob in blobs.items():
        damage(store, blob, FAULTS[fault])
    store.lose(lost.location)
    inside = checking.entering(org.pk)
    start = clock.now()
    for days in (7, 14):
        with clock.at(start + timedelta(days=days)):
            report = checking.scrub(actor=Actor.system(org.pk, "scheduler"), inside=inside, watch=lambda *given: None)
        assert (report.blobs, report.intact) == (len(FAULTS) + 2, 1)
    assert checking.damaged().count() == len(FAULTS) + 1
    told = Event.objects.filter(kind="vault.damaged").values_list("object_id", flat=True)
    assert sorted(told) == sorted([*(blob.pk for blob in blobs.values()), lost.pk])
    assert sound.pk not in told


# Kills.


@pytest.fixture
def committed(own_database, own_places, moto, settings):  # noqa: F811
    """A file that is really committed, in the folder, with a bucket set up beside it."""
    bucket = stores.use_bucket(moto, stores.new_bucket(moto))  # noqa: F811
    organization = Organization.objects.create(slug="movers", name="Movers")
    data = os.urandom(3 * 1024 * 1024)
    sealed = vault.store(io.BytesIO(data), organization_id=organization.pk, limit_bytes=10**8)
    with transaction.atomic(), tenancy.entered(organization.pk):
        blob = vault.adopt(sealed)
    return organization, blob, hashlib.sha256(data).hexdigest(), stores.LocalBelow(settings.CLEARHOLD_BLOBS_DIR), bucket


def moved_by_child(settings, blob, to: str, step: str) -> subprocess.CompletedProcess:
    names = ("CLEARHOLD_BLOBS_DIR", "CLEARHOLD_KEYS_DIR", "CLEARHOLD_S3", "CLEARHOLD_BLOB_BACKEND")
    keys = ("NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")
    given = {
        "settings": {name: _plain(getattr(settings, name)) for name in names},
        "databases": {
            alias: {key: connections.settings[alias][key] for key in keys} for alias in ("default", "sequencer")
        },
        "organization": str(blob.organization_id), "blob": str(blob.pk), "to": to, "step": step,
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, "-m", "tests.faults.moving_child"], input=json.dumps(given), capture_output=True, text=True,
        cwd=ROOT, env={**os.environ, "DJANGO_SETTINGS_MODULE": "portal.settings.test"}, timeout=300,
    )  # fmt: skip


def _plain(value):
    return str(value) if isinstance(value, Path) else value


@pytest.mark.faults
def test_a_move_that_is_killed_at_any_step_loses_nothing_and_can_be_done_again(committed, settings):
    organization, blob, sha256, below, bucket = committed  # noqa: F811
    inside, actor = checking.entering(organization.pk), Actor.system(organization.pk, "move_blobs")
    for step in moving_child.STEPS:
        for to, there, gone in (("s3", bucket, below), ("local", below, bucket)):
            done = moved_by_child(settings, blob, to, step)
            assert done.returncode == -signal.SIGKILL, (to, step, done.stdout, done.stderr)
            assert _digest(blob, inside) == sha256, (to, step)
            moving.move(blob.pk, to, actor=actor, inside=inside)
            assert _digest(blob, inside) == sha256, (to, step)
            with inside(), clock.at(clock.now() + timedelta(hours=25)):
                vault.sweep(organization.pk)
            assert (there.everything(), gone.everything()) == ([blob.location], []), (to, step)


def _digest(blob: Blob, inside) -> str:
    with inside():
        return hashlib.sha256(b"".join(vault.open(Blob.objects.get(pk=blob.pk)))).hexdigest()


# Full stores.


@contextmanager
def small_disk(at: Path, size: str):
    at.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(at)], capture_output=True).returncode:
        if os.environ.get("CI"):
            pytest.fail("CI runs as root, and a small tmpfs could not be mounted")
        pytest.skip("mounting a small tmpfs needs root")
    try:
        yield at
    finally:
        subprocess.run(["umount", str(at)], check=True)


@pytest.mark.faults
def test_a_move_to_a_full_disk_leaves_every_file_where_it_was(bucket, keep, people, org, settings, tmp_path):  # noqa: F811
    settings.CLEARHOLD_BLOB_BACKEND = "s3"
    small, large = keep(os.urandom(1000)), keep(os.urandom(3_000_000))
    with small_disk(tmp_path / "small", "2m") as place:
        settings.CLEARHOLD_BLOBS_DIR = place / "blobs"
        with pytest.raises(StorageFull, match="no space left"):
            moving.move_all("local", actor=people.adam, inside=checking.entering(org.pk), watch=lambda *given: None)
        files = [path.name for path in place.rglob("*") if path.is_file()]
        assert files == [small.location.rpartition("/")[2]]
        large.refresh_from_db()
        assert large.backend == "s3"
        vault.verify(large)
        small.refresh_from_db()
        vault.verify(small)
        # What happened to one file is no reason to distrust another: nothing counts as damaged.
        assert not checking.damaged().exists()
