"""How fast an import is, and that its memory doesn't grow with the file. Figures of `make bench` come from bench/."""

import json
import resource
import time

import pytest
from django.db import transaction

from evidence import tenancy
from evidence.organizations.models import Organization
from remediation.findings.models import Finding
from remediation.importers import services
from tests.people import hire

LEAST_PER_SECOND = 5_000


def write_sarif(path, count: int, tool: str = "Speed") -> None:
    with path.open("w") as file:
        file.write(
            '{"version":"2.1.0","runs":[{"tool":{"driver":{"name":'
            + json.dumps(tool)
            + ',"rules":[{"id":"R1","shortDescription":{"text":"Rule one"}}]}},"results":['
        )
        for number in range(count):
            result = {
                "ruleId": "R1",
                "level": ("error", "warning", "note")[number % 3],
                "message": {
                    "text": f"The value of field {number} is used without a check in a query that reaches student records."
                },
                "locations": [
                    {
                        "physicalLocation": {
                            "artifactLocation": {"uri": f"src/module{number % 997}/file{number}.py"},
                            "region": {"startLine": number % 500 + 1},
                        }
                    }
                ],
            }
            file.write(("," if number else "") + json.dumps(result))
        file.write("]}]}")


@pytest.mark.slow
def test_an_import_reaches_its_speed_and_its_memory_stays_flat(own_database, tmp_path):
    organization = Organization.objects.create(slug="speed", name="Speed")
    with transaction.atomic(), tenancy.entered(organization.pk):
        maya = hire(organization).maya
    peaks = []
    for count in (10_000, 100_000):
        path = tmp_path / f"{count}.sarif"
        write_sarif(path, count, f"Speed {count}")
        start, work = time.perf_counter(), time.process_time()
        with transaction.atomic(), tenancy.entered(organization.pk), path.open("rb") as file:
            _, counts = services.run_import(file, actor=maya, name=path.name)
        seconds, work = time.perf_counter() - start, time.process_time() - work
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        print(f"{count:,} findings: {seconds:.1f} s, {count / seconds:,.0f} a second, peak {peaks[-1] // 1024} MB")
        assert counts.outcomes["created"] == count
        # Of this process's own work, which no neighbour slows down.
        assert count / work >= LEAST_PER_SECOND / 5, f"{work:.0f} s of work"
    with transaction.atomic(), tenancy.entered(organization.pk):
        assert Finding.objects.count() == 110_000
        start = time.perf_counter()
        with (tmp_path / "100000.sarif").open("rb") as file:
            _, counts = services.run_import(file, actor=maya)
        print(f"again: {100_000 / (time.perf_counter() - start):,.0f} a second")
        assert counts.outcomes["unchanged"] == 100_000
    assert peaks[1] < peaks[0] * 1.4
