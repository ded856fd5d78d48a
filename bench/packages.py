"""A package of many findings, built as the command line builds it: its time and its peak of memory."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from django.db import transaction

from bench import seed
from bench.figures import Figure, figure
from evidence import clock, tenancy
from evidence.actors import Actor
from portal.engagements import services as engagements
from portal.packages.models import Package

ROOT = Path(__file__).resolve().parents[1]


def measure(found: list[Figure], var: Path, size: int) -> None:
    """Append the time, the peak of memory and the pages of a package of `size` findings."""
    organization, people, _ = seed.organization(f"package{size}", size)
    manager = people["manager"]
    today = clock.today()
    with transaction.atomic(), tenancy.entered(organization.pk):
        actor = Actor(organization.pk, manager.pk, manager.person_id, name="Bea", rights=manager)
        facts = engagements.Facts("Bench", today - timedelta(days=364), today)
        made = engagements.create(facts, actor=actor)
        engagements.scope_everything(made.pk, actor=actor)
    target = var / "package.pdf"
    words = ["build_package", made.ref, "--out", str(target), "--organization", organization.slug]
    subprocess.run([sys.executable, "manage.py", *words], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    with transaction.atomic(), tenancy.entered(organization.pk):
        package = Package.objects.get()
    found.append(figure(f"package of {size:,} findings", float(package.build_seconds), "s"))
    found.append(figure(f"package of {size:,} findings: peak memory", package.peak_bytes / 2**20, "MB"))
    found.append(figure(f"package of {size:,} findings: size", package.pages, "pages"))
