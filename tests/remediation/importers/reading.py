"""Reads a file as the importers do, and sums it up."""

import io
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from remediation.importers.reader.child import look_at
from remediation.importers.reader.formats import Options, chosen
from remediation.importers.reader.json_stream import guard
from remediation.importers.reader.records import Ignored, Reading, Record, RowError, Scanned
from remediation.importers.reader.source import Source
from remediation.importers.sandbox import Reader

SAMPLES = Path(__file__).resolve().parents[2] / "samples" / "imports"


@dataclass
class Read:
    format: str = ""
    readings: list[Reading] = field(default_factory=list)
    ignored: Counter = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    scanned: list[Scanned] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return len(self.readings)

    @property
    def merged(self) -> int:
        return len(self.readings) - len({each.fingerprint for each in self.readings})

    @property
    def severities(self) -> Counter:
        return Counter(each.severity for each in self.readings)


def read(what: Path | bytes | str, name: str = "", **options) -> Read:
    """Read a path, a sample's name, or bytes."""
    if isinstance(what, str):
        what = SAMPLES / what
    if isinstance(what, Path):
        with what.open("rb") as file:
            return _read(file, name or what.name, options)
    with tempfile.TemporaryFile() as file:
        file.write(what)
        file.flush()
        return _read(file, name, options)


def read_here(path: Path) -> Read:
    """The same without a child process, for many files."""
    found = Read()
    with path.open("rb") as file:
        source = Source(file, path.name)
        sample = look_at(source)
        fmt = chosen(source, sample, None)
        if sample.kind == "json":
            guard(source)
        found.format = fmt.name
        _sort(found, fmt.read(source, Options()))
    return found


def _read(file: io.BufferedIOBase, name: str, options: dict) -> Read:
    found = Read()
    with Reader(file, name=name, **options) as reader:
        found.format = reader.format
        _sort(found, reader)
    return found


def _sort(found: Read, records: Iterable[Record]) -> None:
    for record in records:
        match record:
            case Reading():
                found.readings.append(record)
            case Ignored():
                found.ignored[record.reason] += 1
            case RowError():
                found.errors.append(record.message)
            case Scanned():
                found.scanned.append(record)
