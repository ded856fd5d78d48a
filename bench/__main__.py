"""`make bench`: seeds an own database, measures, prints a table, writes var/bench.json."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VAR = ROOT / "var" / "bench"
SMALL, MIDDLE, LARGE = 10_000, 100_000, 1_000_000


def main() -> None:
    shutil.rmtree(VAR, ignore_errors=True)
    os.environ.update({"DJANGO_SETTINGS_MODULE": "bench.settings", "CLEARHOLD_VAR": str(VAR)})
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_AUDITOR_URL", "DATABASE_SEQUENCER_URL", "REDIS_URL"):
        os.environ.pop(name, None)
    from portal.embedded import servers

    servers.export_environment(VAR)
    os.environ["DATABASE_ADMIN_URL"] = servers.urls(VAR).database_admin_url
    begin = time.monotonic()
    manage("migrate", "--verbosity", "0")
    migrating = time.monotonic() - begin
    manage("collectstatic", "--noinput", "--verbosity", "0")

    import django

    django.setup()
    from bench import figures, run

    found = [figures.figure("migrate an empty database", migrating, "s", limit=15)]
    try:
        full = os.environ.get("BENCH_SIZE") == "full"
        run.everything(found, VAR, small=SMALL, middle=MIDDLE, large=LARGE, full=full)
    finally:
        figures.show(found)
        figures.keep(found, ROOT / "var" / "bench.json")
        servers.stop(VAR)
    sys.exit(0 if all(item.ok for item in found) else 1)


def manage(*words: str) -> None:
    subprocess.run([sys.executable, "manage.py", *words], cwd=ROOT, check=True)


main()
