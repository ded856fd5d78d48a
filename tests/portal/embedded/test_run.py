"""`make run` leaves no orphan, however it ends, and a second one keeps the data."""

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from portal.embedded import servers

PROJECT = Path(__file__).resolve().parents[3]
pytestmark = [pytest.mark.slow, pytest.mark.faults]
PATIENCE_SECONDS = 180.0


class Run:
    """One `make run` with folders of its own."""

    def __init__(self, var: Path, port: int | None) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
        environment |= {"CLEARHOLD_VAR": str(var), "DJANGO_SETTINGS_MODULE": "portal.settings.development"}
        environment.pop("PORT", None)
        if port is not None:
            environment["PORT"] = str(port)
        self.var = var
        self.log = var.parent / "run.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "portal.embedded.run"], cwd=PROJECT, stdout=log, stderr=log, env=environment
            )

    def said(self) -> str:
        return self.log.read_text()

    def wait_until_up(self) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while "Ctrl-C stops it" not in self.said():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.1)

    def family(self) -> list[psutil.Process]:
        keeper = psutil.Process(servers._state(servers.Places(self.var))["keeper"])
        mine = psutil.Process(self.process.pid).children(recursive=True)
        return list({process.pid: process for process in [*mine, keeper, *keeper.children(recursive=True)]}.values())


@pytest.fixture
def var() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="clearhold-", dir="/tmp"))
    (folder / "var").mkdir()
    # As if the sample had been loaded and removed: these stories are about processes.
    (folder / "var" / "sample.txt").touch()
    yield folder / "var"
    servers.stop(folder / "var")
    shutil.rmtree(folder)


@contextlib.contextmanager
def running(var: Path, port: int | None = None) -> Iterator[Run]:
    run = Run(var, port)
    try:
        run.wait_until_up()
        yield run
    finally:
        with contextlib.suppress(ProcessLookupError):
            run.process.kill()
        run.process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def status_of(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def gone(processes: list[psutil.Process], seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left(var, ending):
    port = free_port()
    with running(var, port) as run:
        assert status_of(port, "/healthz") == 200
        family = run.family()
        assert {"gunicorn", "celery", "sequencer", "scheduler"} <= words_of(family)
        run.process.send_signal(ending)
        code = run.process.wait(PATIENCE_SECONDS)
        assert code == (-9 if ending == signal.SIGKILL else 0), run.said()
        assert gone(family), [one.cmdline() for one in family if one.is_running()]
        assert not servers.running(var)


def words_of(processes: list[psutil.Process]) -> set[str]:
    return {word for process in processes for word in process.cmdline()}


def test_a_child_that_dies_comes_back(var):
    port = free_port()
    with running(var, port) as run:
        (web,) = [one for one in psutil.Process(run.process.pid).children() if "gunicorn" in one.cmdline()]
        os.killpg(web.pid, signal.SIGKILL)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if status_of(port, "/healthz") == 200 and "web ended (-9)" in run.said():
                    break
            time.sleep(0.2)
        else:
            pytest.fail(run.said())


def test_a_second_run_keeps_the_data_and_is_refused_while_the_first_goes_on(var):
    with running(var, free_port()) as first:
        second = Run(var, free_port())
        assert second.process.wait(PATIENCE_SECONDS) == 1
        assert "already runs" in second.said()
        secret = (var / "keys" / "django-secret").read_text()
        first.process.terminate()
        first.process.wait(PATIENCE_SECONDS)
    with running(var, free_port()):
        assert (var / "keys" / "django-secret").read_text() == secret


def test_a_port_in_use_is_named(var):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        run = Run(var, taken.getsockname()[1])
        assert run.process.wait(PATIENCE_SECONDS) == 1
        assert "is in use. Choose another: make run PORT=n" in run.said()


def test_a_port_that_is_none_is_named(var):
    environment = {**os.environ, "CLEARHOLD_VAR": str(var), "PORT": "http"}
    done = subprocess.run(
        [sys.executable, "-m", "portal.embedded.run"], cwd=PROJECT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "PORT=http is no port" in done.stdout
