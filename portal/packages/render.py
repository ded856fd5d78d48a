"""Starts the process that sets a package, watches it, and takes what it made; never half a package.

The whole report is set by one child, so that its tags, links and page numbers come from one layout (PDF/A-3a). The
child's memory grows with the pages, about 2.4 MB each; its limit is set from the number of findings.
"""

import hashlib
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from evidence.errors import Refused
from portal.packages import manifest, typefaces
from portal.packages.snapshot import Exhibit, Snapshot, digest, plain

ROOT = Path(__file__).resolve().parents[2]
MEMORY_FLOOR = 1 << 30
MEMORY_PER_FINDING = 5 << 20
MEMORY_CEILING = 12 << 30
SECONDS_FLOOR = 120
SECONDS_PER_FINDING = 2
POLL_SECONDS = 0.25
#: What a child needs from our surroundings to find Python's and Pango's libraries; nothing secret is passed on.
PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH", "VIRTUAL_ENV")

#: Called with parts done, parts in all, a note. What it raises stops the child and goes up: that is how a job cancels.
Watch = Callable[[int, int, str], None]
#: Writes the original bytes of an exhibit into the open file.
Fetch = Callable[[Exhibit, BinaryIO], None]


class BuildFailed(Refused):
    """The package could not be set. Names the section and the row; nothing was kept."""

    code = "package_not_built"
    status = 422


@dataclass(frozen=True)
class Printed:
    path: Path
    pages: int
    sha256: str
    size: int
    manifest: bytes
    manifest_sha256: str
    snapshot: bytes
    peak_bytes: int
    cpu_seconds: float
    seconds: float


@contextmanager
def printed(
    snapshot: Snapshot, fetch: Fetch, *, paper: str, watch: Watch, work: Path | None = None
) -> Iterator[Printed]:
    """Sets the package and lends the finished file; the folder is gone when the block ends, whatever happened."""
    if work:
        work.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="package-", dir=work))
    try:
        files = manifest.made_files(snapshot)
        listed = manifest.build(snapshot, files)
        order = _lay_out(folder, snapshot, files, listed, paper, fetch, watch)
        began = time.monotonic()
        result = _run(folder, order, watch)
        yield Printed(
            path=folder / "package.pdf",
            manifest=listed,
            manifest_sha256=digest(listed),
            snapshot=next(file.data for file in files if file.path == "snapshot.json"),
            seconds=round(time.monotonic() - began, 2),
            **result,
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _lay_out(
    folder: Path,
    snapshot: Snapshot,
    files: list[manifest.Made],
    listed: bytes,
    paper: str,
    fetch: Fetch,
    watch: Watch,
) -> dict[str, Any]:
    """Writes what the child reads; an exhibit whose bytes are not those of its hash stops the build."""
    when = plain(snapshot.identity.as_of)
    own = [manifest.Made(manifest.NAME, listed, "application/json", "Data", "Every file of this package"), *files]
    enclosures = []
    for file in own:
        (folder / file.path).write_bytes(file.data)
        enclosures.append(_enclosure(file.path, file.path, file.media_type, file.relationship, file.note, when))
    attached = [exhibit for exhibit in snapshot.exhibits if not exhibit.not_attached]
    for done, exhibit in enumerate(attached):
        watch(done, len(attached), f"Exhibit {exhibit.number}")
        name = f"exhibit-{exhibit.number}"
        with (folder / name).open("wb") as target:
            fetch(exhibit, target)
        _check(folder / name, exhibit)
        title = typefaces.showable(f"{exhibit.number}: {exhibit.title}")[:200]
        dated = plain(exhibit.collected_at) or when
        enclosures.append(_enclosure(exhibit.path, name, exhibit.media_type, "Supplement", title, dated))
    count = len(snapshot.findings) + len(snapshot.exhibits) // 4
    memory = min(MEMORY_CEILING, MEMORY_FLOOR + MEMORY_PER_FINDING * count + 3 * sum(e.size for e in attached))
    order = {
        "paper": paper,
        "manifest_sha256": digest(listed),
        "attachments": [(file.path, file.sha256) for file in own],
        "enclosures": enclosures,
        "memory_bytes": memory,
        "cpu_seconds": SECONDS_FLOOR + SECONDS_PER_FINDING * count,
    }
    (folder / "order.json").write_text(json.dumps(order))
    return order


def _enclosure(path: str, source: str, media_type: str, relationship: str, note: str, dated: str) -> dict[str, str]:
    return {
        "path": path,
        "source": source,
        "media_type": media_type or "application/octet-stream",
        "relationship": relationship,
        "description": note,
        "dated": dated,
    }


def _check(path: Path, exhibit: Exhibit) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != exhibit.sha256:
        raise BuildFailed(
            f"Exhibit {exhibit.number} has changed since it was received: its SHA-256 is {found[:16]}…, "
            f"not {exhibit.sha256[:16]}…. No package was made.",
            code="exhibit_altered",
            help="Run manage.py verify_vault and tell your administrator.",
        )


def _run(folder: Path, order: dict[str, Any], watch: Watch) -> dict[str, Any]:
    with (folder / "stderr").open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "portal.packages.child", str(folder)],
            cwd=ROOT,
            env=_surroundings(folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
        try:
            result = _follow(process, watch, deadline=time.monotonic() + 3 * order["cpu_seconds"])
        finally:
            _stop(process)
    if result is None:
        tail = (folder / "stderr").read_bytes()[-400:].decode(errors="replace").strip()
        raise BuildFailed(
            f"The process that sets the package ended without a result ({_ending(process.returncode)}). "
            f"No package was made. {tail}".strip()
        )
    return result


def _follow(process: subprocess.Popen[bytes], watch: Watch, deadline: float) -> dict[str, Any] | None:
    assert process.stdout is not None
    stage, buffer = (0, 1, "Starting"), b""
    os.set_blocking(process.stdout.fileno(), False)
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            ready = selector.select(POLL_SECONDS)
            watch(*stage)
            if time.monotonic() > deadline:
                raise BuildFailed(f"Setting the package took too long; it stopped at {stage[2]}. No package was made.")
            if not ready:
                continue
            chunk = process.stdout.read()
            if not chunk:
                process.wait()
                return None
            *lines, buffer = (buffer + chunk).split(b"\n")
            for line in lines:
                said = json.loads(line)
                if "result" in said:
                    return said["result"]
                if "failed" in said:
                    raise _failure(said["failed"])
                if "section" in said:
                    stage = _stage(said, stage)


def _stage(said: dict[str, Any], before: tuple[int, int, str]) -> tuple[int, int, str]:
    note = said["section"] + (f", {said['row']}" if said["row"] else "")
    return (said["done"], said["total"], note) if said["total"] else (before[0], before[1], note)


def _failure(facts: dict[str, str]) -> BuildFailed:
    where = f"section “{facts['section']}”" + (f" at {facts['row']}" if facts["row"] else "")
    return BuildFailed(
        f"The package could not be set: {where} failed ({facts['cause']}). No package was made.",
        details={"section": facts["section"], "row": facts["row"]},
    )


def _surroundings(folder: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return kept | {
        "PYTHONPATH": str(ROOT),
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "FONTCONFIG_FILE": str(typefaces.FOLDER / "fonts.conf"),
    }


def _stop(process: subprocess.Popen[bytes]) -> None:
    # When it has said its result there is nothing left to wait for; when it is cancelled it must not go on.
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdout:
        process.stdout.close()


def _ending(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit {code}"
