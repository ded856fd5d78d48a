"""The broker, the database or a worker goes away: what was acknowledged is kept, and the portal says what is wrong."""

import contextlib
import shutil
import signal
import threading

import psutil
import pytest

from tests.faults.estate import Estate, wait

pytestmark = [pytest.mark.slow, pytest.mark.faults]

ROWS = 3


def test_without_the_broker_pages_work_and_jobs_wait_until_it_is_back(estate: Estate):
    estate.start("web", "worker", "scheduler", "sequencer")
    cookie = estate.session(estate.people.maya)
    asked = [estate.import_rows(ROWS)]
    estate.ends(asked[0])
    # It hangs: it takes connections and answers nobody.
    valkey = estate.server("Valkey")
    valkey.suspend()
    try:
        assert estate.page("/findings", cookie).status == 200
        asked.append(estate.import_rows(ROWS))
        status, parts = estate.parts()
        assert (status, parts["database"]) == (200, "ok")
        assert parts["broker"].startswith("away")
    finally:
        valkey.resume()
    estate.ends(asked[1])
    # It is gone, and its disk with it.
    with estate.without("Valkey", signal.SIGKILL):
        shutil.rmtree(estate.var / "valkey" / "appendonlydir", ignore_errors=True)
        assert estate.page("/findings", cookie).status == 200
        asked.append(estate.import_rows(ROWS))
        assert estate.parts()[1]["broker"].startswith("away")
        assert estate.job(asked[2]).state == "queued"
    # kombu 5 may stumble over its own half closed connection and end the worker, which its supervisor starts again.
    for key in asked:
        assert estate.ends(key, reviving=["worker"]).attempts == 1
    wait(lambda: estate.parts()[1]["broker"] == "ok", estate.said)
    assert (estate.findings(), estate.imports()) == (3 * ROWS, 3)
    assert estate.are_the_same("web", "scheduler", "sequencer"), estate.said()
    wait(estate.sealed, estate.said)
    estate.verify()


def test_lost_and_doubled_messages_of_the_broker_run_each_job_once(estate: Estate):
    estate.start("web")
    doubled = [estate.import_rows(ROWS) for _ in range(2)]
    for message in estate.valkey("LRANGE", "celery", "0", "-1"):
        for _ in range(3):
            estate.valkey("LPUSH", "celery", message)
    assert estate.valkey("LLEN", "celery") == 8
    estate.start("worker")
    for key in doubled:
        estate.ends(key)
    wait(lambda: estate.valkey("LLEN", "celery") == 0, estate.said)
    estate.stop("worker")
    lost = [estate.import_rows(ROWS) for _ in range(2)]
    assert estate.valkey("DEL", "celery") == 1
    estate.start("worker", "scheduler")
    for key in [*doubled, *lost]:
        assert estate.ends(key).attempts == 1
    assert (estate.findings(), estate.imports()) == (4 * ROWS, 4)


def test_a_worker_killed_in_the_middle_of_a_job_is_followed_by_another_with_one_result(estate: Estate):
    estate.start("web")
    key = estate.import_rows(ROWS)
    # The import is done and committed; only the job does not know yet.
    estate.start("worker", CRASH_AT="job.done")
    wait(lambda: estate.imports() == 1, estate.said)
    wait(lambda: not children_that_work(estate), estate.said)
    estate.stop("worker", word=signal.SIGKILL)
    assert estate.job(key).state == "running"
    estate.start("worker", "scheduler")
    estate.let_the_lease_run_out(key)
    job = estate.ends(key)
    assert (job.attempts, job.result["created"]) == (2, ROWS)
    assert (estate.findings(), estate.imports()) == (ROWS, 1)


def children_that_work(estate: Estate) -> bool:
    """Whether a child of the worker still holds the job's lease."""
    with estate.inside():
        from portal.jobs.models import Job

        names = {job.worker.rpartition(":")[2] for job in Job.objects.filter(state="running")}
    return any(psutil.pid_exists(int(name)) for name in names if name.isdigit())


def test_everything_comes_back_by_itself_when_the_database_does(estate: Estate):
    names = ("web", "worker", "scheduler", "sequencer")
    estate.start(*names)
    cookie = estate.session(estate.people.maya)
    estate.ends(estate.import_rows(ROWS))
    wait(estate.sealed, estate.said)
    # At once and without goodbye, as when its machine goes.
    with estate.without("PostgreSQL", signal.SIGQUIT):
        assert estate.ask("GET", "/healthz").status == 200
        status, parts = estate.parts()
        assert status == 503
        assert parts["database"].startswith("away")
        assert parts["broker"] == "ok"
        page = estate.page("/findings", cookie)
        assert page.status == 503
        assert b"The database does not answer" in page.body
        refused = estate.get(f"{estate.api}/findings/")
        assert (refused.status, refused.headers["Content-Type"]) == (503, "application/problem+json")
        assert "does not answer" in refused.json()["title"]
    wait(lambda: estate.page("/findings", cookie).status == 200, estate.said)
    assert estate.parts()[0] == 200
    estate.ends(estate.import_rows(ROWS))
    assert estate.findings() == 2 * ROWS
    wait(estate.sealed, estate.said)
    assert estate.are_the_same(*names), estate.said()
    estate.verify()


def test_what_was_acknowledged_before_the_database_fell_is_there_afterwards(estate: Estate):
    estate.start("web", "sequencer")
    told: list[str] = []
    over = threading.Event()

    def report() -> None:
        number = 0
        while not over.is_set():
            number += 1
            body = {
                "title": f"Gap {number}",
                "asset": "CRM",
                "detected_at": "2026-02-03T00:00:00Z",
                "source": "audit_report",
            }
            with contextlib.suppress(OSError):
                answer = estate.post(f"{estate.api}/findings/", body)
                if answer.status == 201:
                    told.append(answer.json()["ref"])

    writers = [threading.Thread(target=report) for _ in range(3)]
    for writer in writers:
        writer.start()
    try:
        for word in (signal.SIGQUIT, signal.SIGKILL):
            before = len(told)
            wait(lambda before=before: len(told) > before + 5, estate.said)
            with estate.without("PostgreSQL", word):
                pass
        before = len(told)
        wait(lambda: len(told) > before + 5, estate.said)
    finally:
        over.set()
        for writer in writers:
            writer.join()
    with estate.inside():
        from remediation.findings.models import Finding

        kept = list(Finding.objects.values_list("ref", flat=True))
    assert len(kept) == len(set(kept))
    assert set(told) <= set(kept)
    wait(estate.sealed, estate.said)
    estate.verify()
