"""`make run` brings back whatever dies under it, and loses nothing on the way."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from portal.embedded import servers
from tests.faults.estate import seed
from tests.portal.embedded.test_run import PATIENCE_SECONDS, Run, free_port, running

pytestmark = [pytest.mark.slow, pytest.mark.faults]


@pytest.fixture
def var(django_db_setup) -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="clearhold-", dir="/tmp"))
    subprocess.run(["cp", "-a", str(seed()), str(home / "var")], check=True)
    # As if the sample had been loaded and removed: this story is about processes.
    (home / "var" / "sample.txt").touch()
    yield home / "var"
    servers.stop(home / "var")
    shutil.rmtree(home, ignore_errors=True)


def parts(port: int) -> dict[str, str]:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("GET", "/readyz")
        found: dict[str, str] = json.loads(connection.getresponse().read())["parts"]
        return found


def state(var: Path) -> dict:
    return servers._state(servers.Places(var.resolve()))


def child(run: Run, word: str) -> psutil.Process:
    [found] = [one for one in psutil.Process(run.process.pid).children() if word in one.cmdline()]
    return found


def comes_true(run: Run, true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, http.client.HTTPException, psutil.Error, KeyError, ValueError):
            if true():
                return
        time.sleep(0.2)
    pytest.fail(run.said()[-4000:])


def test_whatever_dies_comes_back(var):
    port = free_port()
    with running(var, port) as run:
        for name, word in (("worker", "celery"), ("sequencer", "sequencer"), ("scheduler", "scheduler")):
            dead = child(run, word).pid
            os.killpg(dead, signal.SIGKILL)
            comes_true(run, lambda word=word, dead=dead: child(run, word).pid != dead)
            assert f"{name} ended (-9); starting it again" in run.said()
        for name in ("PostgreSQL", "Valkey"):
            dead = state(var)["servers"][name]
            psutil.Process(dead).kill()
            comes_true(run, lambda name=name, dead=dead: state(var)["servers"][name] != dead)
            comes_true(run, lambda: set(parts(port).values()) == {"ok"})
        # With the keeper both servers go.
        dead = state(var)["keeper"]
        psutil.Process(dead).kill()
        comes_true(run, lambda: state(var)["keeper"] != dead and servers.running(var))
        comes_true(run, lambda: set(parts(port).values()) == {"ok"})
        assert "The embedded servers are gone; starting them again." in run.said()
