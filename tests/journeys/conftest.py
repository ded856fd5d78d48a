"""The whole installation on a database of its own: web, worker, sequencer and scheduler, as `make run` starts them."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import pytest

from portal.embedded import run
from tests.serving import ROOT, Portal

# Its bells ring apart from those of other tests on the same Valkey.
BELLS = "/9"


@pytest.fixture
def installation(served: Portal) -> Iterator[Portal]:
    environment = served.environment | {
        "REDIS_URL": urlunsplit(urlsplit(served.environment["REDIS_URL"])._replace(path=BELLS)),
        "PYTHONPATH": str(ROOT),
    }
    started = []
    try:
        with (served.var / "others.log").open("wb") as log:
            for name, words in run.programs(0).items():
                if name != "web":
                    # A test run that is killed takes them with it.
                    started.append(subprocess.Popen(
                        words, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True,
                        preexec_fn=run.Supervisor(served.var)._die_with_parent,
                    ))  # fmt: skip
        yield served
    finally:
        for process in started:
            process.terminate()
        for process in started:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(5)


@pytest.fixture(autouse=True)
def bells(monkeypatch, request) -> None:
    """The web server of the installation rings the same bells as its worker."""
    from tests import serving

    before = serving.subprocess.Popen

    def popen(words, **options):
        given = options.get("env")
        if given and "gunicorn" in words and words[0] == sys.executable:
            options["env"] = given | {"REDIS_URL": urlunsplit(urlsplit(given["REDIS_URL"])._replace(path=BELLS))}
        return before(words, **options)

    monkeypatch.setattr(serving.subprocess, "Popen", popen)
