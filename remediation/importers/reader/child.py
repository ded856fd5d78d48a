"""The process that reads: limits itself, finds the format, streams records to its parent, and ends with a summary.

It gets the file as its standard input and one line of JSON as its argument; it opens no other file and no socket.
A frame is a 4-byte length and that much JSON. It trusts the file in nothing; the parent trusts it in nothing either.
"""

import gc
import json
import os
import resource
import struct
import sys
from typing import Any, BinaryIO

from . import columns, foreign, limits, tables
from .formats import Options, Sample, chosen
from .json_stream import guard, outline
from .records import RowError, packed
from .refusals import NotReadable, Refusal
from .source import Source, limit_memory

BATCH = 400


def main() -> None:
    asked = json.loads(sys.argv[1])
    _limit()
    # Records hold no cycles, and looking for some takes a tenth of the time.
    gc.disable()
    out = os.fdopen(int(asked["out"]), "wb", buffering=0)
    try:
        _work(asked, out)
    except Refusal as refusal:
        _send(out, {"refused": refusal.kind, "message": refusal.message, "code": refusal.code, "row": refusal.row})
    except (MemoryError, RecursionError):
        _send(
            out,
            {
                "refused": "too_large",
                "code": "memory",
                "row": None,
                "message": f"Reading the file needs more than the {limits.MEMORY_BYTES // limits.MB} MB that an import may use. "
                "A single result or cell in it is far too large: check the export, or split the file.",
            },
        )


def _work(asked: dict[str, Any], out: BinaryIO) -> None:
    source = Source(os.fdopen(0, "rb", buffering=0), str(asked.get("name", "")))
    sample = look_at(source)
    fmt = chosen(source, sample, asked.get("format"))
    if sample.kind == "json":
        guard(source)
    _send(out, {"format": fmt.name, "header": list(sample.columns)[:100]})
    options = Options(mapping=asked.get("mapping") or {}, date_order=asked.get("date_order") or "")
    batch: list[Any] = []
    errors = 0
    for record in fmt.read(source, options):
        batch.append(packed(record))
        if len(batch) >= BATCH:
            _send(out, {"records": batch})
            batch = []
        if isinstance(record, RowError):
            errors += 1
            if errors >= limits.ROW_ERRORS:
                break
    if batch:
        _send(out, {"records": batch})
    _send(out, {"end": True, "stopped": errors >= limits.ROW_ERRORS})


def look_at(source: Source) -> Sample:
    """What detection needs; refuses files that are plainly something else."""
    foreign.refuse_bytes(source)
    if source.looks_like_json and not source.is_zip:
        sample = Sample(name=source.name, head=source.head[:4096], outline=outline(source.head), kind="json")
    elif tables.is_table(source):
        shown = tuple(tables.header(source))
        names = tuple(columns.plain(name) for name in shown)
        sample = Sample(
            name=source.name, head=source.head[:4096], header=names, kind="xlsx" if source.is_zip else "csv"
        )
    else:
        raise NotReadable("Importers read JSON, CSV and XLSX; this file is none of them.", code="format_not_recognised")
    foreign.refuse_sample(sample)
    return sample


def _limit() -> None:
    """Address space and processor time of this process alone. Where a limit is unknown (macOS), `check_memory` stands in."""
    wanted = (
        ("RLIMIT_AS", limits.MEMORY_BYTES * 2),
        ("RLIMIT_CPU", limits.CPU_SECONDS),
        ("RLIMIT_FSIZE", 0),
        ("RLIMIT_CORE", 0),
        ("RLIMIT_NOFILE", 64),
    )
    for name, value in wanted:
        try:
            which = getattr(resource, name)
            hard = resource.getrlimit(which)[1]
            ceiling = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(which, (ceiling, ceiling))
        except (AttributeError, ValueError, OSError):
            continue
    limit_memory(limits.MEMORY_BYTES)


def _send(out: BinaryIO, frame: dict[str, Any]) -> None:
    data = json.dumps(frame, ensure_ascii=True, separators=(",", ":")).encode()
    view = memoryview(struct.pack(">I", len(data)) + data)
    while view:
        view = view[out.write(view) :]
