"""gunicorn's settings for a server whose next worker dies at the place that a file names; the one after it lives.

A new worker is a fork of a loaded master, so a round of a test costs a moment instead of the start of a server.
"""

import importlib
import os
import runpy
from pathlib import Path
from typing import Any

globals().update(
    {name: value for name, value in runpy.run_path("deploy/gunicorn.py").items() if not name.startswith("__")}
)


def post_fork(server: Any, worker: Any) -> None:
    from evidence import crashing

    order = Path(os.environ["CLEARHOLD_VAR"]) / "crash-at"
    os.environ["CRASH_AT"] = order.read_text() if order.exists() else ""
    order.unlink(missing_ok=True)
    importlib.reload(crashing)
