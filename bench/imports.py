"""Imports of a scan's report, each in a process of its own: findings a second, and its peak of memory."""

import contextlib
import json
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil

from bench.figures import Figure, figure

ROOT = Path(__file__).resolve().parents[1]
LEAST_PER_SECOND = 5_000
LEVELS = ("error", "warning", "note")
WORDS = "The value of field {} is used without a check in a query that reaches student records."


def measure(
    found: list[Figure], var: Path, *, slug: str, email: str, sizes: tuple[int, ...] = (10_000, 100_000)
) -> None:
    """Append the rate at each size, and how the memory of the largest compares with that of the smallest."""
    peaks, readers = [], []
    for size in sizes:
        path = var / f"import-{size}.sarif"
        report(path, size)
        rate, peak, reader = one(path, slug, email)
        path.unlink()
        peaks.append(peak)
        readers.append(reader)
        found.append(figure(f"import of {size:,} findings", rate, "findings/s", limit=LEAST_PER_SECOND, least=True))
    grown = f"{sizes[-1]:,} against {sizes[0]:,}"
    for name, each in (("an import", peaks), ("its reader", readers)):
        found.append(figure(f"peak memory of {name}, {grown}", each[-1], "MB", reference=each[0], limit=1.3))


def report(path: Path, count: int) -> None:
    """A SARIF report of `count` results in as many files."""
    with path.open("w") as file:
        file.write('{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"bench ' + str(count) + '"}},"results":[')
        for number in range(count):
            place = {
                "artifactLocation": {"uri": f"src/module{number % 997}/file{number}.py"},
                "region": {"startLine": number % 500 + 1},
            }
            result = {
                "ruleId": "R1",
                "level": LEVELS[number % 3],
                "message": {"text": WORDS.format(number)},
                "locations": [{"physicalLocation": place}],
            }
            file.write(("," if number else "") + json.dumps(result))
        file.write("]}]}")


def one(path: Path, slug: str, email: str) -> tuple[float, float, float]:
    """Findings a second, and the peak megabytes of the importing process and of its reader."""
    words = [sys.executable, "-m", "bench.imports", str(path), slug, email]
    done = json.loads(subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout)
    return done["rows"] / done["seconds"], done["peak_mb"], done["reader_mb"]


def main(path: str, slug: str, email: str) -> None:
    import django

    django.setup()
    from django.db import transaction

    from evidence import tenancy
    from evidence.actors import Actor
    from evidence.organizations.models import Organization
    from portal.accounts.models import Account
    from remediation.importers import services

    organization, account = Organization.objects.get(slug=slug), Account.objects.get(email=email)
    watch = Watch()
    begin = time.perf_counter()
    with Path(path).open("rb") as file, transaction.atomic(), tenancy.entered(organization.pk, account.person_id):
        actor = Actor(organization.pk, account.pk, account.person_id, via="job", rights=account)
        _, counts = services.run_import(file, actor=actor, name=Path(path).name)
    seconds = time.perf_counter() - begin
    print(
        json.dumps(
            {"rows": counts.outcomes["created"], "seconds": seconds, "peak_mb": peak_mb(), "reader_mb": watch.peak}
        )
    )


class Watch(threading.Thread):
    """Looks at the children's own peaks while they live."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = 0.0
        self.start()

    def run(self) -> None:
        while True:
            for child in psutil.Process().children():
                with contextlib.suppress(psutil.Error, OSError, TypeError):
                    self.peak = max(self.peak, peak_mb(child.pid))
            time.sleep(0.05)


def peak_mb(pid: int | str = "self") -> float:
    """A process' own peak; what `getrusage` says on Linux may be that of the process it was started from."""
    status = Path(f"/proc/{pid}/status")
    if status.exists():
        return int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1]) / 1024
    return psutil.Process(None if pid == "self" else int(pid)).memory_info().rss / 2**20


if __name__ == "__main__":
    main(*sys.argv[1:])
