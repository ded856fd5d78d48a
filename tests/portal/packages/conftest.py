"""A package set once for all tests that only look at it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.packages import render
from portal.packages.proving import Proving, program
from portal.packages.snapshot import Exhibit, Snapshot
from tests.portal.packages import sample

#: A hand-written snapshot has no history behind it.
UNPROVEN = Proving((program(),))


def fetch(exhibit: Exhibit, target) -> None:
    target.write(sample.FILES[exhibit.number][2])


def still(done: int, total: int, note: str) -> None:
    """Watches and lets it go on."""


def set_package(snapshot: Snapshot, target: Path, **options) -> render.Printed:
    options = {"paper": "A4", "watch": still} | options
    with render.printed(snapshot, fetch, UNPROVEN, **options) as printed:
        shutil.copyfile(printed.path, target)
        return printed


@pytest.fixture(scope="session")
def package(tmp_path_factory) -> Iterator[tuple[Path, render.Printed]]:
    target = tmp_path_factory.mktemp("package") / "package.pdf"
    yield target, set_package(sample.snapshot(), target)
