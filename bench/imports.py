"""Imports of a scan's report, each in a process of its own: findings a second, and its peak of memory."""

import json
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

from bench.figures import Figure, figure

ROOT = Path(__file__).resolve().parents[1]
LEAST_PER_SECOND = 5_000
LEVELS = ("error", "warning", "note")
WORDS = "The value of field {} is used without a check in a query that reaches student records."


def measure(
    found: list[Figure], var: Path, *, slug: str, email: str, sizes: tuple[int, ...] = (10_000, 100_000)
) -> None:
    """Append the rate at each size, and how the memory of the largest compares with that of the smallest."""
    peaks = []
    for size in sizes:
        path = var / f"import-{size}.sarif"
        report(path, size)
        rate, peak = one(path, slug, email)
        path.unlink()
        peaks.append(peak)
        found.append(figure(f"import of {size:,} findings", rate, "findings/s", limit=LEAST_PER_SECOND, least=True))
    found.append(
        figure(
            f"peak memory of an import, {sizes[-1]:,} against {sizes[0]:,}",
            peaks[-1],
            "MB",
            reference=peaks[0],
            limit=1.3,
        )
    )


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


def one(path: Path, slug: str, email: str) -> tuple[float, float]:
    """Findings a second and peak megabytes (of the importing process; its reader has limits of its own)."""
    words = [sys.executable, "-m", "bench.imports", str(path), slug, email]
    done = json.loads(subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout)
    return done["rows"] / done["seconds"], done["peak_mb"]


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
    begin = time.perf_counter()
    with Path(path).open("rb") as file, transaction.atomic(), tenancy.entered(organization.pk, account.person_id):
        actor = Actor(organization.pk, account.pk, account.person_id, via="job", rights=account)
        _, counts = services.run_import(file, actor=actor, name=Path(path).name)
    seconds = time.perf_counter() - begin
    print(json.dumps({"rows": counts.outcomes["created"], "seconds": seconds, "peak_mb": peak_mb()}))


def peak_mb() -> float:
    """This process' own peak; what `getrusage` says on Linux may be that of the process it was started from."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 / 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
