"""A package of many findings: built as the command line builds it, then its printing beside bare WeasyPrint's."""

import subprocess
import sys
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from django.db import transaction

from bench import printing, seed, signing, verification
from bench.figures import Figure, figure
from bench.server import Server, peak_mb, session
from evidence import clock, tenancy
from evidence.actors import Actor
from evidence.vault import services as vault
from portal.engagements import services as engagements
from portal.packages import shelf, snapshot
from portal.packages.models import Package

ROOT = Path(__file__).resolve().parents[1]
PEAK_MB = 300
CHANGED = 10


def measure(found: list[Figure], var: Path, size: int, *, beside_bare: bool = True) -> None:
    """Append time, peaks and pages of a package of `size` findings, and what it costs after ten of them changed."""
    organization, people, _ = seed.organization(f"package{size}", size)
    manager = people["manager"]
    today = clock.today()
    with transaction.atomic(), tenancy.entered(organization.pk):
        actor = Actor(organization.pk, manager.pk, manager.person_id, name="Bea", rights=manager)
        facts = engagements.Facts("Bench", today - timedelta(days=364), today)
        made = engagements.create(facts, actor=actor)
        engagements.scope_everything(made.pk, actor=actor)
    target = var / f"package{size}.pdf"
    words = ["build_package", made.ref, "--out", str(target), "--organization", organization.slug]
    if beside_bare:
        peak = _beside_pages(found, var, words, organization.slug, manager)
    else:
        peak = _built(subprocess.Popen([sys.executable, "manage.py", *words], cwd=ROOT, stdout=subprocess.DEVNULL))
    with transaction.atomic(), tenancy.entered(organization.pk):
        package = Package.objects.select_related("snapshot").get()
        rows = snapshot.load(b"".join(vault.open(package.snapshot)))
    name = f"package of {size:,} findings"
    found.append(figure(name, float(package.build_seconds), "s"))
    found.append(figure(f"{name}: peak of a child", package.peak_bytes / 2**20, "MB", limit=PEAK_MB))
    found.append(figure(f"{name}: peak of its parent", peak, "MB", limit=PEAK_MB))
    found.append(figure(f"{name}: size", package.pages, "pages"))
    found.append(figure(f"{name}: verify.py", verification.cpu_seconds(target), "CPU s", limit=2))
    if beside_bare:
        _printed(found, var, rows, name)


def _printed(found: list[Figure], var: Path, rows: snapshot.Snapshot, name: str) -> None:
    kept = printing.kept(var / "shelf")
    cold = printing.printing(rows, kept)
    warm = printing.printing(printing.changed(rows, CHANGED), kept)
    anew = printing.printing(rows, shelf.NOTHING_KEPT)
    if anew.sha256 != cold.sha256:
        raise RuntimeError("the same rows gave other bytes")
    bare = printing.bare_cpu_seconds(rows, var)
    found.append(figure(f"{name}: printing, against WeasyPrint", cold.cpu_seconds, "CPU s", reference=bare, limit=1.1))
    again = printing.printing(rows, kept, var / "unsigned.pdf")
    signing.measure(found, var, var / "unsigned.pdf", again.cpu_seconds, name)
    changed = f"{name}: {CHANGED} changed, against all"
    found.append(figure(changed, warm.cpu_seconds, "CPU s", reference=cold.cpu_seconds, limit=0.15))


def _beside_pages(found: list[Figure], var: Path, words: list[str], slug: str, manager: object) -> float:
    """Build it while a list is asked for; the peak of the build."""
    server = Server(var / "packages.log")
    try:
        page, cookies = f"/o/{slug}/findings", session(manager)
        before = min(server.cpu_ms(page, cookies, 30) for _ in range(3))
        building = subprocess.Popen([sys.executable, "manage.py", *words], cwd=ROOT, stdout=subprocess.DEVNULL)
        during = min(server.cpu_ms(page, cookies, 30) for _ in range(3))
        peak = _built(building)
    finally:
        server.stop()
    found.append(figure("HTML list while a package builds", during, "CPU ms", reference=before, limit=1.3))
    return peak


def _built(building: "subprocess.Popen[bytes]") -> float:
    """Wait for it; its highest memory in MB, without that of the processes it started."""
    peak = 0.0
    while building.poll() is None:
        with suppress(OSError, StopIteration):
            peak = max(peak, peak_mb(building.pid))
        time.sleep(0.2)
    if building.returncode:
        raise RuntimeError(f"build_package ended with {building.returncode}")
    return peak
