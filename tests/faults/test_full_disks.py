"""A disk that fills up: nothing is signed that can't be remembered, nothing half-written stays, and the words say what to do."""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from django.conf import settings

from evidence.ledger.models import Checkpoint, Queue
from portal.packages import services
from tests.faults.conftest import House
from tests.faults.test_killed_while_packaging import now, started, work

pytestmark = [pytest.mark.slow, pytest.mark.faults]


class Disk:
    """A small file system of one's own, in memory."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def fill(self) -> None:
        with (self.place / "filler").open("wb", buffering=0) as file, suppress(OSError):
            while file.write(b"x" * 512):
                pass

    def clear(self) -> None:
        (self.place / "filler").unlink()

    def files(self) -> list[Path]:
        return [path for path in self.place.rglob("*") if path.is_file() and path.name != "filler"]


@pytest.fixture
def small_disk():
    mounted: list[Path] = []

    def mount(place: Path, kilobytes: int) -> Disk:
        place.mkdir(parents=True, exist_ok=True)
        words = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k,nr_inodes=10k,mode=0700", "tmpfs", str(place)]
        done = subprocess.run(words, capture_output=True, text=True) if sys.platform == "linux" else None
        if done is None or done.returncode != 0:
            pytest.skip(f"no file system may be mounted here, so no disk can be filled: {done and done.stderr.strip()}")
        mounted.append(place)
        return Disk(place)

    yield mount
    for place in mounted:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_the_sequencer_signs_nothing_that_it_cannot_remember(house: House, small_disk):
    disk = small_disk(settings.CLEARHOLD_SIGNER_DIR, 64)
    organization = str(house.organization.pk)
    house.do("record", organization=organization, count=2)
    assert house.seal().result == 2
    disk.fill()
    house.do("record", organization=organization, count=3)
    for _ in range(2):
        assert house.seal().result == ["failed", "No space left on device"]
        with house.inside():
            assert (Checkpoint.objects.count(), Queue.objects.count()) == (1, 3)
        house.verify()
    disk.clear()
    assert house.seal().result == 3
    house.verify()


def test_a_sequencer_with_a_full_disk_says_so_and_goes_on_when_there_is_room(house: House, small_disk):
    disk = small_disk(settings.CLEARHOLD_SIGNER_DIR, 64)
    house.do("record", organization=str(house.organization.pk), count=2)
    house.seal()
    disk.fill()
    house.do("record", organization=str(house.organization.pk), count=2)
    told = house.do("run_sequencer", rounds=3).result
    assert "The signer's folder cannot be used, so nothing is signed" in told
    assert "No space left on device" in told
    disk.clear()
    house.do("run_sequencer", rounds=3)
    with house.inside():
        assert not Queue.objects.exists()
    house.verify()


def test_a_package_that_finds_no_room_to_be_set_is_not_built_and_leaves_nothing(house: House, engagement, small_disk):
    disk = small_disk(settings.CLEARHOLD_WORK_DIR, 256)
    package = started(house, engagement)
    job = now(house, package).job
    assert work(house, job).result == "failed"
    assert "no space left" in house.job(job.pk).error.lower()
    assert "Free space under CLEARHOLD_WORK_DIR" in house.job(job.pk).error
    assert "No package was made" in house.job(job.pk).error
    assert disk.files() == []
    house.assert_whole()
    assert not now(house, package).is_built
    subprocess.run(["mount", "-o", "remount,size=64m", str(disk.place)], check=True)
    with house.inside():
        again = services.rebuild(package.pk, actor=house.people.maya).job
    assert work(house, again).result == "succeeded"
    house.assert_whole()


def test_a_package_that_finds_no_room_in_the_store_is_not_built_and_leaves_nothing(
    house: House,
    engagement,
    small_disk,
):
    disk = small_disk(settings.CLEARHOLD_BLOBS_DIR, 64)
    package = started(house, engagement)
    job = now(house, package).job
    assert work(house, job).result == "failed"
    assert "The evidence store has no space left" in house.job(job.pk).error
    assert disk.files() == []
    house.assert_whole()
    assert not now(house, package).is_built
    house.seal()
    house.verify()
