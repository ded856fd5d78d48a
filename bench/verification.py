"""verify.py on a package of a thousand events, as an auditor runs it: a process of its own, its CPU seconds."""

import resource
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from django.db import transaction

from bench import seed
from bench.figures import Figure, figure
from evidence import clock, tenancy
from evidence.actors import Actor
from evidence.ledger import sequencer, verify
from portal.engagements import services as engagements
from remediation.findings import services as findings
from remediation.findings.models import Finding

ROOT = Path(__file__).resolve().parents[1]
EVENTS = 1_000
SCOPED = 50
LIMIT_SECONDS = 0.5


def measure(found: list[Figure], var: Path) -> None:
    """Append the CPU seconds of verify.py on a package with at least a thousand events, and what it found there."""
    path = _package(var)
    checked = verify.check(path)
    if checked.verdict or len(checked.enclosed) < EVENTS:
        raise RuntimeError(f"the package to measure with is not as it should be: {checked.told()}")
    seconds = min(cpu_seconds(path) for _ in range(5))
    name = f"verify.py on a package of {len(checked.enclosed):,} events"
    found.append(figure(name, seconds, "CPU s", limit=LIMIT_SECONDS))
    found.append(figure(f"{name}: proof", len(checked.files["events.proof"]) / 1024, "KB"))


def cpu_seconds(path: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    words = [sys.executable, "-I", str(Path(verify.__file__)), str(path)]
    done = subprocess.run(words, env={}, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"verify.py ended with {done.returncode}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _package(var: Path) -> Path:
    """A package of every second of a hundred findings, so that its events stand scattered among those of the others."""
    organization, people, _ = seed.organization("verify", 2 * SCOPED)
    manager, engineer = people["manager"], people["engineer"]
    actor = Actor(organization.pk, manager.pk, manager.person_id, name="Bea", rights=manager)
    today = clock.today()
    with transaction.atomic(), tenancy.entered(organization.pk):
        rows = list(Finding.objects.order_by("number").values_list("pk", flat=True))
        for pk in rows:
            findings.reassign(pk, actor=actor, assignee_id=engineer.person_id, reason="She knows the bucket.")
        for _ in range(EVENTS // SCOPED):
            for pk in rows:
                findings.map_to(pk, actor=actor, criteria=["CC6.1"])
        made = engagements.create(engagements.Facts("Bench", today - timedelta(days=364), today), actor=actor)
        engagements.scope(made.pk, actor=actor, findings=rows[::2])
    sequencer.run_once(organization.pk)
    target = var / "verify.pdf"
    words = ["build_package", made.ref, "--out", str(target), "--organization", organization.slug]
    subprocess.run([sys.executable, "manage.py", *words], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return target
