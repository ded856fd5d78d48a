"""A process that does one step of a package: run as `python -m portal.packages.child FOLDER STEP`, limited and without secrets.

It reads `order.json`, `STEP.step` and the files named there, writes its results beside them, and tells its parent how
far it is in lines of JSON. It has no database, no settings and no network addresses to ask.
"""

import hashlib
import json
import logging
import os
import resource
import sys
import warnings
from datetime import datetime
from pathlib import Path
from typing import Any

from portal.packages import limiting

PATIENCE = 5


def say(**facts: Any) -> None:
    sys.stdout.write(json.dumps(facts, ensure_ascii=True) + "\n")
    sys.stdout.flush()


def main(folder: Path, name: str) -> int:
    order = json.loads((folder / "order.json").read_text()) | json.loads((folder / f"{name}.step").read_text())
    # People who wait for a page come first.
    os.nice(PATIENCE)
    for refused in limiting.limit(order["memory_bytes"], order["cpu_seconds"]):
        say(warning=refused)
    stage = {"section": "Start", "row": ""}

    def report(section: str, row: str, done: int, total: int) -> None:
        stage.update(section=section, row=row)
        say(section=section, row=row, done=done, total=total)

    from portal.packages.book import SectionFailed

    try:
        say(result=_made(folder, order, report))
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


def _made(folder: Path, order: dict[str, Any], report: Any) -> dict[str, Any]:
    _settle(order.get("language", "en"))
    quiet()
    facts = TASKS[order["task"]](folder, order, report)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    own = {"peak_bytes": limiting.peak_bytes(), "cpu_seconds": usage.ru_utime + usage.ru_stime}
    return facts | {
        "peak_bytes": max(own["peak_bytes"], facts.get("peak_bytes", 0)),
        "cpu_seconds": round(own["cpu_seconds"] + facts.get("cpu_seconds", 0.0), 2),
    }


def _settle(language: str) -> None:
    """As little of Django as templates and messages ask for. English needs no catalogue, so none is looked for."""
    from django.apps import apps
    from django.conf import settings

    from portal.packages import languages

    is_source = language == languages.SOURCE
    settings.configure(
        USE_TZ=True, USE_I18N=not is_source, LANGUAGE_CODE=language, LOCALE_PATHS=[str(languages.FOLDER)]
    )
    if not is_source:
        # A catalogue is read from every app there is, so it is asked which; there are none.
        apps.populate(())


def quiet() -> None:
    warnings.filterwarnings("ignore", message="No fonts configured")
    logging.getLogger("weasyprint").addHandler(logging.NullHandler())


def _document(folder: Path, order: dict[str, Any], report: Any) -> dict[str, Any]:
    from portal.packages import documents

    return documents.print_pdf(folder, report)


def _formed(folder: Path, order: dict[str, Any], report: Any) -> dict[str, Any]:
    from portal.packages import forms, manifest, snapshot

    report("Forms", "", 0, 0)
    return {"files": forms.lay(folder, snapshot.load((folder / manifest.ROWS).read_bytes()))}


def _composed(folder: Path, order: dict[str, Any], report: Any) -> dict[str, Any]:
    from portal.packages import composing

    return composing.compose(folder, order, report)


def _painted(folder: Path, order: dict[str, Any], report: Any) -> dict[str, Any]:
    from portal.packages import shards

    limits = shards.Limits(order["shard_memory_bytes"], order["shard_cpu_seconds"])
    used = shards.paint(folder, order["shards"], order["paper"], limits, say, accent=order["accent"])
    return {"peak_bytes": used.peak_bytes, "cpu_seconds": used.cpu_seconds}


def _bound(folder: Path, order: dict[str, Any], report: Any) -> dict[str, Any]:
    from portal.packages import binding, units

    told = json.loads((folder / units.ABOUT).read_text())
    bound = [
        binding.Bound((folder / f"leaf-{place}").read_bytes, unit["row"] or unit["section"], unit["is_sub"])
        for place, unit in enumerate(json.loads((folder / units.UNITS).read_text()))
    ]
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
    pages = binding.bind(
        target,
        bound,
        enclosures,
        binding.About(**told | {"when": datetime.fromisoformat(told["when"])}),
        manifest_sha256=order["manifest_sha256"],
        report=lambda done, total: report("Binding", f"part {done + 1}", done, total),
    )
    with target.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return {"pages": pages, "sha256": sha256, "size": target.stat().st_size}


def _exhibits(folder: Path, order: dict[str, Any], report: Any) -> dict[str, Any]:
    from portal.packages.exhibits import setting

    return setting.set_volumes(folder, order, say)


TASKS = {
    "document": _document,
    "forms": _formed,
    "compose": _composed,
    "paint": _painted,
    "bind": _bound,
    "exhibits": _exhibits,
}


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
