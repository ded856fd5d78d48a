"""A worker killed at any step of a package: it is built once and whole, or not yet, and nothing of it lies about."""

import os
import time
from datetime import UTC, datetime, timedelta

import psutil
import pytest
from django.conf import settings

from evidence.vault import services as vault
from evidence.vault.models import Blob
from portal.jobs.models import Job
from portal.packages import services, shelf, workplace
from portal.packages.models import Package
from tests.faults.conftest import House

pytestmark = [pytest.mark.slow, pytest.mark.faults]

# Where a build and then its seal die, twice each; the third attempt ends it.
LIVES = [
    (("job.claimed", "package.read"), ("job.claimed", "package.printing:2")),
    (("package.printing:2", "package.printed"), ("package.stored:2", "package.adopted")),
    (("package.stored:1", "package.adopted"), ("package.recorded", "package.committed")),
    (("package.recorded", "package.committed"), ("package.committed", "job.done")),
]


def started(house: House, engagement) -> Package:
    with house.inside():
        package = services.build(engagement.pk, actor=house.people.maya)
    house.seal()
    return package


def work(house: House, job: Job, crash_at: str = ""):
    return house.do("work", job=str(job.pk), kind=job.kind, crash_at=crash_at)


def now(house: House, package: Package) -> Package:
    with house.inside():
        return Package.objects.select_related("job").get(pk=package.pk)


def die_at(house: House, package: Package, steps) -> None:
    """One death after another, each followed by the end of the lease; then the third attempt ends it."""
    job = now(house, package).job
    for step in steps:
        assert work(house, job, crash_at=step).was_killed, step
        house.assert_whole()
        # Another worker asks too early, as long as the dead one might still be at it.
        assert work(house, job).result == "left"
        house.let_the_lease_run_out(job.pk)
    assert work(house, job).result == "succeeded"
    assert work(house, job).result == "left"
    house.assert_whole()
    assert_nothing_lies_about(house)
    house.seal()
    house.verify()


def assert_nothing_lies_about(house: House) -> None:
    """Exhibits in the clear go with the next package, printing processes by themselves, stored files after a day."""
    # Painted pages are sealed and stay for the next package.
    assert [path.name for path in settings.CLEARHOLD_WORK_DIR.glob("*") if path.name != shelf.FOLDER] == []
    deadline = time.monotonic() + 60
    while printers(house) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert printers(house) == []
    long_ago = (datetime.now(UTC) - timedelta(days=2)).timestamp()
    stored = [path for path in settings.CLEARHOLD_BLOBS_DIR.rglob("*") if path.is_file()]
    for path in stored:
        os.utime(path, (long_ago, long_ago))
    with house.inside():
        vault.sweep(house.organization.pk)
        rows = set(Blob.objects.values_list("location", flat=True))
    left = {
        str(p.relative_to(settings.CLEARHOLD_BLOBS_DIR)) for p in settings.CLEARHOLD_BLOBS_DIR.rglob("*") if p.is_file()
    }
    assert left == rows


def printers(house: House) -> list[list[str]]:
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or []
        if str(settings.CLEARHOLD_WORK_DIR) in " ".join(words) and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(words)
    return found


@pytest.mark.parametrize("building, sealing", LIVES, ids=lambda steps: " then ".join(steps))
def test_a_package_killed_at_any_step_is_finished_by_another_worker(house, engagement, building, sealing):
    package = started(house, engagement)
    die_at(house, package, building)
    # What was committed before the worker died is not built a second time.
    assert (now(house, package).is_built, len(house.events("package.built"))) == (True, 1)
    with house.inside():
        services.submit_for_review(package.pk, actor=house.people.maya)
        services.seal(package.pk, actor=house.people.arun, reason="Read and agreed.")
    # The sealed package carries the proof of its approval, which therefore has its place first.
    house.seal()
    die_at(house, package, sealing)
    assert (now(house, package).state, len(house.events("package.sealed"))) == ("sealed", 1)


def test_a_job_that_kills_every_worker_is_given_up_after_three_and_says_so(house, engagement):
    package = started(house, engagement)
    job = now(house, package).job
    for _ in range(3):
        assert work(house, job, crash_at="package.read").was_killed
        house.let_the_lease_run_out(job.pk)
    assert work(house, job).result == "left"
    assert house.job(job.pk).state == "failed"
    assert "stopped three times" in house.job(job.pk).error
    house.assert_whole()
    with house.inside():
        assert services.rebuild(package.pk, actor=house.people.maya).job.state == "queued"


def test_a_folder_in_use_is_not_swept(tmp_path):
    with workplace.lent(tmp_path) as mine:
        left = tmp_path / f"{workplace.PREFIX}left"
        left.mkdir()
        (left / "exhibit-E-001").write_bytes(b"in the clear")
        assert workplace.sweep(tmp_path) == [left.name]
        assert mine.is_dir()
    assert list(tmp_path.iterdir()) == []
