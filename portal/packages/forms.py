"""The other forms of a package, made from its snapshot alone: plan of action, results, register, evidence index.

The same snapshot gives the same bytes, so each form stands in the manifest by its hash.
"""

import csv
import hashlib
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from portal.packages import outlines, plan, register
from portal.packages.snapshot import Exhibit, Made, Snapshot
from remediation.poam import cells, oscal, rows, workbook
from remediation.poam.workbook import About

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV, JSON = "text/csv", "application/json"
#: Excel takes a CSV without this mark for the system's old code page; Python, R and databases know it as utf-8-sig.
MARK = "\ufeff"


@dataclass(frozen=True)
class Form:
    """A file of the package in another form, and its line for people."""

    path: str
    title: str
    note: str
    media_type: str


FORMS = (
    Form("poam.xlsx", "POA&M workbook", "31 columns, open and closed items", XLSX),
    Form("poam.json", "POA&M as OSCAL", "OSCAL 1.2.1, plan of action and milestones", JSON),
    Form("assessment-results.json", "Assessment results as OSCAL", "OSCAL 1.2.1, control runs and findings", JSON),
    Form("register.xlsx", "Findings register, workbook", "One line per finding", XLSX),
    Form("register.csv", "Findings register, CSV", "One line per finding", CSV),
    Form("evidence-index.csv", "Evidence index", "One line per exhibit, with its SHA-256", CSV),
    Form("snapshot.json", "All rows as JSON", "What every form is made from", JSON),
)
BY_PATH = {form.path: form for form in FORMS}

EVIDENCE = (
    "number", "title", "kind", "filename", "size", "sha256", "media_type", "version", "period_start", "period_end",
    "as_of", "collected_at", "collected_by", "source_system", "query", "row_count", "scan", "review", "findings",
    "controls", "attached_as", "not_attached",
)  # fmt: skip


def made(snapshot: Snapshot) -> list[Made]:
    """Every form that the template has but the rows themselves, which the manifest names first."""
    files = []
    for form, write in _writers(snapshot):
        out = io.BytesIO()
        write(out)
        files.append(Made(form.path, out.getvalue(), form.media_type, "Data", form.title))
    return files


def lay(folder: Path, snapshot: Snapshot) -> list[dict[str, Any]]:
    """The same, written into the folder piece by piece; what `Laid` says of each."""
    told = []
    for form, write in _writers(snapshot):
        place = folder / form.path
        with place.open("w+b") as out:
            write(out)
            out.seek(0)
            sha256 = hashlib.file_digest(out, "sha256").hexdigest()
        told.append({
            "path": form.path, "size": place.stat().st_size, "sha256": sha256, "media_type": form.media_type,
            "relationship": "Data", "note": form.title,
        })  # fmt: skip
    return told


def _writers(snapshot: Snapshot) -> Iterator[tuple[Form, Callable[[BinaryIO], object]]]:
    whole = plan.plan(snapshot)
    writers: dict[str, Callable[[BinaryIO], object]] = {
        "register.csv": lambda out: out.write(register.rows(snapshot)),
        "register.xlsx": lambda out: workbook.write(out, _about_register(snapshot), [register.sheet(snapshot)]),
        "evidence-index.csv": lambda out: _spill(out, (MARK, *table(EVIDENCE, map(_exhibit, snapshot.exhibits)))),
        "poam.xlsx": lambda out: workbook.write(out, rows.about(whole), rows.sheets(whole)),
        "assessment-results.json": lambda out: _spill(out, oscal.results(whole)),
    }
    if whole.items:
        writers["poam.json"] = lambda out: _spill(out, oscal.poam(whole))
    wanted = outlines.BY_KEY[snapshot.template.key].forms
    return ((form, writers[form.path]) for form in FORMS if form.path in writers and form.path in wanted)


def _spill(out: BinaryIO, pieces: Iterable[str]) -> None:
    for piece in pieces:
        out.write(piece.encode())


def _about_register(snapshot: Snapshot) -> About:
    identity = snapshot.identity
    return About(
        f"Findings register of {identity.ref} issue {identity.issue}",
        snapshot.engagement.title,
        snapshot.organization.name,
        identity.as_of,
    )


def table(columns: Iterable[str], lines: Iterable[Iterable[Any]]) -> Iterator[str]:
    """Lines of CSV, each as soon as it is made; no cell is a formula."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    for values in lines:
        writer.writerow([cells.plain(value) for value in values])
        yield text.getvalue()
        text.seek(0)
        text.truncate()
    yield text.getvalue()


def _exhibit(row: Exhibit) -> tuple[Any, ...]:
    return (
        row.number, row.title, row.kind, row.filename, row.size, row.sha256, row.media_type, row.version,
        row.period_start, row.period_end, row.as_of, row.collected_at, row.collected_by, row.source_system, row.query,
        row.row_count, row.scan, row.review, " ".join(row.findings), " ".join(row.controls),
        "" if row.not_attached else row.path, row.not_attached,
    )  # fmt: skip
