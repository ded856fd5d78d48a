"""A real clamd with a database of our own: it knows EICAR, one pattern of ours, and nothing else."""

import hashlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from evidence.intake import scanner
from tests import tools

# In three parts, so that no scanner trips over this file.
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!" + b"$H+H*"
OURS = b"clearhold-pattern-" + b"that-only-the-tests-know"
STREAM_BYTES = 3_000_000


@pytest.fixture(scope="session")
def clamd_socket(tmp_path_factory) -> Iterator[Path]:
    """One daemon for each process of the tests."""
    program = tools.program("clamd")
    folder = tmp_path_factory.mktemp("clamd")
    signatures = folder / "db"
    signatures.mkdir()
    (signatures / "own.ndb").write_text(f"Clearhold.Eicar:0:*:{EICAR.hex()}\nClearhold.Ours:0:*:{OURS.hex()}\n")
    (signatures / "own.hsb").write_text(f"{hashlib.sha256(EICAR).hexdigest()}:{len(EICAR)}:Clearhold.Eicar.Hash\n")
    # The path of a socket may have about a hundred bytes.
    socket_path = Path("/tmp") / f"clearhold-clamd-{os.getpid()}.sock"
    (folder / "clamd.conf").write_text(
        f"LocalSocket {socket_path}\nDatabaseDirectory {signatures}\nForeground yes\nLogFile {folder}/clamd.log\n"
        f"StreamMaxLength {STREAM_BYTES}\nMaxFileSize 2M\nMaxScanSize 8M\nAlertExceedsMax yes\nMaxThreads 2\n"
        f"SelfCheck 86400\nTemporaryDirectory {folder}\n"
    )
    process = subprocess.Popen(
        [program, "--config-file", str(folder / "clamd.conf")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        end = time.monotonic() + 120
        while not socket_path.exists():
            if process.poll() is not None or time.monotonic() > end:
                log = folder / "clamd.log"
                pytest.fail(f"clamd does not start: {log.read_text()[-500:] if log.exists() else process.returncode}")
            time.sleep(0.05)
        yield socket_path
    finally:
        process.terminate()
        process.wait(30)
        socket_path.unlink(missing_ok=True)


@pytest.fixture
def clamd(clamd_socket: Path, settings) -> Path:
    settings.CLEARHOLD_CLAMD = f"unix:{clamd_socket}"
    assert scanner.ping()
    return clamd_socket
