"""What a folder promises beyond what every store does (test_stores.py): readable by nobody else, safe on disk."""

import os
import stat
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from evidence.vault.backends import StorageFailed, StorageFull
from evidence.vault.backends.local import LocalDisk


@pytest.fixture
def disk(tmp_path: Path) -> LocalDisk:
    return LocalDisk(tmp_path / "blobs")


def everything(disk: LocalDisk) -> list[Path]:
    return [path for path in disk.root.rglob("*") if path.is_file()]


def test_files_and_folders_are_closed_to_others(disk):
    draft = disk.draft("org/ab/blob")
    assert [stat.S_IMODE(path.stat().st_mode) for path in everything(disk)] == [0o600]
    draft.keep()
    assert [stat.S_IMODE(path.stat().st_mode) for path in everything(disk)] == [0o600]
    assert stat.S_IMODE((disk.root / "org").stat().st_mode) == 0o700


def test_the_file_is_on_disk_before_its_name_is(disk, monkeypatch):
    steps = []
    for name in ("fsync", "link"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *given, _name=name, _real=real: (steps.append(_name), _real(*given))[1])
    draft = disk.draft("org/ab/blob")
    steps.clear()
    draft.keep()
    assert steps[0] == "fsync"
    assert steps.index("link") > 0
    assert steps[-1] == "fsync"


def test_a_store_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "blobs").write_text("a file where the folder should be")
    with pytest.raises(StorageFailed, match="nothing of this file was kept"):
        LocalDisk(tmp_path / "blobs").draft("org/ab/blob")


@contextmanager
def small_disk(at: Path, size: str):
    at.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(at)], capture_output=True)
    if done.returncode != 0:
        pytest.skip("mounting a small tmpfs needs root")
    try:
        yield at
    finally:
        subprocess.run(["umount", str(at)], check=True)


@pytest.mark.faults
def test_a_full_disk_refuses_the_file_and_leaves_nothing(tmp_path):
    with small_disk(tmp_path / "small", "1m") as place:
        disk = LocalDisk(place / "blobs")
        kept = disk.draft("org/ab/kept")
        kept.write(b"x" * 100_000)
        kept.keep()
        draft = disk.draft("org/ab/blob")
        with pytest.raises(StorageFull, match="no space left"):
            for _ in range(100):
                draft.write(b"y" * 100_000)
        assert [path.name for path in everything(disk)] == ["kept"]
        again = disk.draft("org/ab/again")
        again.write(b"z" * 100_000)
        again.keep()
        assert len(everything(disk)) == 2
