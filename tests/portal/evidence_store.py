"""A store of the test's own, and what lies in it."""

from pathlib import Path

from django.conf import settings


def stored_files() -> list[Path]:
    return [path for path in Path(settings.CLEARHOLD_BLOBS_DIR).rglob("*") if path.is_file()]
