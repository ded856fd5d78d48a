"""The other forms of a package, made from its snapshot alone: plan of action, results, register, evidence index.

The same snapshot gives the same bytes, so each form stands in the manifest by its hash.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from portal.packages import outlines, plan, register
from portal.packages.snapshot import Exhibit, Made, Snapshot
from remediation.poam import cells, oscal, rows, workbook
from remediation.poam.workbook import About, Sheet

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
    wanted = outlines.BY_KEY[snapshot.template.key].forms
    whole = plan.plan(snapshot)
    makers: dict[str, Callable[[], bytes]] = {
        "register.csv": lambda: register.rows(snapshot),
        "register.xlsx": lambda: _workbook(_about_register(snapshot), [register.sheet(snapshot)]),
        "evidence-index.csv": lambda: _csv(EVIDENCE, map(_exhibit, snapshot.exhibits)),
        "poam.xlsx": lambda: _workbook(rows.about(whole), rows.sheets(whole)),
        "assessment-results.json": lambda: "".join(oscal.results(whole)).encode(),
    }
    if whole.items:
        makers["poam.json"] = lambda: "".join(oscal.poam(whole)).encode()
    return [
        Made(form.path, makers[form.path](), form.media_type, "Data", form.title)
        for form in FORMS
        if form.path in makers and form.path in wanted
    ]


def _about_register(snapshot: Snapshot) -> About:
    identity = snapshot.identity
    return About(
        f"Findings register of {identity.ref} issue {identity.issue}",
        snapshot.engagement.title,
        snapshot.organization.name,
        identity.as_of,
    )


def _workbook(about: About, sheets: Iterable[Sheet]) -> bytes:
    out = io.BytesIO()
    workbook.write(out, about, sheets)
    return out.getvalue()


def _csv(columns: Iterable[str], lines: Iterable[Iterable[Any]]) -> bytes:
    return (MARK + "".join(table(columns, lines))).encode()


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
