"""The sample's import files: as its script makes them, about thirty findings, every control of the starter set known."""

import pytest

from evidence.controls import services as controls
from evidence.controls.models import Control
from portal.sample import make_files
from remediation.findings.models import Finding, FindingControl, FindingCriterion
from remediation.importers import services
from tests.remediation.importers.reading import read


@pytest.mark.parametrize("name", make_files.MADE)
def test_the_files_are_what_the_script_makes(name):
    kept, made = (make_files.FILES / name).read_bytes(), make_files.MADE[name]()
    if name.endswith(".xlsx"):
        # Another zlib may pack the same content into other bytes.
        assert read(kept).readings == read(made).readings
    else:
        assert kept == made


def test_the_workbook_and_the_table_are_the_same_report():
    workbook, table = (read(make_files.FILES / f"audit-report-exceptions.{kind}") for kind in ("xlsx", "csv"))
    assert [each.fingerprint for each in workbook.readings] == [each.fingerprint for each in table.readings]
    assert [each.detected_at for each in workbook.readings] == [each.detected_at for each in table.readings]


def test_together_they_are_thirty_findings_on_known_controls_and_criteria(people):
    controls.adopt_starter_set(actor=people.maya)
    for name in make_files.MADE:
        with (make_files.FILES / name).open("rb") as file:
            services.run_import(file, actor=people.maya, name=name)
    assert Finding.objects.count() == 30
    exceptions = Finding.objects.filter(source="audit_report")
    assert exceptions.count() == 14
    assert FindingControl.objects.filter(finding__in=exceptions).count() == 14
    assert FindingCriterion.objects.filter(finding__source="scanner").count() >= 8
    assert set(Finding.objects.values_list("severity", flat=True)) == {"critical", "high", "medium", "low"}
    assert Control.objects.count() == 18
