"""Processes that may die in the middle of an act: Django is loaded once, and every act gets a fresh fork of it.

Run as `python -m tests.faults.mortals` it takes an order a line and forks; a fork has connections of its own, dies of
`CRASH_AT` as any process would, and can't tell anybody what it had in mind.
"""

import importlib
import json
import os
import select
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 180.0


@dataclass(frozen=True)
class Ending:
    """How an act ended: by a signal, or with what it returned."""

    signal: int
    result: Any = None

    @property
    def was_killed(self) -> bool:
        return self.signal == signal.SIGKILL


class Mortals:
    """The test's end: gives orders, and waits for the ending."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.mortals"],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        self._log = log

    def do(self, act: str, *, database: str, var: Path, crash_at: str = "", **args: Any) -> Ending:
        order = {"act": act, "database": database, "var": str(var), "crash_at": crash_at, "args": args}
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(order, default=str).encode() + b"\n")
        self._process.stdin.flush()
        ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE_SECONDS)
        line = self._process.stdout.readline() if ready else b""
        if not line:
            self.close()
            raise AssertionError(f"{act} did not end: {self._log.read_text()[-3000:]}")
        told = json.loads(line)
        assert "fault" not in told, f"{act} failed: {told['fault']}"
        return Ending(told["signal"], told.get("result"))

    def close(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()


# --- the other end ----------------------------------------------------------------------------------------------------


def seal(organization: str) -> Any:
    """How many events were sealed, or why none could be."""
    from evidence.ledger import sequencer

    return _asked_of_the_signer(sequencer.run_once, organization)


def inspect(organization: str) -> Any:
    """The look that the sequencer takes when nothing waits."""
    from evidence.ledger import sequencer

    return _asked_of_the_signer(sequencer.inspect, organization)


def _asked_of_the_signer(act: Callable[[Any], Any], organization: str) -> Any:
    from uuid import UUID

    from evidence.ledger.signer import SignerRefused

    try:
        return act(UUID(organization))
    except SignerRefused as refusal:
        return ["refused", refusal.kind]
    except OSError as fault:
        return ["failed", fault.strerror]


def run_sequencer(rounds: int) -> str:
    """The sequencer's own loop for so many looks; what it wrote into its log."""
    import io
    import logging
    from itertools import count

    from evidence.ledger import sequencer

    told = io.StringIO()
    sequencer.log.addHandler(logging.StreamHandler(told))
    looked = count()
    sequencer.run_forever(lambda: next(looked) >= rounds)
    return told.getvalue()


def page(slug: str, account: str, path: str) -> list[Any]:
    """A page as somebody who is signed in sees it; status and text."""
    from django.test import Client

    from portal.accounts.models import Account

    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(Account.objects.get(pk=account), backend="portal.accounts.backend.RoleBackend")
    answer = client.get(f"/o/{slug}/{path}")
    return [answer.status_code, answer.content.decode()]


def record(organization: str, count: int) -> list[str]:
    """Events, committed one by one: each is acknowledged once its id is returned."""
    from uuid import UUID

    from django.db import transaction

    from evidence import tenancy
    from evidence.actors import Actor
    from evidence.identifiers import uuid7
    from evidence.ledger import services
    from evidence.ledger.events import Event

    actor, made = Actor.system(UUID(organization), "tests"), []
    for _ in range(count):
        with transaction.atomic(), tenancy.entered(actor.organization_id):
            subject = services.Subject("tests.thing", uuid7(), "X-001")
            made.append(str(services.record(Event("thing.made", "it was made"), subject=subject, actor=actor).id))
    return made


def vote(slug: str, account: str, request: str, sha256: str, verdict: str = "approve") -> list[Any]:
    """A decision as a browser's session sends it, through every middleware; status and body of the answer."""
    from django.test import Client

    from portal.accounts.models import Account

    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(Account.objects.get(pk=account), backend="portal.accounts.backend.RoleBackend")
    body = {"verdict": verdict, "reason": "The retest shows it works.", "content_sha256": sha256}
    path = f"/api/v1/organizations/{slug}/approvals/{request}/decide/"
    answer = client.post(path, body, content_type="application/json")
    return [answer.status_code, answer.json()]


def work(job: str, kind: str) -> str:
    """What a worker does when the bell rings."""
    from portal.celery import app, load_jobs

    load_jobs()
    return str(app.tasks[kind].perform(job))


ACTS: dict[str, Callable[..., Any]] = {
    act.__name__: act for act in (seal, inspect, run_sequencer, record, vote, page, work)
}


def _settle_in(order: dict[str, Any]) -> None:
    from django.conf import settings
    from django.db import connections

    from evidence import crashing

    for alias in settings.DATABASES:
        connections.settings[alias]["NAME"] = order["database"]
    for name in ("BLOBS", "KEYS", "SIGNER", "WORK"):
        setattr(settings, f"CLEARHOLD_{name}_DIR", Path(order["var"]) / name.lower())
    os.environ[crashing.VARIABLE] = order["crash_at"]
    importlib.reload(crashing)


def _live(order: dict[str, Any], end: int) -> None:
    told: dict[str, Any] = {}
    try:
        _settle_in(order)
        told["result"] = ACTS[order["act"]](**order["args"])
    except BaseException:  # the test reads it
        told["fault"] = traceback.format_exc()
    with open(end, "wb") as file:
        file.write(json.dumps(told, default=str).encode())
    os._exit(0)


def _give_birth(order: dict[str, Any]) -> dict[str, Any]:
    begin, end = os.pipe()
    number = os.fork()
    if number == 0:
        os.close(begin)
        _live(order, end)
    os.close(end)
    with open(begin, "rb") as file:
        told = file.read()
    _, status = os.waitpid(number, 0)
    ended_by = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    return {"signal": ended_by, **(json.loads(told) if told and not ended_by else {})}


def main() -> None:
    import django

    # What an act prints must not reach whoever reads the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    django.setup()
    importlib.import_module("portal.urls")
    importlib.import_module("portal.celery").load_jobs()
    for line in sys.stdin.buffer:
        answers.write(json.dumps(_give_birth(json.loads(line))).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    main()
