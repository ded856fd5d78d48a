"""The folders in which packages are set. Exhibits lie there in the clear, so none outlives the process it was made for.

Each folder is locked by its process, and the kernel drops the lock with the process, however it ended: what is not
locked is nobody's and is removed, before the next package and by the scheduler.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "package-"


@contextmanager
def lent(work: Path | None = None) -> Iterator[Path]:
    """A folder under `work`, gone when the block ends, whatever happened."""
    place = work or Path(tempfile.gettempdir())
    place.mkdir(parents=True, exist_ok=True)
    if work is not None:
        sweep(work)
    with _door(place):
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
        held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(held, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def sweep(work: Path) -> list[str]:
    """Remove what killed processes left under `work`; the names removed."""
    if not work.is_dir():
        return []
    removed = []
    with _door(work):
        for folder in sorted(work.glob(f"{PREFIX}*")):
            if folder.is_dir() and not folder.is_symlink() and _is_free(folder):
                shutil.rmtree(folder, ignore_errors=True)
                removed.append(folder.name)
    return removed


@contextmanager
def _door(place: Path) -> Iterator[None]:
    # Between its making and its lock a new folder would look like one that was left.
    handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _is_free(folder: Path) -> bool:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True
