"""gunicorn with two workers, and the CPU they spend on a request."""

import http.client
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
from django.contrib.sessions.backends.db import SessionStore

from evidence import clock

ROOT = Path(__file__).resolve().parents[1]


class Server:
    """The web server of the bench: `cpu_ms` is what matters, wall time on a shared machine is not."""

    def __init__(self, log: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "bench.settings"}
        self._log = log.open("w")
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "gunicorn",
                "--config",
                "deploy/gunicorn.py",
                "--bind",
                f"127.0.0.1:{self.port}",
                "--workers",
                "2",
                "portal.wsgi:application",
            ],
            cwd=ROOT,
            env=environment,
            stdout=self._log,
            stderr=self._log,
        )
        self._wait()
        self.workers = psutil.Process(self._process.pid).children()

    def _wait(self) -> None:
        for _ in range(300):
            try:
                if self.get("/healthz", {})[0] == 200:
                    return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("the server did not start; see its log")

    def get(self, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", path, headers={"Host": "127.0.0.1", **headers})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, body

    def cpu_ms(self, path: str, headers: dict[str, str], times: int = 60) -> float:
        """CPU milliseconds of the workers for one request, mean over `times`."""
        before = self._cpu()
        for _ in range(times):
            status, body = self.get(path, headers)
            if status != 200:
                raise RuntimeError(f"{path} answered {status}: {body[:300]!r}")
        return (self._cpu() - before) * 1000 / times

    def _cpu(self) -> float:
        return sum(sum(worker.cpu_times()[:2]) for worker in self.workers)

    def peak_mb(self) -> float:
        return max(peak_mb(worker.pid) for worker in self.workers)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)
        self._log.close()


def peak_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return psutil.Process(pid).memory_info().rss / 2**20


def session(account: object) -> dict[str, str]:
    """The cookie of a signed-in browser."""
    store = SessionStore()
    moment = clock.now().isoformat()
    store.update(
        {
            "_auth_user_id": str(account.pk),
            "_auth_user_backend": "portal.accounts.backend.RoleBackend",
            "_auth_user_hash": account.get_session_auth_hash(),
            "started_at": moment,
            "seen_at": moment,
            "authenticated_at": moment,
        }
    )
    store.save()
    return {"Cookie": f"sessionid={store.session_key}"}
