"""The limits of a process that sets packages, and what it used of them."""

import resource
import sys
from pathlib import Path


def limit(memory_bytes: int, cpu_seconds: int) -> list[str]:
    """Bind this process; what could not be bound, in words."""
    refused = []
    for kind, amount in ((resource.RLIMIT_AS, memory_bytes), (resource.RLIMIT_CPU, cpu_seconds)):
        hard = resource.getrlimit(kind)[1]
        bound = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
        try:
            resource.setrlimit(kind, (bound, hard))
        except (ValueError, OSError) as error:  # macOS knows the limit on address space but does not take it
            refused.append(f"a limit could not be set: {error}")
    return refused


def mapped_bytes() -> int:
    """The address space this process has now; 0 where the system does not tell, which takes no limit on it either."""
    told = Path("/proc/self/statm")
    return int(told.read_text().split()[0]) * resource.getpagesize() if told.exists() else 0


def peak_bytes() -> int:
    # What getrusage tells on Linux begins with the peak of the process that started this one.
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    told = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return told if sys.platform == "darwin" else told * 1024
