"""The process that sets one package: run as `python -m portal.packages.child FOLDER STEP`, limited and without secrets.

It reads `order.json`, `STEP.step` and the files named there, writes a PDF beside them, and tells its parent how far it is in lines of
JSON. It has no database, no settings and no network addresses to ask.
"""

import hashlib
import json
import logging
import resource
import sys
import warnings
from datetime import datetime
from pathlib import Path
from typing import Any


def say(**facts: Any) -> None:
    sys.stdout.write(json.dumps(facts, ensure_ascii=True) + "\n")
    sys.stdout.flush()


def limit(memory_bytes: int, cpu_seconds: int) -> None:
    for kind, amount in ((resource.RLIMIT_AS, memory_bytes), (resource.RLIMIT_CPU, cpu_seconds)):
        hard = resource.getrlimit(kind)[1]
        bound = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
        try:
            resource.setrlimit(kind, (bound, hard))
        except (ValueError, OSError) as error:  # macOS knows the limit on address space but does not take it
            say(warning=f"a limit could not be set: {error}")


def main(folder: Path, name: str) -> int:
    order = json.loads((folder / "order.json").read_text()) | json.loads((folder / f"{name}.step").read_text())
    limit(order["memory_bytes"], order["cpu_seconds"])
    stage = {"section": "Start", "row": ""}

    def report(section: str, row: str, done: int, total: int) -> None:
        stage.update(section=section, row=row)
        say(section=section, row=row, done=done, total=total)

    from portal.packages.book import SectionFailed

    try:
        say(result=_made(folder, name, order, report))
    except SectionFailed as failure:
        say(failed={"section": failure.section, "row": failure.row, "cause": failure.cause})
    except MemoryError:
        mebibytes = order["memory_bytes"] >> 20
        say(failed=stage | {"cause": f"more than {mebibytes} MiB of memory were needed"})
    except BaseException as error:
        say(failed=stage | {"cause": f"{type(error).__name__}: {error}"[:600]})
    else:
        return 0
    return 1


def _made(folder: Path, name: str, order: dict[str, Any], report: Any) -> dict[str, Any]:
    from django.conf import settings

    settings.configure(USE_I18N=False, USE_TZ=True)
    facts: dict[str, Any] = {}
    if order["task"] == "document":
        from portal.packages import documents

        quiet()
        facts |= documents.print_pdf(folder, report)
    elif order["task"] == "bind":
        facts |= _bound(folder, [folder / source for source in order["sources"]], order, report)
    else:
        facts |= _printed(folder, name, order, report)
        if order["task"] == "whole":
            facts |= _bound(folder, [folder / f"{name}.pdf"], order, report)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return facts | {
        "peak_bytes": _peak_bytes(usage.ru_maxrss),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
    }


def _peak_bytes(told: int) -> int:
    # What getrusage tells on Linux begins with the peak of the process that started this one.
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return told if sys.platform == "darwin" else told * 1024


def quiet() -> None:
    warnings.filterwarnings("ignore", message="No fonts configured")
    logging.getLogger("weasyprint").addHandler(logging.NullHandler())


def _printed(folder: Path, name: str, order: dict[str, Any], report: Any) -> dict[str, Any]:
    quiet()

    from portal.packages import press, snapshot
    from portal.packages.edition import Edition
    from portal.packages.parts import Part

    rows = (folder / "snapshot.json").read_bytes()
    told = order.get("part")
    findings = told and told["findings"]
    part = Part(told["name"], told["is_front"], tuple(findings) if findings else None) if told else None
    edition = Edition(
        snapshot=snapshot.load(rows),
        manifest_sha256=order["manifest_sha256"],
        snapshot_sha256=snapshot.digest(rows),
        paper=order["paper"],
        attachments=tuple((path, sha256) for path, sha256 in order["attachments"]),
        part=part,
        numbers=order.get("numbers", {}),
    )
    pages, anchors = press.print_pdf(edition, folder / f"{name}.pdf", report)
    return {"pages": pages, "anchors": anchors if part else {}}


def _bound(folder: Path, sources: list[Path], order: dict[str, Any], report: Any) -> dict[str, Any]:
    from portal.packages import binding, merging

    body, facts = sources[0], {}
    if len(sources) > 1:
        report("Merging", f"{len(sources)} parts", 0, 0)
        body = folder / "body.pdf"
        facts["pages"] = merging.merge(sources, body)
    report("Attachments", "", 0, 0)
    enclosures = (
        binding.Enclosure(
            path=item["path"],
            source=folder / item["source"],
            media_type=item["media_type"],
            relationship=item["relationship"],
            description=item["description"],
            dated=datetime.fromisoformat(item["dated"]),
        )
        for item in order["enclosures"]
    )
    target = folder / "package.pdf"
    binding.bind(body, target, enclosures, manifest_sha256=order["manifest_sha256"])
    with target.open("rb") as file:
        facts["sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
    return facts | {"size": target.stat().st_size}


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
