"""The other forms of a package say what its PDF says."""

import csv
import io
import json
from pathlib import Path

import jsonschema_rs
import openpyxl
import pikepdf

from portal.packages import forms, manifest, register, schema, snapshot
from tests.portal.packages import sample
from tests.remediation.poam.structure import faults

DOCS = Path(__file__).resolve().parents[3] / "docs"


def made(**changes) -> dict[str, bytes]:
    return {file.path: file.data for file in forms.made(sample.snapshot(**changes))}


def test_every_form_counts_what_the_pdf_counts():
    files, totals = made(), snapshot.totals(sample.snapshot())
    book = openpyxl.load_workbook(io.BytesIO(files["poam.xlsx"]))
    assert book.sheetnames == ["Open", "Closed"]
    assert book["Open"].max_row - 1 == totals.open
    assert book["Closed"].max_row - 1 == totals.closed + totals.rejected
    register_rows = list(csv.reader(io.StringIO(files["register.csv"].decode("utf-8-sig"))))
    assert len(register_rows) - 1 == totals.findings
    assert openpyxl.load_workbook(io.BytesIO(files["register.xlsx"]))["Findings"].max_row - 1 == totals.findings
    assert len(list(csv.reader(io.StringIO(files["evidence-index.csv"].decode("utf-8-sig"))))) - 1 == totals.exhibits
    poam = json.loads(files["poam.json"])["plan-of-action-and-milestones"]
    assert len(poam["poam-items"]) == totals.findings
    assert sum(risk["status"] != "closed" for risk in poam["risks"]) == totals.open
    results = json.loads(files["assessment-results.json"])["assessment-results"]["results"][0]
    assert len(results["findings"]) == totals.findings
    assert len(results["observations"]) == totals.findings + totals.controls


def test_the_register_is_the_same_as_table_and_as_workbook():
    files = made()
    page = openpyxl.load_workbook(io.BytesIO(files["register.xlsx"])).active
    shown = [[_text(cell.value) for cell in row] for row in page.iter_rows(min_row=2)]
    lines = list(csv.reader(io.StringIO(files["register.csv"].decode("utf-8-sig"))))
    assert shown == lines[1:]
    assert len(lines[0]) == len(register.COLUMNS)


def _text(value) -> str:
    return "" if value is None else value.date().isoformat() if hasattr(value, "date") else str(value)


def test_documents_of_the_sample_are_well_formed():
    for path in ("poam.json", "assessment-results.json"):
        assert faults(json.loads(made()[path])) == []


def test_a_package_without_findings_has_no_plan_of_action_in_oscal():
    assert set(made()) - set(made(findings=(), acceptances=(), deferrals=())) == {"poam.json"}


def test_the_same_snapshot_gives_the_same_bytes():
    assert made() == made()


def test_a_deferred_finding_keeps_its_first_date():
    item = next(item for item in forms.plan.plan(sample.snapshot()).items if item.ref == "F-008")
    assert (item.scheduled_on.isoformat(), item.current_on.isoformat()) == ("2026-08-02", "2026-12-15")
    assert [change.by for change in item.changes] == ["Arun Mehta"]
    assert item.wait.vendor == "Directory supplier"


def test_the_forms_are_attached_with_relationship_and_dates_and_listed(package):
    path, printed = package
    listed = {file["path"]: file["sha256"] for file in json.loads(printed.manifest)["files"]}
    with pikepdf.open(path) as pdf:
        for form in forms.FORMS:
            spec = pdf.attachments[form.path]
            data = spec.get_file()
            assert snapshot.digest(data.read_bytes()) == listed[form.path]
            assert spec.relationship in ("/Data", "/Source")
            assert data.creation_date and data.mod_date
            assert data.mime_type == form.media_type


def test_manifest_names_each_file_once():
    paths = [file.path for file in manifest.made_files(sample.snapshot())]
    assert len(paths) == len(set(paths))


def test_the_schema_in_the_documents_is_that_of_the_rows():
    assert json.loads((DOCS / "snapshot.schema.json").read_text()) == json.loads(json.dumps(schema.schema()))


def test_the_sample_fits_the_schema_and_a_wrong_one_does_not():
    validator = jsonschema_rs.validator_for(schema.schema(), validate_formats=True)
    rows = json.loads(snapshot.canonical(sample.snapshot()))
    assert list(validator.iter_errors(rows)) == []
    assert not validator.is_valid(rows | {"format": "clearhold-snapshot/9"})
    assert not validator.is_valid({name: value for name, value in rows.items() if name != "findings"})
