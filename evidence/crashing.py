"""Die at a named place when a test asks for it, as a machine without power would; does nothing in ordinary life.

`CRASH_AT=upload.sealed` ends the process with SIGKILL where `point("upload.sealed")` stands, `CRASH_AT=upload.sealed:3`
at its third passing in that process. Nothing is caught, closed or rolled back: what is on disk and in the database is
what a restart finds (SECURITY.md section 6).
"""

import os
import signal
from itertools import count

VARIABLE = "CRASH_AT"

_wanted, _, _number = os.environ.get(VARIABLE, "").partition(":")
_passing = int(_number or "1")
_passed = count(1)


def point(name: str) -> None:
    """Where the process may be killed. Unless the environment names this place, it is one comparison."""
    if name == _wanted and next(_passed) == _passing:
        os.kill(os.getpid(), signal.SIGKILL)
