"""The sample's files are what a newcomer would bring: read by the importers, the same for the same day."""

from datetime import date

import pytest

from portal.sample import files
from remediation.importers.sandbox import Reader

DAY = date(2026, 11, 24)
COUNTS = {
    "audit-report-exceptions.csv": ("audit_report", 12),
    "audit-report-addendum.xlsx": ("audit_report", 3),
    "code-scan.sarif": ("sarif", 7),
    "cloud-posture.ocsf.json": ("ocsf", 8),
}


@pytest.mark.parametrize("name", COUNTS)
def test_a_file_is_detected_and_counted(tmp_path, name):
    path = files.write(tmp_path, DAY)[name]
    with path.open("rb") as file, Reader(file, name=name) as reader:
        readings = [record for record in reader if type(record).__name__ == "Reading"]
        assert (reader.format, len(readings)) == COUNTS[name]


def test_every_failure_pattern_of_the_checks_has_a_control():
    from evidence.controls.starter import STARTER

    assert {pattern for control in STARTER for pattern in control.failure_patterns} == {f"M{n}" for n in range(1, 21)}
